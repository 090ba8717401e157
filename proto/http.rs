//! How methods are called over plain HTTP, as their `google.api.http` options say.

use prost_reflect::{DynamicMessage, MethodDescriptor, Value};

/// The option, as `proto/google/api/annotations.proto` declares it.
const HTTP: &str = "google.api.http";

/// The verbs that a rule has a field for.
const VERBS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// One method in HTTP.
#[derive(Clone, Debug)]
pub struct HttpRoute {
    /// The method, with its messages and comments.
    pub method: MethodDescriptor,
    /// For example `GET`.
    pub verb: String,
    /// For example `/v1/records/{key=**}`.
    pub template: String,
    /// Whether the body of a request holds the fields that are not in the path; else they are in the query.
    pub has_body: bool,
}

/// The routes of a service, in the order of its methods. A method without the option has none.
///
/// # Panics
///
/// When there is no such service among these contracts.
#[must_use]
pub fn http_routes(service: &str) -> Vec<HttpRoute> {
    let service = crate::pool()
        .get_service_by_name(service)
        .expect("the service must be one of these contracts");
    service
        .methods()
        .filter_map(|method| HttpRoute::of(&method))
        .collect()
}

// === impl HttpRoute ===

impl HttpRoute {
    fn of(method: &MethodDescriptor) -> Option<Self> {
        let option = crate::pool()
            .get_extension_by_name(HTTP)
            .expect("the option must be compiled in");
        let options = method.options();
        if !options.has_extension(&option) {
            return None;
        }
        let rule = options.get_extension(&option);
        let rule = rule.as_message().expect("a rule must be a message");
        let (verb, template) = VERBS
            .into_iter()
            .find_map(|verb| Some((verb, text(rule, verb)?)))
            .expect("a rule must name a verb and a path");
        Some(Self {
            method: method.clone(),
            verb: verb.to_uppercase(),
            template,
            has_body: text(rule, "body").is_some(),
        })
    }
}

/// What a rule says under a name; nothing when that is empty.
fn text(rule: &DynamicMessage, name: &str) -> Option<String> {
    let value = rule.get_field_by_name(name)?;
    let text = Value::as_str(&value)?;
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::http_routes;

    #[test]
    fn a_route_is_read_from_the_option_of_its_method() {
        let routes = http_routes("api.v1.Api");

        let put = routes
            .iter()
            .find(|route| route.method.name() == "PutRecord")
            .unwrap();
        assert_eq!(put.verb, "PUT");
        assert_eq!(put.template, "/v1/records/{key=**}");
        assert!(put.has_body);
    }

    #[test]
    fn a_method_without_the_option_has_no_route() {
        assert!(http_routes("datastore.v1.DataStore").is_empty());
    }
}
