use bytes::Bytes;

/// Where our keys are among etcd's.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
}

/// A run of etcd's keys: the first, and what comes right after the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Bytes,
    pub(super) end: Bytes,
}

/// A key that we did not write.
#[derive(Debug, thiserror::Error)]
#[error("a key of etcd's is none of ours")]
pub(super) struct NotOurs;

// === impl Keys ===

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// The key of a record.
    pub(super) fn key(&self, name: &str) -> Bytes {
        [&self.prefix, name].concat().into()
    }

    /// The record of a key.
    pub(super) fn name(&self, key: &[u8]) -> Result<String, NotOurs> {
        let name = key.strip_prefix(self.prefix.as_bytes()).ok_or(NotOurs)?;
        let name = std::str::from_utf8(name).map_err(|_not_text| NotOurs)?;
        Ok(name.to_owned())
    }

    /// A key that is ours and that no record has: the one without a name.
    pub(super) fn nobody(&self) -> Bytes {
        self.key("")
    }

    /// The keys of the records whose names start with `prefix`.
    pub(super) fn below(&self, prefix: &str) -> Span {
        let start = self.key(prefix);
        let mut end = start.to_vec();
        // Neither a slash nor any other byte of UTF-8 is the last there is.
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Span {
            start,
            end: end.into(),
        }
    }
}

// === impl Span ===

impl Span {
    /// What of it comes after `key`.
    pub(super) fn after(self, key: &[u8]) -> Self {
        let next = [key, b"\0"].concat();
        if next.as_slice() > self.start.as_ref() {
            Self {
                start: next.into(),
                ..self
            }
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn a_name_survives_the_way_there_and_back() {
        let keys = Keys::new("/a/");

        for name in ["b", "b/c", "/", "ä"] {
            assert_eq!(keys.name(&keys.key(name)).unwrap(), name);
        }
    }

    #[test]
    fn foreign_keys_have_no_name() {
        let keys = Keys::new("/a/");

        keys.name(b"/b/c").unwrap_err();
        keys.name(b"/a/\xff").unwrap_err();
    }

    #[test]
    fn a_span_holds_what_starts_with_its_prefix_and_nothing_else() {
        let span = Keys::new("/a/").below("b");

        assert_eq!(
            (&span.start[..], &span.end[..]),
            (&b"/a/b"[..], &b"/a/c"[..])
        );
        let all = Keys::new("/a/").below("");
        assert_eq!((&all.start[..], &all.end[..]), (&b"/a/"[..], &b"/a0"[..]));
    }

    #[test]
    fn what_comes_after_a_key_is_the_rest_of_the_span() {
        let keys = Keys::new("/a/");

        let rest = keys.below("b").after(&keys.key("bb"));
        assert_eq!(
            (&rest.start[..], &rest.end[..]),
            (&b"/a/bb\0"[..], &b"/a/c"[..])
        );
        assert_eq!(keys.below("b").after(&keys.key("a")), keys.below("b"));
    }
}
