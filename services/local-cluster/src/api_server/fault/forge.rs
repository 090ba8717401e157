//! Verdicts that no API server should give: a genuine token's, with one thing wrong.

use axum::body::Bytes;
use serde_json::Value;

/// One thing to be wrong with the `status` of a genuine token.
#[derive(Debug)]
pub(super) struct Forgery {
    field: &'static str,
    value: Option<Value>,
}

// === impl Forgery ===

impl Forgery {
    pub(super) fn with(field: &'static str, value: Value) -> Self {
        let value = Some(value);
        Self { field, value }
    }

    pub(super) fn without(field: &'static str) -> Self {
        Self { field, value: None }
    }

    /// Forges an answer. What is no verdict on a genuine token, an access review for one, stays as it is.
    pub(super) fn apply(self, answer: Bytes) -> Bytes {
        let Ok(mut review) = serde_json::from_slice::<Value>(&answer) else {
            return answer;
        };
        let Some(Value::Object(status)) = review.get_mut("status") else {
            return answer;
        };
        if status.get("authenticated") != Some(&Value::Bool(true)) {
            return answer;
        }
        match self.value {
            Some(value) => status.insert(self.field.to_owned(), value),
            None => status.remove(self.field),
        };
        review.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Forgery;

    fn forged(forgery: Forgery, status: &Value) -> Value {
        let answer = json!({ "kind": "TokenReview", "status": status }).to_string();
        let forged: Value = serde_json::from_slice(&forgery.apply(answer.into())).unwrap();
        forged["status"].clone()
    }

    #[test]
    fn one_thing_is_wrong_and_the_rest_is_as_it_was() {
        let genuine =
            json!({ "authenticated": true, "user": { "username": "a" }, "audiences": ["b"] });

        let without_user = forged(Forgery::without("user"), &genuine);
        assert_eq!(
            without_user,
            json!({ "authenticated": true, "audiences": ["b"] })
        );

        let foreign = forged(Forgery::with("audiences", json!(["c"])), &genuine);
        assert_eq!(
            foreign,
            json!({ "authenticated": true, "user": { "username": "a" }, "audiences": ["c"] })
        );
    }

    #[test]
    fn what_is_no_verdict_on_a_genuine_token_stays_as_it_is() {
        for status in [
            json!({ "user": {}, "error": "invalid bearer token" }),
            json!({ "allowed": true }),
            Value::Null,
        ] {
            assert_eq!(forged(Forgery::without("user"), &status), status);
        }
        let garbage = Forgery::without("user").apply("<html>".into());
        assert_eq!(garbage, "<html>");
    }
}
