use proto::records::v1::Record;

/// What a watch tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A record was created or replaced, at its revision.
    Put(Record),
    /// A record was deleted.
    Delete {
        /// Its name.
        key: String,
        /// The revision of the deletion.
        revision: i64,
    },
    /// Nothing new, but every change up to this revision was told.
    Bookmark {
        /// That revision.
        revision: i64,
    },
}

// === impl Event ===

impl Event {
    /// The revision up to which everything was told with this.
    #[must_use]
    pub fn revision(&self) -> i64 {
        match self {
            Self::Put(record) => record.revision,
            Self::Delete { revision, .. } | Self::Bookmark { revision } => *revision,
        }
    }
}
