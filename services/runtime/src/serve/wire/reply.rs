//! A body for the answers that hyper gives by itself, which have none.

use tonic::Status;

use super::heads::Flaw;
use crate::serve::{
    limits::{MAX_HEAD, MAX_HEADERS},
    refusal::{JSON, body},
};

/// Between the lines of a head.
const NEWLINE: &str = "\r\n";

/// Writes `bytes`, an answer of hyper's own, with a body that says what is wrong. `None` when it is not a 4xx without a body.
pub(super) fn explained(bytes: &[u8], flaw: Option<Flaw>) -> Option<Vec<u8>> {
    let head = str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split(NEWLINE);
    let status_line = lines.next()?;
    let code: u16 = status_line
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    let (lengths, kept): (Vec<_>, Vec<_>) =
        lines.partition(|line| line.starts_with("content-length:"));
    if !(400..500).contains(&code) || lengths != ["content-length: 0"] {
        return None;
    }
    let body = body(&Status::invalid_argument(reason(code, flaw)));
    let length = body.len();
    let mut answer = status_line.to_owned();
    for line in kept {
        answer += NEWLINE;
        answer += line;
    }
    answer += &format!("\r\ncontent-type: {JSON}\r\ncontent-length: {length}\r\n\r\n{body}");
    Some(answer.into_bytes())
}

fn reason(code: u16, flaw: Option<Flaw>) -> String {
    let head = MAX_HEAD / 1024;
    let reason = match (code, flaw) {
        (414, _) => return format!("the target of the request is longer than {head} KiB"),
        (431, _) => {
            return format!(
                "the head of the request is longer than {head} KiB or has more than {MAX_HEADERS} headers"
            );
        }
        (_, Some(Flaw::TwoFramings)) => {
            "the request has content-length and transfer-encoding, which name two ends of its body; send one of them"
        }
        (_, Some(Flaw::NotALength)) => {
            "the content-length of the request is not one number, or several that differ"
        }
        (_, Some(Flaw::Tls)) => {
            "this is TLS where an HTTP request was to begin; this port may speak HTTP without TLS"
        }
        (_, None) => {
            "the head of the request is not as RFC 9112 writes it: a request line for HTTP/1.1, then headers, each a name, a colon and a value"
        }
    };
    reason.to_owned()
}

#[cfg(test)]
mod tests {
    use super::explained;

    #[test]
    fn an_empty_refusal_gets_a_body_and_keeps_its_other_headers() {
        let empty = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";

        let answer = explained(empty.as_bytes(), None).unwrap();

        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = body.len();
        assert_eq!(
            head,
            format!(
                "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ndate: now\r\ncontent-type: application/json\r\ncontent-length: {length}"
            )
        );
        assert!(body.starts_with(r#"{"code":3,"status":"INVALID_ARGUMENT""#));
        assert!(body.ends_with("}\n"));
    }

    #[test]
    fn any_other_answer_is_left_alone() {
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nmore",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
            "HTTP/1.1 4oo\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(explained(answer.as_bytes(), None), None, "{answer:?}");
        }
    }
}
