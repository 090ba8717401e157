//! Values that say which write they are: what a reader finds is one that was sent, whole, or it is not.

use bytes::{BufMut as _, Bytes, BytesMut};
use proto::records::v1::Record;

const CONTENT_TYPE: &str = "application/x-write; id=";

/// Numbers that look random and are the same each time; splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

// === impl Numbers ===

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The value of the write `id`: 1 B to 64 KiB, as many small ones as large ones.
pub(crate) fn value_of(id: u64) -> Bytes {
    let mut numbers = Numbers::new(id);
    let most = 1 << numbers.below(17);
    let size = 1 + numbers.below(most);
    filled(numbers, usize::try_from(size).unwrap())
}

/// The value of the write `id`, when all are of one size.
pub(crate) fn value_of_size(id: u64, size: usize) -> Bytes {
    filled(Numbers::new(id), size)
}

/// Even a value of one byte says which write it is: its content type does.
pub(crate) fn content_type_of(id: u64) -> String {
    format!("{CONTENT_TYPE}{id}")
}

/// The write that a record says it is.
pub(crate) fn id_of(record: &Record) -> u64 {
    let id = record.content_type.strip_prefix(CONTENT_TYPE);
    let id = id.and_then(|id| id.parse().ok());
    id.unwrap_or_else(|| {
        panic!(
            "{} holds what nobody sent: {}",
            record.key, record.content_type
        )
    })
}

fn filled(mut numbers: Numbers, size: usize) -> Bytes {
    let mut value = BytesMut::with_capacity(size + 8);
    while value.len() < size {
        value.put_u64(numbers.next());
    }
    value.truncate(size);
    value.freeze()
}
