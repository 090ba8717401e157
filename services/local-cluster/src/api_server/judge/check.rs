//! The checks, in their order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest;
use serde_json::Value;

use super::cache;
use crate::api_server::{
    cluster::Cluster,
    go::quoted_list,
    objects::kind::{POD, SERVICE_ACCOUNT},
    text,
    token::{Parsed, SignatureError},
    user::User,
};

/// How wrong a clock may be.
const LEEWAY: Duration = Duration::from_secs(60);

/// Where the API server puts what it learned from a token about the caller.
const EXTRA: &str = "authentication.kubernetes.io/";

/// A token that passed.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) user: User,
    /// Those asked for that the token is meant for, in the order asked.
    pub(crate) audiences: Vec<String>,
}

/// Why a token did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Not a token of this cluster at all, so that another authenticator might know it.
    #[error("invalid bearer token")]
    Foreign,
    #[error("[invalid bearer token, {0}]")]
    Signature(#[from] SignatureError),
    #[error("[invalid bearer token, {0}]")]
    Claims(String),
}

/// Judges `token` for `audiences`; with none, for the API server's own.
pub(crate) fn judge(
    cluster: &Cluster,
    token: &str,
    audiences: &[String],
) -> Result<Accepted, Refused> {
    let own = [cluster.issuer().to_owned()];
    let asked = if audiences.is_empty() {
        &own
    } else {
        audiences
    };
    let now = cluster.clock().now();
    let key = key(token, asked);
    if let Some(accepted) = cluster.verdicts().get(&key, now) {
        return Ok(accepted);
    }
    let accepted = judge_afresh(cluster, token, asked, now)?;
    cluster.verdicts().insert(key, accepted.clone(), now);
    Ok(accepted)
}

fn judge_afresh(
    cluster: &Cluster,
    token: &str,
    asked: &[String],
    now: SystemTime,
) -> Result<Accepted, Refused> {
    let parsed = Parsed::parse(token).ok_or(Refused::Foreign)?;
    let claims = &parsed.claims;
    if claims["iss"] != cluster.issuer() {
        return Err(Refused::Foreign);
    }
    parsed.is_signed(cluster.keys())?;
    let audiences = intersection(cluster.issuer(), &claims["aud"], asked)?;
    check_times(claims, now)?;
    let user = check_objects(cluster, claims)?;
    Ok(Accepted { user, audiences })
}

/// The verdict cache must not hold tokens, so it is keyed by a digest. Lengths keep neighbours apart.
fn key(token: &str, audiences: &[String]) -> cache::Key {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in std::iter::once(token).chain(audiences.iter().map(String::as_str)) {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut key = cache::Key::default();
    key.copy_from_slice(context.finish().as_ref());
    key
}

fn intersection(own: &str, claimed: &Value, asked: &[String]) -> Result<Vec<String>, Refused> {
    let mut claimed: Vec<&str> = match claimed {
        Value::Array(list) => list.iter().map(text).collect(),
        Value::String(one) => vec![one],
        _ => Vec::new(),
    };
    if claimed.is_empty() {
        claimed.push(own);
    }
    let is_claimed = |audience: &&String| claimed.contains(&audience.as_str());
    let both: Vec<_> = asked.iter().filter(is_claimed).cloned().collect();
    if both.is_empty() {
        let (claimed, asked) = (quoted_list(&claimed), quoted_list(asked));
        return Err(Refused::Claims(format!(
            "token audiences {claimed} is invalid for the target audiences {asked}"
        )));
    }
    Ok(both)
}

fn check_times(claims: &Value, now: SystemTime) -> Result<(), Refused> {
    let time = |name: &str| {
        let seconds = claims[name].as_u64()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    };
    let why = if time("nbf").is_some_and(|start| now + LEEWAY < start) {
        "service account token is not valid yet"
    } else if time("exp").is_some_and(|end| now > end + LEEWAY) {
        "service account token has expired"
    } else if time("iat").is_some_and(|issued| now + LEEWAY < issued) {
        "service account token is issued in the future"
    } else {
        return Ok(());
    };
    Err(Refused::Claims(why.to_owned()))
}

fn check_objects(cluster: &Cluster, claims: &Value) -> Result<User, Refused> {
    let private = &claims["kubernetes.io"];
    let namespace = text(&private["namespace"]);
    let (name, uid) = reference(&private["serviceaccount"]);
    if name.is_empty() {
        return Err(Refused::Claims("resource name may not be empty".to_owned()));
    }
    let account = cluster
        .objects()
        .require(&SERVICE_ACCOUNT, namespace, name)
        .map_err(|failure| Refused::Claims(failure.to_string()))?;
    let current = text(&account["metadata"]["uid"]);
    if current != uid {
        return Err(Refused::Claims(format!(
            "service account UID ({current}) does not match claim ({uid})"
        )));
    }
    let mut user = User::service_account(namespace, name, uid);
    let mut tell = |what: &str, value: &str| {
        if !value.is_empty() {
            user.extra
                .insert(format!("{EXTRA}{what}"), vec![value.to_owned()]);
        }
    };
    let jti = text(&claims["jti"]);
    if !jti.is_empty() {
        tell("credential-id", &format!("JTI={jti}"));
    }
    if private["pod"].is_object() {
        let (name, uid) = reference(&private["pod"]);
        let Some(pod) = cluster.objects().get(&POD, namespace, name) else {
            let why = "service account token has been invalidated";
            return Err(Refused::Claims(why.to_owned()));
        };
        let current = text(&pod["metadata"]["uid"]);
        if current != uid {
            return Err(Refused::Claims(format!(
                "pod UID ({current}) does not match service account pod ref claim ({uid})"
            )));
        }
        tell("pod-name", name);
        tell("pod-uid", uid);
    }
    // With a bound pod the node is hearsay: Kubernetes repeats the claim without looking.
    let (name, uid) = reference(&private["node"]);
    tell("node-name", name);
    tell("node-uid", uid);
    Ok(user)
}

fn reference(claim: &Value) -> (&str, &str) {
    (text(&claim["name"]), text(&claim["uid"]))
}
