//! Who we are to etcd: a token, asked for when it is first needed and again when it is refused.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use proto::etcd::{AuthenticateRequest, auth_client::AuthClient};
use tokio::{fs, sync::Mutex, time::Instant};
use tonic::{
    Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use super::{
    address::User,
    fault::{Fault, Kind},
};

/// How long a refused password is not tried again: checking one costs etcd a tenth of a second of computing.
const PAUSE: Duration = Duration::from_secs(1);

/// A user, and the token it has. Neither password nor token is printed.
pub(super) struct Login {
    user: User,
    token: RwLock<Option<Token>>,
    /// Held by the one that asks for a token; says when it was last refused.
    asking: Mutex<Option<Instant>>,
}

/// What etcd gave for the password.
#[derive(Clone)]
pub(super) struct Token {
    /// Nothing when etcd asks nobody who it is.
    value: Option<MetadataValue<Ascii>>,
    number: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("the password file {} cannot be read; mount it, or let this process's user read it", path.display())]
struct PasswordUnreadable {
    path: PathBuf,
    source: io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("etcd refused the user {0} a moment ago; see to the password file")]
struct RefusedBefore(String);

#[derive(Debug, thiserror::Error)]
#[error("etcd gave a token that cannot be sent")]
struct UnusableToken;

// === impl Login ===

impl Login {
    pub(super) fn new(user: User) -> Self {
        Self {
            user,
            token: RwLock::new(None),
            asking: Mutex::new(None),
        }
    }

    /// The token there is, or a new one when there is none, or only the one that was `refused`.
    pub(super) async fn token(
        &self,
        refused: Option<&Token>,
        channel: Channel,
    ) -> Result<Token, Fault> {
        if let Some(token) = self.good(refused) {
            return Ok(token);
        }
        let mut asking = self.asking.lock().await;
        if let Some(token) = self.good(refused) {
            return Ok(token);
        }
        if asking.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(Fault::new(
                Kind::Refused,
                RefusedBefore(self.user.name.clone()),
            ));
        }
        let value = self.ask(channel).await.inspect_err(|fault| {
            *asking = (fault.kind == Kind::Refused).then(Instant::now);
        })?;
        *asking = None;
        let number = refused.map_or(0, |token| token.number + 1);
        let token = Token { value, number };
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        tracing::info!(user = self.user.name, "Authenticated with etcd");
        Ok(token)
    }

    fn good(&self, refused: Option<&Token>) -> Option<Token> {
        let token = self.token.read().unwrap_or_else(PoisonError::into_inner);
        token
            .as_ref()
            .filter(|token| refused.is_none_or(|refused| refused.number < token.number))
            .cloned()
    }

    async fn ask(&self, channel: Channel) -> Result<Option<MetadataValue<Ascii>>, Fault> {
        let path = &self.user.password_file;
        let password = fs::read_to_string(path).await.map_err(|source| {
            let path = path.clone();
            Fault::new(Kind::Refused, PasswordUnreadable { path, source })
        })?;
        let request = AuthenticateRequest {
            name: self.user.name.clone(),
            password: password.trim_end_matches(['\r', '\n']).to_owned(),
        };
        match AuthClient::new(channel).authenticate(request).await {
            Ok(answer) => sendable(&answer.into_inner().token).map(Some),
            Err(status) if asks_nobody(&status) => {
                tracing::warn!("Etcd asks nobody who it is, and lets everybody in");
                Ok(None)
            }
            Err(status) => Err(Fault::from(status).of_a_question()),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

// === impl Token ===

impl Token {
    /// What goes with a call, marked as sensitive.
    pub(super) fn value(&self) -> Option<&MetadataValue<Ascii>> {
        self.value.as_ref()
    }
}

fn sendable(token: &str) -> Result<MetadataValue<Ascii>, Fault> {
    let mut value = MetadataValue::<Ascii>::try_from(token)
        .map_err(|_names_it| Fault::new(Kind::Refused, UnusableToken))?;
    value.set_sensitive(true);
    Ok(value)
}

fn asks_nobody(status: &Status) -> bool {
    status.message() == "etcdserver: authentication is not enabled"
}
