//! What the benchmark of the storage counts with.

#[path = "../../tests/support/etcd.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is made for tests"
)]
pub(crate) mod etcd_server;

use std::{error::Error, fs, io, time::UNIX_EPOCH};

use data_store::{Listing, Page, PageLimits, Put, Storage, StorageError};

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

pub(crate) fn mk_put(key: &str, value: Vec<u8>) -> Put {
    Put {
        key: key.to_owned(),
        value: value.into(),
        content_type: "text/plain".to_owned(),
        updated_by: "system:serviceaccount:api:api".to_owned(),
        now: UNIX_EPOCH,
        expected: None,
    }
}

pub(crate) async fn list<S: Storage>(
    storage: &S,
    prefix: &str,
    records: usize,
) -> Result<Page, StorageError> {
    let listing = Listing {
        prefix: prefix.to_owned(),
        after: None,
        at: None,
        limits: PageLimits {
            records,
            bytes: usize::MAX,
        },
    };
    storage.list(listing).await
}

/// How many bytes of memory this process has.
pub(crate) fn resident() -> io::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kib.ok_or_else(|| io::Error::other("no VmRSS"))? * 1024.0)
}

/// The median, and between what the middle half lies.
pub(crate) fn spread(figures: &[f64]) -> String {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let at = |part: usize| figures.get((figures.len() - 1) * part / 4).copied();
    let [low, middle, high] = [1, 2, 3].map(|part| at(part).unwrap_or(f64::NAN));
    let digits = if middle >= 100.0 { 0 } else { 2 };
    format!("{middle:.digits$} [{low:.digits$} … {high:.digits$}]")
}

/// One by the other, turn by turn.
pub(crate) fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}
