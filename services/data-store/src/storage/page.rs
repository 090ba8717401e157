use proto::records::v1::Record;

/// Which records to read, and how many of them.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Keys that start with this.
    pub prefix: String,
    /// Keys that come after this one, if given.
    pub after: Option<String>,
    /// As they were at this revision, or as they are when it is not given.
    pub at: Option<i64>,
    /// Where to stop.
    pub limits: PageLimits,
}

/// Where a page ends when records remain.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// How many records at most; at least one is given whatever this says.
    pub records: usize,
    /// How many bytes of keys and values at most; the first record is given whatever its size.
    pub bytes: usize,
}

/// A run of records in the byte order of their keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Whether records with the same prefix follow the last of these.
    pub has_more: bool,
    /// The revision of the store that the page shows.
    pub revision: i64,
}

/// A page under construction.
#[derive(Debug)]
pub(super) struct PageBuilder {
    page: Page,
    limits: PageLimits,
    bytes: usize,
}

// === impl PageBuilder ===

impl PageBuilder {
    pub(super) fn new(limits: PageLimits) -> Self {
        Self {
            page: Page::default(),
            limits,
            bytes: 0,
        }
    }

    /// Adds a record, or notes that it did not fit and answers false: the page is complete.
    pub(super) fn add(&mut self, record: Record) -> bool {
        let bytes = self.bytes + record.key.len() + record.value.len();
        let fits = self.page.records.len() < self.limits.records && bytes <= self.limits.bytes;
        if !fits && !self.page.records.is_empty() {
            self.page.has_more = true;
            return false;
        }
        self.bytes = bytes;
        self.page.records.push(record);
        true
    }

    pub(super) fn finish(self, revision: i64) -> Page {
        Page {
            revision,
            ..self.page
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::records::v1::Record;

    use super::{PageBuilder, PageLimits};

    fn mk_record(key: &str, value: &'static str) -> Record {
        Record {
            key: key.to_owned(),
            value: value.into(),
            ..Record::default()
        }
    }

    fn mk_builder(records: usize, bytes: usize) -> PageBuilder {
        PageBuilder::new(PageLimits { records, bytes })
    }

    #[test]
    fn keys_and_values_count_towards_the_bytes() {
        let mut exact = mk_builder(10, 6);
        let mut short = mk_builder(10, 5);

        assert!(exact.add(mk_record("a", "12")) && exact.add(mk_record("b", "12")));
        assert!(short.add(mk_record("a", "12")) && !short.add(mk_record("b", "12")));

        assert!(!exact.finish(1).has_more);
        assert!(short.finish(1).has_more);
    }

    #[test]
    fn a_full_page_knows_of_more_only_when_there_is_more() {
        let mut builder = mk_builder(1, 100);

        assert!(builder.add(mk_record("a", "")));
        assert!(!builder.page.has_more);
        assert!(!builder.add(mk_record("b", "")));

        assert!(builder.finish(1).has_more);
    }

    #[test]
    fn the_first_record_is_given_whatever_its_size() {
        let mut builder = mk_builder(1, 1);

        assert!(builder.add(mk_record("a", "longer than the page")));

        assert_eq!(builder.finish(1).records.len(), 1);
    }
}
