//! Selectors: which objects a list or a watch is about.

use serde_json::Value;

use crate::api_server::{failure::Failure, text};

use super::request_info::RequestInfo;

/// Fields one may select by, besides name and namespace.
const FIELDS: [&str; 5] = [
    "metadata.name",
    "metadata.namespace",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.phase",
];

/// All conditions of a request; an object must meet each.
#[derive(Debug, Default)]
pub(super) struct Selector {
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    /// Where the value is found in an object.
    path: Vec<String>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Exists,
    IsAbsent,
}

// === impl Selector ===

impl Selector {
    pub(super) fn of(info: &RequestInfo) -> Result<Self, Failure> {
        let mut conditions = Vec::new();
        for term in terms(info, "fieldSelector") {
            let (key, test) = parse(term);
            if !FIELDS.contains(&key) {
                return Err(Failure::bad_request(format!(
                    "field label not supported: {key}"
                )));
            }
            let path = key.split('.').map(str::to_owned).collect();
            conditions.push(Condition { path, test });
        }
        for term in terms(info, "labelSelector") {
            if term.contains('(') || term.contains(' ') {
                return Err(Failure::bad_request(
                    "set-based label selectors are not supported here",
                ));
            }
            let (key, test) = parse(term);
            let path = vec!["metadata".to_owned(), "labels".to_owned(), key.to_owned()];
            conditions.push(Condition { path, test });
        }
        Ok(Self { conditions })
    }

    pub(super) fn selects(&self, object: &Value) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.is_met(object))
    }
}

// === impl Condition ===

impl Condition {
    fn is_met(&self, object: &Value) -> bool {
        let found = self
            .path
            .iter()
            .try_fold(object, |object, key| object.get(key));
        match &self.test {
            Test::Is(value) => found.map_or("", text) == value,
            Test::IsNot(value) => found.map_or("", text) != value,
            Test::Exists => found.is_some(),
            Test::IsAbsent => found.is_none(),
        }
    }
}

fn terms<'a>(info: &'a RequestInfo, parameter: &str) -> impl Iterator<Item = &'a str> {
    let selector = info.query.get(parameter).map_or("", String::as_str);
    selector
        .split(',')
        .map(str::trim)
        .filter(|term| !term.is_empty())
}

fn parse(term: &str) -> (&str, Test) {
    if let Some((key, value)) = term.split_once("!=") {
        (key, Test::IsNot(value.to_owned()))
    } else if let Some((key, value)) = term.split_once('=') {
        (key, Test::Is(value.trim_start_matches('=').to_owned()))
    } else if let Some(key) = term.strip_prefix('!') {
        (key, Test::IsAbsent)
    } else {
        (term, Test::Exists)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Condition, Selector, parse};

    fn mk_selector(terms: &[&str]) -> Selector {
        let condition = |term: &&str| {
            let (key, test) = parse(term);
            let path = vec!["labels".to_owned(), key.to_owned()];
            Condition { path, test }
        };
        Selector {
            conditions: terms.iter().map(condition).collect(),
        }
    }

    #[test]
    fn every_condition_must_be_met() {
        let object = json!({ "labels": { "app": "hello" } });

        assert!(mk_selector(&[]).selects(&object));
        assert!(
            mk_selector(&["app=hello", "app==hello", "app", "!role", "role!=x"]).selects(&object)
        );
        assert!(!mk_selector(&["app=hello", "role=x"]).selects(&object));
        assert!(!mk_selector(&["!app"]).selects(&object));
        assert!(!mk_selector(&["app!=hello"]).selects(&object));
    }
}
