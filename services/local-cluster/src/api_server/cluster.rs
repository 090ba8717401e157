//! The cluster itself: its objects, its keys, its clock. No socket and no file; those are around it.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use ring::digest;
use serde_json::{Value, json};
use tonic_kube_auth::Clock;

use crate::api_server::{
    failure::Failure,
    judge,
    keys::{Keyring, SigningKey, VerifyingKey},
    objects::{Objects, kind::Kind},
    text,
    token_request::{self, Asked},
    user::User,
};
use crate::secret::Secret;

/// Who signs the tokens, and the audience of those meant for the API server itself.
pub const ISSUER: &str = "https://kubernetes.default.svc";

/// A cluster in memory. Clones are the same cluster.
#[derive(Clone)]
pub struct Cluster {
    state: Arc<State>,
}

/// Puts a [`Cluster`] together.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClusterBuilder {
    signing: SigningKey,
    verifying: Vec<VerifyingKey>,
    clock: Clock,
    users: HashMap<TokenDigest, User>,
    objects: Vec<Value>,
}

struct State {
    keys: Keyring,
    clock: Clock,
    objects: Objects,
    users: HashMap<TokenDigest, User>,
    verdicts: judge::Cache,
}

/// Static tokens are looked up by digest: nothing to print, and no comparison that stops early.
type TokenDigest = Vec<u8>;

// === impl Cluster ===

impl Cluster {
    /// Starts with a key to sign tokens with, and nothing else in the cluster but its roles.
    pub fn builder(signing: SigningKey) -> ClusterBuilder {
        ClusterBuilder {
            signing,
            verifying: Vec::new(),
            clock: Clock::system(),
            users: HashMap::new(),
            objects: crate::api_server::rbac::seed(),
        }
    }

    /// Creates an object, as `POST` would.
    ///
    /// # Errors
    ///
    /// [`Failure`] as the API server words it: unknown kind, invalid, exists already.
    pub fn create(&self, object: Value) -> Result<Arc<Value>, Failure> {
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let Some(kind) = Kind::of_object(api_version, kind) else {
            return Err(Failure::bad_request(format!(
                "no kind {kind:?} in {api_version:?} here"
            )));
        };
        let namespace = text(&object["metadata"]["namespace"]).to_owned();
        self.objects().create(kind, &namespace, object)
    }

    /// Reads an object by its resource: `get("pods", "api", "api")`. What lives in no namespace has the namespace `""`.
    #[must_use]
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let kind = Kind::of_plural(resource)?;
        self.objects().get(kind, namespace, name)
    }

    /// Deletes an object, as `DELETE` would.
    ///
    /// # Errors
    ///
    /// [`Failure`] when there is no such object.
    pub fn delete(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<Value>, Failure> {
        let kind = Kind::of_plural(resource).ok_or_else(Failure::no_such_resource)?;
        self.objects().delete(kind, namespace, name)
    }

    /// Mints a token for a service account, as a TokenRequest would, but of any lifetime down to a second.
    ///
    /// # Errors
    ///
    /// [`Failure`] when there is no such account, or the lifetime is out of range.
    pub fn mint(
        &self,
        namespace: &str,
        account: &str,
        audiences: &[&str],
        lifetime: Duration,
    ) -> Result<Secret, Failure> {
        let spec = json!({ "audiences": audiences, "expirationSeconds": lifetime.as_secs() });
        let body = json!({ "spec": spec });
        let asked = Asked {
            namespace,
            account,
            body: &body,
            shortest: 1,
        };
        let answer = token_request::answer(self, &User::admin(), asked)?;
        Ok(Secret::new(text(&answer["status"]["token"]).to_owned()))
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.state.objects
    }

    pub(crate) fn keys(&self) -> &Keyring {
        &self.state.keys
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.state.clock
    }

    pub(crate) fn verdicts(&self) -> &judge::Cache {
        &self.state.verdicts
    }

    #[expect(
        clippy::unused_self,
        reason = "what the issuer is, is the cluster's to say"
    )]
    pub(crate) fn issuer(&self) -> &'static str {
        ISSUER
    }

    pub(crate) fn static_user(&self, token: &str) -> Option<User> {
        self.state.users.get(&token_digest(token)).cloned()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("keys", &self.state.keys)
            .field("objects", &self.state.objects)
            .finish_non_exhaustive()
    }
}

// === impl ClusterBuilder ===

impl ClusterBuilder {
    /// Tells the time by `clock`: what expires, what is written, what is remembered.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Accepts tokens signed with another key too.
    pub fn with_verifying_key(mut self, key: VerifyingKey) -> Self {
        self.verifying.push(key);
        self
    }

    /// Takes whoever shows `token` for `user`.
    pub fn with_static_token(mut self, token: &Secret, user: User) -> Self {
        self.users.insert(token_digest(token.expose()), user);
        self
    }

    /// Has an object from the start. One that brings no uid gets the same at every start with the same signing key.
    pub fn with_object(mut self, object: Value) -> Self {
        self.objects.push(object);
        self
    }

    /// Creates the objects, in the order given.
    ///
    /// # Errors
    ///
    /// [`Failure`] when one of them would be refused by the API.
    pub fn build(self) -> Result<Cluster, Failure> {
        let Self {
            signing,
            verifying,
            clock,
            users,
            objects,
        } = self;
        let origin = signing.verifying_key().id().to_owned();
        let uids = move |kind: &Kind, namespace: &str, name: &str| {
            lasting_uid(&origin, [kind.plural, namespace, name])
        };
        let cluster = Cluster {
            state: Arc::new(State {
                keys: Keyring::new(signing, verifying),
                objects: Objects::new(clock.clone(), Box::new(uids)),
                clock,
                users,
                verdicts: judge::Cache::default(),
            }),
        };
        for object in objects {
            cluster.create(object)?;
        }
        cluster.objects().seeded();
        Ok(cluster)
    }
}

fn token_digest(token: &str) -> TokenDigest {
    digest::digest(&digest::SHA256, token.as_bytes())
        .as_ref()
        .to_vec()
}

/// Looks random, but is the same whenever the cluster has the same key.
fn lasting_uid(origin: &str, names: [&str; 3]) -> String {
    let whole = format!("{origin}\n{}", names.join("\n"));
    let digest = digest::digest(&digest::SHA256, whole.as_bytes());
    let mut bytes = [0; 16];
    for (byte, random) in bytes.iter_mut().zip(digest.as_ref()) {
        *byte = *random;
    }
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}
