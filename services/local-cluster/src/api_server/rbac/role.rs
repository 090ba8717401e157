//! Whether one rule of a role permits an attempt.

use serde_json::Value;

use super::decide::{Attempt, members};
use crate::api_server::text;

const ALL: &str = "*";

pub(super) fn permits(rule: &Value, attempt: &Attempt) -> bool {
    match attempt {
        Attempt::Path { verb, path } => {
            has(&rule["verbs"], verb) && any(&rule["nonResourceURLs"], |url| is_path(url, path))
        }
        Attempt::Resource {
            verb,
            group,
            resource,
            name,
            ..
        } => {
            let names = &rule["resourceNames"];
            has(&rule["verbs"], verb)
                && has(&rule["apiGroups"], group)
                && any(&rule["resources"], |known| is_resource(known, resource))
                && (members(names).next().is_none() || any(names, |known| known == name))
        }
    }
}

fn has(list: &Value, item: &str) -> bool {
    any(list, |known| known == ALL || known == item)
}

fn any(list: &Value, is_it: impl Fn(&str) -> bool) -> bool {
    members(list).any(|item| is_it(text(item)))
}

/// `*`, the same, or `*/subresource`.
fn is_resource(known: &str, resource: &str) -> bool {
    let is_subresource = || {
        let known = known.strip_prefix("*/");
        known.is_some() && known == resource.split_once('/').map(|(_, sub)| sub)
    };
    known == ALL || known == resource || is_subresource()
}

/// `*`, the same, or a prefix that ends in `*`.
fn is_path(known: &str, path: &str) -> bool {
    known == path
        || known
            .strip_suffix('*')
            .is_some_and(|prefix| path.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::permits;
    use crate::api_server::rbac::Attempt;

    fn mk_attempt(verb: &str, resource: &str, name: &str) -> Attempt {
        Attempt::Resource {
            verb: verb.to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            namespace: "api".to_owned(),
            name: name.to_owned(),
        }
    }

    fn mk_rule(resource: &str) -> Value {
        json!({ "apiGroups": [""], "resources": [resource], "verbs": ["create"] })
    }

    #[test]
    fn a_resource_does_not_include_its_subresources() {
        let attempt = mk_attempt("create", "serviceaccounts/token", "api");

        assert!(!permits(&mk_rule("serviceaccounts"), &attempt));
        assert!(permits(&mk_rule("serviceaccounts/token"), &attempt));
        assert!(permits(&mk_rule("*/token"), &attempt));
        assert!(permits(&mk_rule("*"), &attempt));
        assert!(!permits(&mk_rule("*/status"), &attempt));
    }

    #[test]
    fn a_rule_with_names_permits_only_those() {
        let mut rule = mk_rule("pods");
        rule["resourceNames"] = json!(["one"]);

        assert!(permits(&rule, &mk_attempt("create", "pods", "one")));
        assert!(!permits(&rule, &mk_attempt("create", "pods", "two")));
        assert!(!permits(&rule, &mk_attempt("create", "pods", "")));
    }

    #[test]
    fn a_path_may_end_in_a_star() {
        let rule = json!({ "nonResourceURLs": ["/api/*", "/version"], "verbs": ["get"] });
        let permits = |path: &str| {
            let (verb, path) = ("get".to_owned(), path.to_owned());
            permits(&rule, &Attempt::Path { verb, path })
        };

        assert!(permits("/api/v1"));
        assert!(permits("/version"));
        assert!(!permits("/version/x"));
        assert!(!permits("/api"));
    }

    #[test]
    fn an_empty_rule_permits_nothing() {
        assert!(!permits(&json!({}), &mk_attempt("get", "pods", "")));
    }
}
