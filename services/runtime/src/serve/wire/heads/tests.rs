use proptest::{collection::vec, prelude::*, sample::select};

use super::{Flaw, Heads, Place};

/// What is handed on, and what is known at the end.
fn follow(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Flaw>, Place) {
    let mut bytes = bytes.to_vec();
    let mut heads = Heads::new();
    let mut begin = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        let end = end.clamp(begin, bytes.len());
        heads.follow(&mut bytes[begin..end]);
        begin = end;
    }
    (bytes, heads.flaw(), heads.place)
}

#[test]
fn a_head_with_two_framings_is_spoilt_at_the_second() {
    for (given, handed_on) in [
        (
            "A / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "A / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding\0 chunked\r\n\r\n",
        ),
        (
            "A / HTTP/1.1\nTransfer-Encoding:chunked\na:b\nCONTENT-LENGTH:1\n\n",
            "A / HTTP/1.1\nTransfer-Encoding:chunked\na:b\nCONTENT-LENGTH\x001\n\n",
        ),
        // Behind a body.
        (
            "A / HTTP/1.1\r\ncontent-length: 1\r\n\r\n:\r\nA / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: x",
            "A / HTTP/1.1\r\ncontent-length: 1\r\n\r\n:\r\nA / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding\0 x",
        ),
        // Behind something that begins as HTTP/2 does.
        (
            "PRI /x HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: x",
            "PRI /x HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding\0 x",
        ),
    ] {
        let (bytes, flaw, place) = follow(given.as_bytes(), &[]);

        assert_eq!(str::from_utf8(&bytes).unwrap(), handed_on);
        assert_eq!((flaw, place), (Some(Flaw::TwoFramings), Place::Unfollowed));
    }
}

#[test]
fn a_body_is_never_taken_for_a_head() {
    let trap = "A / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    let length = trap.len();
    for head in [
        format!("PUT / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n"),
        format!("PUT / HTTP/1.1\nContent-Length:\t 00{length} \t\n\n"),
        format!(
            "\r\n\nPUT / HTTP/1.0\r\ncontent-length:{length}\r\ncontent-length: {length}\r\n\r\n"
        ),
        // How hyper reads a body that is not told by its length is not followed, nor what comes behind it.
        "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let given = head + trap;

        let (bytes, flaw, _place) = follow(given.as_bytes(), &[]);

        assert_eq!(str::from_utf8(&bytes).unwrap(), given);
        assert_eq!(flaw, None);
    }
}

#[test]
fn a_length_that_hyper_refuses_is_not_followed() {
    for length in [
        "",
        " ",
        "+5",
        "-5",
        "0x5",
        "5, 5",
        "5 5",
        "5.0",
        "five",
        "18446744073709551616",
        "5\r\ncontent-length: 6",
        "5\r\rx",
    ] {
        let given = format!("A / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n");

        let (_bytes, flaw, place) = follow(given.as_bytes(), &[]);

        assert_eq!(
            (flaw, place),
            (Some(Flaw::NotALength), Place::Unfollowed),
            "{length:?}"
        );
    }
}

#[test]
fn a_tls_handshake_is_told_from_a_method() {
    assert_eq!(follow(b"\x16\x03\x01", &[]).1, Some(Flaw::Tls));
}

#[test]
fn a_request_for_a_head_is_told_from_others() {
    for (line, is_head) in [
        ("HEAD / HTTP/1.1", true),
        ("HEADS / HTTP/1.1", false),
        ("GET /HEAD HTTP/1.1", false),
        ("HEA\nHEAD / HTTP/1.1", false),
    ] {
        let mut heads = Heads::new();
        heads.follow(&mut line.as_bytes().to_vec());

        assert_eq!(heads.asks_for_no_body(), is_head, "{line:?}");
    }
}

/// Requests, and what looks like parts of them in any order.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "GET / HTTP/1.1\r\n",
        "HEAD / HTTP/1.0\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PRI * HTTP",
        "content-length: 3\r\n",
        "Content-Length:3 \n",
        "content-length: 0\r\n",
        "content-length: x\r\n",
        "transfer-encoding: chunked\r\n",
        "Transfer-Encoding:gzip\n",
        "host: a\r\n",
        "content-type: b\r\n",
        "\r\n",
        "\n",
        "\r",
        "abc",
        ":",
        "\x16",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_makes_no_difference(
        bytes in traffic(),
        mut cuts in vec(0..256_usize, 0..16),
    ) {
        cuts.sort_unstable();
        let each: Vec<usize> = (0..bytes.len()).collect();

        let whole = follow(&bytes, &[]);

        prop_assert_eq!(&follow(&bytes, &cuts), &whole);
        prop_assert_eq!(&follow(&bytes, &each), &whole);
    }

    #[test]
    fn a_head_without_two_framings_is_handed_on_as_it_is(
        headers in vec("[a-z-]{1,20}: ?[ -~\t]{0,40}", 0..12),
        length in proptest::option::of(0..40_u64),
        newline in select(vec!["\r\n", "\n"]),
        body in vec(any::<u8>(), 0..80),
    ) {
        let mut head = format!("POST / HTTP/1.1{newline}");
        if let Some(length) = length {
            head += &format!("Content-Length: {length}{newline}");
        }
        let is_framing = |header: &&String| {
            header.starts_with("content-length:") || header.starts_with("transfer-encoding:")
        };
        for header in headers.iter().filter(|header| !is_framing(header)) {
            head += &format!("{header}{newline}");
        }
        head += newline;
        let length = usize::try_from(length.unwrap_or_default()).unwrap().min(body.len());
        let given = [head.as_bytes(), &body[..length]].concat();

        let (bytes, flaw, _place) = follow(&given, &[]);

        prop_assert_eq!(bytes, given);
        prop_assert_eq!(flaw, None);
    }
}
