//! An answer to a TokenReview → whose token it is, or why that is not known.

use std::{
    error::Error as _,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    Refusal,
    authn::token_review::answer::{Review, classify, read_review},
    fuzz::json,
};

/// Everything that can be said of an answer that means nothing. None of it is taken from the answer.
const ERRORS: [(&str, &str); 10] = [
    (
        "the answer cannot be read as JSON: Syntax",
        "NotJson(Syntax)",
    ),
    ("the answer cannot be read as JSON: Data", "NotJson(Data)"),
    ("the answer cannot be read as JSON: Eof", "NotJson(Eof)"),
    (
        "the answer means nothing: not an object",
        r#"Meaningless("not an object")"#,
    ),
    (
        "the answer means nothing: an object of another kind",
        r#"Meaningless("an object of another kind")"#,
    ),
    (
        "the answer means nothing: no status",
        r#"Meaningless("no status")"#,
    ),
    (
        "the answer means nothing: authenticated, but no user",
        r#"Meaningless("authenticated, but no user")"#,
    ),
    (
        "the answer means nothing: authenticated, but the user has no name",
        r#"Meaningless("authenticated, but the user has no name")"#,
    ),
    (
        "the answer means nothing: authenticated, but with an error",
        r#"Meaningless("authenticated, but with an error")"#,
    ),
    (
        "the answer means nothing: Kubernetes failed to check the token, as its own log says",
        r#"Meaningless("Kubernetes failed to check the token, as its own log says")"#,
    ),
];

/// Reads the text as an answer, as the status of an answer, and as the words of a refusal.
///
/// - A token is genuine only when the answer says so in every way, and belongs to whom the answer names.
/// - An answer that means nothing is a fault of ours, and nothing of it is shown.
/// - Whatever a refusal says, it refuses, shows nothing of it, and blames nobody but the caller.
///
/// # Panics
///
/// When any of this does not hold.
pub fn answer(data: &[u8]) {
    check_answer(data);
    let before = br#"{"kind":"TokenReview","spec":{"token":"a"},"status":"#;
    check_answer(&[before, data, b"}"].concat());
    if let Ok(why) = str::from_utf8(data) {
        check_refusal(why);
    }
}

fn check_answer(body: &[u8]) {
    let review = read_review(body);

    let says = |path: &[&str]| json::field(body, path).unwrap_or(Value::Null);
    match review {
        Ok(Review::Genuine(user)) => {
            assert_eq!(says(&["kind"]), "TokenReview");
            assert_eq!(says(&["status", "authenticated"]), true);
            let error = says(&["status", "error"]);
            assert!(error.is_null() || error == "", "{error}");
            assert_ne!(user.username, "");
            assert_eq!(says(&["status", "user", "username"]), user.username);
            let audiences = says(&["status", "audiences"]);
            assert!(
                audiences.is_null() && user.audiences.is_empty()
                    || audiences == json!(user.audiences)
            );
        }
        Ok(Review::Refused(why)) => {
            assert_eq!(says(&["kind"]), "TokenReview");
            assert_ne!(says(&["status", "authenticated"]), true);
            let error = says(&["status", "error"]);
            assert_eq!(error.as_str().unwrap_or_default(), why);
            check_refusal(&why);
        }
        Err(error) => {
            assert_eq!(error.refusal(), Refusal::KubernetesUnavailable);
            let shown = (error.to_string(), format!("{error:?}"));
            let is_known = |(display, debug)| shown.0 == display && shown.1 == debug;
            assert!(ERRORS.into_iter().any(is_known), "{shown:?}");
            assert!(error.source().is_none(), "{error:?}");
        }
    }
}

fn check_refusal(why: &str) {
    let audience = "data-store"
        .parse()
        .expect("a constant audience must be one");
    // A token says of its expiry what it likes, as long as some clock could show it.
    for seconds in [None, Some(1_795_455_440), Some(i64::MAX.unsigned_abs())] {
        let since_epoch = seconds.map(Duration::from_secs);
        let expires_at = since_epoch.and_then(|seconds| UNIX_EPOCH.checked_add(seconds));

        let refusal = classify(why, &audience, expires_at);

        match &refusal {
            Refusal::Rejected | Refusal::Revoked => (),
            Refusal::Expired { at } => assert_eq!(Some(*at), expires_at),
            Refusal::AudienceMismatch { expected } => assert_eq!(*expected, audience),
            Refusal::Missing
            | Refusal::Malformed(_)
            | Refusal::NotAllowed
            | Refusal::KubernetesUnavailable
            | Refusal::VerifierMisconfigured
            | Refusal::Overloaded
            | Refusal::DeadlineExceeded => unreachable!("{refusal:?} must not come from words"),
        }
        let status = refusal.to_status();
        assert_eq!(status.code(), refusal.code());
        assert_ne!(status.code(), tonic::Code::Ok);
        let http = refusal.http_status();
        assert!(http.is_client_error() || http.is_server_error(), "{http}");
    }
}
