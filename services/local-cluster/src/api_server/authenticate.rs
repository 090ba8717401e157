//! Who calls the API server: an administrator, a service account, or nobody in particular.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::api_server::{cluster::Cluster, failure::Failure, judge::judge, user::User};

/// `kubectl --as` and its kin.
const IMPERSONATION: &str = "impersonate-";

/// Reads the bearer token of a request. Without one the caller is anonymous; with a bad one it is refused.
///
/// A service-account token must be meant for the API server itself.
pub(crate) fn authenticate(cluster: &Cluster, headers: &HeaderMap) -> Result<User, Failure> {
    // Answering as if it were not there would answer for the wrong user.
    if headers
        .keys()
        .any(|name| name.as_str().starts_with(IMPERSONATION))
    {
        return Err(Failure::bad_request("impersonation is not supported here"));
    }
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(User::anonymous());
    };
    let Some(token) = header.to_str().ok().and_then(bearer) else {
        return Ok(User::anonymous());
    };
    if let Some(user) = cluster.static_user(token) {
        return Ok(user);
    }
    match judge(cluster, token, &[]) {
        Ok(accepted) => Ok(accepted.user),
        Err(refused) => {
            tracing::debug!(%refused, "Unauthorized");
            Err(Failure::unauthorized())
        }
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn only_a_bearer_token_counts() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
        assert_eq!(bearer("abc"), None);
    }
}
