//! Where the heads of requests are in what a client sends, and which lengths they name.
//!
//! hyper is the authority on both: this follows it only to see what it hides, a head with `content-length` and `transfer-encoding`. It
//! reads no other header, keeps nothing of what passes by, and stops where it cannot know what hyper takes for a body's end.

use memchr::memchr;

/// The first bytes of a connection of HTTP/2. A client that sends others after the first few speaks HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first byte of a TLS handshake, which no method begins with.
const TLS_HANDSHAKE: u8 = 0x16;

/// The method whose answers have no body, and the space behind it.
const HEAD: &[u8] = b"HEAD ";

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";

/// Follows the heads in one direction of a connection, however its bytes are cut.
#[derive(Debug)]
pub(super) struct Heads {
    place: Place,
    /// Bytes since the last request ended.
    len: usize,
    head: Head,
    flaw: Option<Flaw>,
}

/// What hyper will refuse, where its answer alone does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Both headers that say where a body ends.
    TwoFramings,
    /// A `content-length` that is not a number, or several that are not the same.
    NotALength,
    /// The client speaks TLS.
    Tls,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// So many bytes into what may be the preface of HTTP/2.
    Preface(usize),
    /// Between requests, where empty lines mean nothing.
    Between,
    /// So many bytes into what may be [`HEAD`].
    Method(usize),
    /// In a line that is of no interest up to its end.
    Line,
    LineBegin,
    /// Behind the carriage return of an empty line.
    EmptyLine,
    /// So many bytes into what may be the name of a header of interest.
    Name(&'static [u8], usize),
    /// In the value of a content length.
    Length(Digits),
    /// So many bytes before the end of a body.
    Body(u64),
    /// Past what can be followed. hyper ends the connection after the request in hand.
    Unfollowed,
    Http2,
}

/// How much of a content length has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Before,
    Some(u64),
    After(u64),
    LineFeed(u64),
}

/// What the last head that began has said so far.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    asks_for_no_body: bool,
    names_length: bool,
    length: Option<u64>,
    is_encoded: bool,
}

// === impl Heads ===

