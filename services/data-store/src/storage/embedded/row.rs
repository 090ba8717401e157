//! One version of a record, as a row of the file: four bytes of CRC-32 over key, revision and the rest, little endian; then the protobuf
//! message `records.v1.Record` without its `key` and `revision`. A deletion is a row of no bytes.
//!
//! redb trusts its pages once the file is open; the checksum finds what was damaged under it.

use prost::Message;
use proto::records::v1::Record;

use super::failure::Failure;

/// The row of a deletion.
pub(super) const DELETED: &[u8] = &[];

const CHECKSUM_BYTES: usize = 4;

pub(super) fn encode(record: &Record) -> Vec<u8> {
    let body = Record {
        key: String::new(),
        revision: 0,
        ..record.clone()
    };
    let mut row = Vec::with_capacity(CHECKSUM_BYTES + body.encoded_len());
    row.extend_from_slice(&[0; CHECKSUM_BYTES]);
    body.encode(&mut row)
        .expect("a vector must take any message");
    let (sum, body) = row
        .split_first_chunk_mut::<CHECKSUM_BYTES>()
        .expect("the row must begin with its checksum");
    *sum = checksum(&record.key, record.revision, body);
    row
}

/// Answers nothing for a deletion.
pub(super) fn decode(key: &str, revision: i64, row: &[u8]) -> Result<Option<Record>, Failure> {
    if row == DELETED {
        return Ok(None);
    }
    let (sum, body) = row
        .split_first_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(|| Failure::damaged("it is too short"))?;
    if *sum != checksum(key, revision, body) {
        return Err(Failure::damaged("it does not match its checksum"));
    }
    let record = Record::decode(body).map_err(Failure::damaged)?;
    Ok(Some(Record {
        key: key.to_owned(),
        revision,
        ..record
    }))
}

fn checksum(key: &str, revision: i64, body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(&revision.to_le_bytes());
    hasher.update(body);
    hasher.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proto::records::v1::Record;

    use super::{DELETED, decode, encode};

    fn mk_record() -> Record {
        Record {
            key: "a".to_owned(),
            value: "hi".into(),
            revision: 7,
            ..Record::default()
        }
    }

    #[test]
    fn a_row_leads_back_to_its_record() {
        let record = mk_record();

        let back = decode("a", 7, &encode(&record)).unwrap();

        assert_eq!(back, Some(record));
    }

    #[test]
    fn a_deletion_is_no_record() {
        assert_eq!(decode("a", 7, DELETED).unwrap(), None);
    }

    #[test]
    fn a_row_with_any_bit_flipped_or_cut_short_is_damaged() {
        let row = encode(&mk_record());

        for at in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            decode("a", 7, &flipped).unwrap_err();
        }
        for length in 1..row.len() {
            decode("a", 7, &row[..length]).unwrap_err();
        }
    }

    #[test]
    fn a_row_under_another_key_or_revision_is_damaged() {
        let row = encode(&mk_record());

        decode("b", 7, &row).unwrap_err();
        decode("a", 8, &row).unwrap_err();
    }
}
