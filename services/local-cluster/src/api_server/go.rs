//! Texts a Go program writes: the API server's messages quote and complain the way Go's standard library does.

use std::fmt::Write as _;

/// How much of a body a complaint about it repeats.
const SUMMARY: usize = 30;

/// A list of strings as Go's `%q` prints it: `["a" "b"]`.
pub(crate) fn quoted_list<S: AsRef<str>>(list: &[S]) -> String {
    let quoted: Vec<_> = list.iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", quoted.join(" "))
}

/// A string as Go's `%q` prints it.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// What Go's `encoding/json` says about a body that `error` complains of.
pub(crate) fn json_error(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let said = error.to_string();
    let context = [
        (
            "key must be a string",
            "looking for beginning of object key string",
        ),
        ("expected `:`", "after object key"),
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
        ("trailing characters", "after top-level value"),
    ]
    .into_iter()
    .find_map(|(serde, go)| said.starts_with(serde).then_some(go))
    .unwrap_or("looking for beginning of value");
    let culprit = body
        .split(|byte| *byte == b'\n')
        .nth(error.line().saturating_sub(1))
        .and_then(|line| line.get(error.column().saturating_sub(1)))
        .map_or('?', |byte| char::from(*byte));
    format!("invalid character '{culprit}' {context}")
}

/// The beginning of a body: as text if it looks like JSON, else in hexadecimal.
pub(crate) fn summary(body: &[u8]) -> String {
    let (head, rest) = body.split_at(body.len().min(SUMMARY));
    let mut text = match head.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(head).into_owned(),
        Some(_) => head.iter().fold(String::new(), |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        }),
    };
    if !rest.is_empty() {
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{json_error, quoted_list, summary};

    fn mk_error(body: &str) -> String {
        let error = serde_json::from_str::<serde_json::Value>(body).unwrap_err();
        json_error(body.as_bytes(), &error)
    }

    #[test]
    fn complaints_about_json_read_as_go_writes_them() {
        assert_eq!(
            mk_error("{not json"),
            "invalid character 'n' looking for beginning of object key string"
        );
        assert_eq!(mk_error("{\"a\""), "unexpected end of JSON input");
        assert_eq!(
            mk_error("<a>"),
            "invalid character '<' looking for beginning of value"
        );
    }

    #[test]
    fn a_list_is_quoted_without_commas() {
        assert_eq!(quoted_list(&["a", "b"]), r#"["a" "b"]"#);
        assert_eq!(quoted_list::<&str>(&[]), "[]");
    }

    #[test]
    fn a_summary_is_short_and_hexadecimal_unless_it_looks_like_json() {
        assert_eq!(summary(b""), "<empty>");
        assert_eq!(summary(b"{not json"), "{not json");
        assert_eq!(summary(b"ab"), "6162");
        assert_eq!(summary(&[b'{'; 40]).len(), 34);
    }
}