impl Heads {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Preface(0),
            len: 0,
            head: Head::default(),
            flaw: None,
        }
    }

    /// Follows the next bytes, and spoils a head with two framings: the colon of the second becomes a NUL, which no parser takes.
    ///
    /// Nothing else is ever changed.
    pub(super) fn follow(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..)
            && let Some(next) = rest.first_mut()
        {
            at += match self.place {
                Place::Http2 | Place::Unfollowed => return,
                Place::Body(left) => self.skip_body(left, rest.len()),
                Place::Line => self.skip_line(rest),
                // Most lines, by their first letter.
                Place::LineBegin if !matches!(next, b'\r' | b'\n' | b'c' | b'C' | b't' | b'T') => {
                    self.skip_line(rest)
                }
                Place::Preface(_)
                | Place::Between
                | Place::Method(_)
                | Place::LineBegin
                | Place::EmptyLine
                | Place::Name(..)
                | Place::Length(_) => {
                    self.step(next);
                    1
                }
            };
        }
    }

    /// How much of the present head has passed; `None` where no head is.
    pub(super) fn head_len(&self) -> Option<usize> {
        match self.place {
            Place::Body(_) | Place::Unfollowed | Place::Http2 => None,
            Place::Preface(_)
            | Place::Between
            | Place::Method(_)
            | Place::Line
            | Place::LineBegin
            | Place::EmptyLine
            | Place::Name(..)
            | Place::Length(_) => Some(self.len),
        }
    }

    /// Whether all that came is requests that have ended.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.place, Place::Preface(0) | Place::Between)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.place == Place::Http2
    }

    /// Whether the last request that began is a `HEAD`.
    pub(super) fn asks_for_no_body(&self) -> bool {
        self.head.asks_for_no_body
    }

    /// What is known to be wrong with the last request.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    fn skip_body(&mut self, left: u64, len: usize) -> usize {
        let skipped = usize::try_from(left).map_or(len, |left| left.min(len));
        self.place = match left.saturating_sub(skipped as u64) {
            0 => Place::Between,
            left => Place::Body(left),
        };
        skipped
    }

    fn skip_line(&mut self, rest: &[u8]) -> usize {
        let skipped = match memchr(b'\n', rest) {
            Some(end) => {
                self.place = Place::LineBegin;
                end + 1
            }
            None => {
                self.place = Place::Line;
                rest.len()
            }
        };
        self.len += skipped;
        skipped
    }

    /// Goes one byte on.
    fn step(&mut self, byte: &mut u8) {
        self.len += 1;
        self.place = match (self.place, *byte) {
            (Place::Preface(matched), next) => match PREFACE.get(matched) {
                Some(&expected) if next == expected && matched + 1 == PREFACE.len() => Place::Http2,
                Some(&expected) if next == expected => Place::Preface(matched + 1),
                _ => return self.begin_with_http1(matched, byte),
            },
            (Place::Between, b'\r' | b'\n') => Place::Between,
            (Place::Between, next) => {
                self.head = Head::default();
                self.flaw = (next == TLS_HANDSHAKE).then_some(Flaw::Tls);
                self.method(0, next)
            }
            (Place::Method(matched), next) => self.method(matched, next),
            (Place::LineBegin | Place::EmptyLine, b'\n') => self.end(),
            (Place::LineBegin, b'\r') => Place::EmptyLine,
            (Place::LineBegin, b'c' | b'C') => Place::Name(CONTENT_LENGTH, 1),
            (Place::LineBegin, b't' | b'T') => Place::Name(TRANSFER_ENCODING, 1),
            (Place::Name(name, matched), next) => match name.get(matched) {
                Some(expected) if next.eq_ignore_ascii_case(expected) => {
                    Place::Name(name, matched + 1)
                }
                None if next == b':' => self.named(name, byte),
                _ => in_line(next),
            },
            (Place::Length(digits), next) => self.length(digits, next),
            // A carriage return alone: hyper refuses it.
            (Place::EmptyLine, _) => Place::Unfollowed,
            (Place::Line | Place::LineBegin, next) => in_line(next),
            // `follow` skips these whole.
            (same @ (Place::Body(_) | Place::Unfollowed | Place::Http2), _) => same,
        };
    }

    /// Takes what looked like the preface of HTTP/2 up to `byte` for what it is.
    fn begin_with_http1(&mut self, matched: usize, byte: &mut u8) {
        self.place = Place::Between;
        self.len = 0;
        for &passed in PREFACE.iter().take(matched) {
            self.step(&mut { passed });
        }
        self.step(byte);
    }

    fn method(&mut self, matched: usize, next: u8) -> Place {
        match HEAD.get(matched) {
            Some(&expected) if next == expected && matched + 1 == HEAD.len() => {
                self.head.asks_for_no_body = true;
                Place::Line
            }
            Some(&expected) if next == expected => Place::Method(matched + 1),
            _ => in_line(next),
        }
    }

    /// A header of interest has its whole name; `colon` is what came behind it.
    fn named(&mut self, name: &[u8], colon: &mut u8) -> Place {
        let is_length = name == CONTENT_LENGTH;
        self.head.names_length |= is_length;
        self.head.is_encoded |= !is_length;
        if self.head.names_length && self.head.is_encoded {
            *colon = 0;
            self.flaw = Some(Flaw::TwoFramings);
            Place::Unfollowed
        } else if is_length {
            Place::Length(Digits::Before)
        } else {
            Place::Line
        }
    }

    /// Takes the same texts for a number as hyper: digits alone, with blanks around them.
    fn length(&mut self, digits: Digits, next: u8) -> Place {
        let digit = match next {
            b'0'..=b'9' => Some(u64::from(next - b'0')),
            _ => None,
        };
        let more = match (digits, next, digit) {
            (Digits::Before, b' ' | b'\t', _) => Some(Digits::Before),
            (Digits::Before, _, Some(digit)) => Some(Digits::Some(digit)),
            (Digits::Some(number), _, Some(digit)) => number
                .checked_mul(10)
                .and_then(|number| number.checked_add(digit))
                .map(Digits::Some),
            (Digits::Some(number) | Digits::After(number), b' ' | b'\t', _) => {
                Some(Digits::After(number))
            }
            (Digits::Some(number) | Digits::After(number), b'\r', _) => {
                Some(Digits::LineFeed(number))
            }
            (Digits::Some(number) | Digits::After(number) | Digits::LineFeed(number), b'\n', _)
                if self.head.length.is_none_or(|other| other == number) =>
            {
                self.head.length = Some(number);
                return Place::LineBegin;
            }
            _ => None,
        };
        more.map_or_else(
            || {
                self.flaw = Some(Flaw::NotALength);
                Place::Unfollowed
            },
            Place::Length,
        )
    }

    /// The head is over; says where its body leads.
    fn end(&mut self) -> Place {
        self.len = 0;
        match self.head.length {
            _ if self.head.is_encoded => Place::Unfollowed,
            None | Some(0) => Place::Between,
            Some(length) => Place::Body(length),
        }
    }
}

fn in_line(next: u8) -> Place {
    if next == b'\n' {
        Place::LineBegin
    } else {
        Place::Line
    }
}

#[cfg(test)]
mod tests;
