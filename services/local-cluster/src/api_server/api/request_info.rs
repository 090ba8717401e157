//! What a request is about: a resource (`/api/v1/namespaces/api/pods/one`) or just a path, and the verb RBAC knows it by.

use std::collections::HashMap;

use axum::extract::{Query, Request};
use http::Method;

use crate::api_server::rbac::Attempt;

/// A request as the authorizer and the router see it.
#[derive(Debug)]
pub(super) struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `delete` and so on; for mere paths the method in lower case.
    pub(super) verb: &'static str,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) resource: Option<ResourceInfo>,
}

/// What a path says about a resource. Absent parts are empty.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct ResourceInfo {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) namespace: String,
    pub(super) resource: String,
    pub(super) name: String,
    pub(super) subresource: String,
}

// === impl RequestInfo ===

impl RequestInfo {
    pub(super) fn of(request: &Request) -> Self {
        let path = decode(request.uri().path());
        let query = Query::try_from_uri(request.uri())
            .map_or_else(|_| HashMap::new(), |Query(query)| query);
        let resource = ResourceInfo::parse(&path);
        let verb = verb(request.method(), resource.as_ref(), &query);
        Self {
            verb,
            path,
            query,
            resource,
        }
    }

    pub(super) fn attempt(&self) -> Attempt {
        let verb = self.verb.to_owned();
        match &self.resource {
            None => Attempt::Path {
                verb,
                path: self.path.clone(),
            },
            Some(of) => Attempt::Resource {
                verb,
                group: of.group.clone(),
                resource: of.whole_resource(),
                namespace: of.namespace.clone(),
                name: of.name.clone(),
            },
        }
    }

    /// Whether a boolean parameter is set.
    pub(super) fn is_set(&self, parameter: &str) -> bool {
        matches!(
            self.query.get(parameter).map(String::as_str),
            Some("1" | "true")
        )
    }
}

// === impl ResourceInfo ===

impl ResourceInfo {
    /// With its subresource: `serviceaccounts/token`.
    pub(super) fn whole_resource(&self) -> String {
        match self.subresource.as_str() {
            "" => self.resource.clone(),
            sub => format!("{}/{sub}", self.resource),
        }
    }

    fn parse(path: &str) -> Option<Self> {
        let mut segments = path.trim_matches('/').split('/');
        let group = match segments.next()? {
            "api" => String::new(),
            "apis" => segments.next()?.to_owned(),
            _ => return None,
        };
        let version = segments.next()?.to_owned();
        let rest: Vec<_> = segments.collect();
        let (namespace, rest) = match rest.as_slice() {
            // A namespace itself is in itself, so that a rule can grant it.
            ["namespaces", name, rest @ ..]
                if rest.is_empty() || matches!(rest, ["status" | "finalize"]) =>
            {
                (
                    *name,
                    ["namespaces", name]
                        .into_iter()
                        .chain(rest.iter().copied())
                        .collect(),
                )
            }
            ["namespaces", namespace, rest @ ..] => (*namespace, rest.to_vec()),
            rest => ("", rest.to_vec()),
        };
        let mut rest = rest.into_iter().map(str::to_owned);
        Some(Self {
            group,
            version,
            namespace: namespace.to_owned(),
            resource: rest.next().filter(|resource| !resource.is_empty())?,
            name: rest.next().unwrap_or_default(),
            subresource: rest.collect::<Vec<_>>().join("/"),
        })
    }
}

fn verb(
    method: &Method,
    resource: Option<&ResourceInfo>,
    query: &HashMap<String, String>,
) -> &'static str {
    let is_watch = || matches!(query.get("watch").map(String::as_str), Some("1" | "true"));
    match (method.as_str(), resource) {
        ("GET" | "HEAD", Some(of)) if !of.name.is_empty() => "get",
        ("GET" | "HEAD", Some(_)) if is_watch() => "watch",
        ("GET" | "HEAD", Some(_)) => "list",
        ("DELETE", Some(of)) if of.name.is_empty() => "deletecollection",
        ("POST", Some(_)) => "create",
        ("PUT", Some(_)) => "update",
        ("GET", None) => "get",
        ("HEAD", None) => "head",
        ("POST", None) => "post",
        ("PUT", None) => "put",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        _ => "options",
    }
}

/// Undoes percent encoding; what is not valid stays as it is.
fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        rest = tail;
        if let (b'%', [high, low, tail @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex(high), hex(low))
            && let Ok(byte) = u8::try_from(high * 16 + low)
        {
            bytes.push(byte);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{ResourceInfo, decode};

    fn mk_info(path: &str) -> [String; 5] {
        let info = ResourceInfo::parse(path).unwrap();
        let ResourceInfo {
            group,
            namespace,
            resource,
            name,
            subresource,
            ..
        } = info;
        [group, namespace, resource, name, subresource]
    }

    #[test]
    fn a_path_names_its_resource() {
        assert_eq!(mk_info("/api/v1/pods"), ["", "", "pods", "", ""]);
        assert_eq!(
            mk_info("/api/v1/namespaces"),
            ["", "", "namespaces", "", ""]
        );
        assert_eq!(
            mk_info("/api/v1/namespaces/a"),
            ["", "a", "namespaces", "a", ""]
        );
        assert_eq!(
            mk_info("/api/v1/namespaces/a/pods"),
            ["", "a", "pods", "", ""]
        );
        assert_eq!(
            mk_info("/api/v1/namespaces/a/serviceaccounts/b/token"),
            ["", "a", "serviceaccounts", "b", "token"]
        );
        assert_eq!(mk_info("/apis/g/v1/things/x"), ["g", "", "things", "x", ""]);
    }

    #[test]
    fn a_path_without_a_resource_is_just_a_path() {
        for path in ["/", "/api", "/api/v1", "/apis/g", "/apis/g/v1", "/version"] {
            assert_eq!(ResourceInfo::parse(path), None, "{path}");
        }
    }

    #[test]
    fn percent_encoding_is_undone_once() {
        assert_eq!(decode("/a%3Ab%252f%zz%"), "/a:b%2f%zz%");
    }
}
