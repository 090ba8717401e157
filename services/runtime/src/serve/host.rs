//! Whom a request is for.

use axum::extract::Request;
use http::{Version, header, uri::Authority};
use tonic::Status;

/// Checks that a request names one host: in its `host` header, or in HTTP/2 in its `:authority`.
///
/// Without one, or with two, the programs between a client and us could each take it to be for another (RFC 9112 section 3.2, RFC 9113
/// section 8.3.1).
pub(super) fn check(request: &Request) -> Result<(), Status> {
    let authority = request.uri().authority();
    let is_http_2 = request.version() == Version::HTTP_2;
    if authority.is_some_and(|authority| !is_host_and_port(authority)) {
        return refuse("the target of the request is not at a host, or a host and a port");
    }
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if is_http_2 && authority.is_some() => Ok(()),
        (None, _) => refuse("the request has no host header"),
        (Some(_), Some(_)) => refuse("the request has more than one host header"),
        (Some(host), None) => match Authority::try_from(host.as_bytes()) {
            Ok(host) if !is_host_and_port(&host) => refuse(NOT_A_HOST),
            Ok(host) if authority.is_some_and(|authority| *authority != host) => {
                refuse("the host header and the target of the request name two hosts")
            }
            Ok(_) => Ok(()),
            Err(_not_an_authority) => refuse(NOT_A_HOST),
        },
    }
}

const NOT_A_HOST: &str = "the host header is not a host, or a host and a port";

fn refuse(why: &str) -> Result<(), Status> {
    Err(Status::invalid_argument(why))
}

/// Without a user's name, which an authority may have elsewhere, and with a port that is one.
fn is_host_and_port(authority: &Authority) -> bool {
    let text = authority.as_str();
    let host = authority.host();
    !host.is_empty()
        && text
            .strip_prefix(host)
            .is_some_and(|port| port.is_empty() || authority.port_u16().is_some())
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};
    use http::Version;

    use super::check;

    fn is_taken(version: Version, target: &str, hosts: &[&[u8]]) -> bool {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        check(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in ["a", "a.b:80", "10.0.0.1", "[::1]", "[::1]:8080", "A_b-c.d."] {
            assert!(
                is_taken(Version::HTTP_11, "/", &[host.as_bytes()]),
                "{host}"
            );
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for host in [
            "", ":80", "a:b", "a:80:80", "a:65536", "a:-1", "u@a", "u:p@a", "a b", "a/b", "a?b",
            "a#b", "[::1", "::1", "a, b", "http://a", "\u{e4}", "a\\b",
        ] {
            assert!(
                !is_taken(Version::HTTP_11, "/", &[host.as_bytes()]),
                "{host:?}"
            );
        }
    }

    #[test]
    fn a_request_names_one_host() {
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            assert!(is_taken(version, "/", &[b"a"]), "{version:?}");
            assert!(!is_taken(version, "/", &[]), "{version:?}");
            assert!(!is_taken(version, "/", &[b"a", b"a"]), "{version:?}");
        }
    }

    #[test]
    fn in_http_2_the_authority_is_the_host() {
        assert!(is_taken(Version::HTTP_2, "http://a:1/", &[]));
        assert!(is_taken(Version::HTTP_2, "http://a:1/", &[b"A:1"]));
        assert!(!is_taken(Version::HTTP_2, "http://a:1/", &[b"b:1"]));
        assert!(!is_taken(Version::HTTP_2, "http://u@a/", &[]));
    }

    #[test]
    fn in_http_1_a_whole_url_does_not_stand_in_for_the_header() {
        assert!(!is_taken(Version::HTTP_11, "http://a/", &[]));
        assert!(is_taken(Version::HTTP_11, "http://a/", &[b"a"]));
        assert!(!is_taken(Version::HTTP_11, "http://a/", &[b"b"]));
    }
}
