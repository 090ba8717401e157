//! Whether what writers were answered and what watches told agree.

use std::{collections::HashMap, fmt, time::Duration};

use data_store::StorageError;
use proto::records::v1::Record;
use tokio::time::Instant;

use super::{
    load::{COUNTER, Ledger, Write, count},
    telling::Told,
};

/// How long a call may take that comes to nothing: its deadline is three seconds.
const DEADLINE: Duration = Duration::from_millis(3500);

/// The revision of the first write to an etcd.
const FIRST: i64 = 2;

/// How many flaws are shown.
const SHOWN: usize = 20;

/// Something that happened to a member.
#[derive(Debug)]
pub(crate) struct Fault {
    at: Instant,
    is_death: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    acknowledged: usize,
    refused: usize,
    found: usize,
    not_found: usize,
    reads: usize,
    failed_reads: usize,
    longest_failure: Duration,
    changes: Vec<usize>,
    flaws: Vec<String>,
}

/// What happened, by the last watch that was begun.
struct History<'a> {
    records: &'a [Record],
    /// Where each value is.
    places: HashMap<&'a [u8], usize>,
    /// The revision of the record before it, 0 when there was none.
    replaced: Vec<i64>,
}

// === impl Fault ===

impl Fault {
    pub(crate) fn death(at: Instant) -> Self {
        Self { at, is_death: true }
    }

    pub(crate) fn stop(at: Instant) -> Self {
        Self {
            at,
            is_death: false,
        }
    }

    pub(crate) fn is_death(&self) -> bool {
        self.is_death
    }
}

/// The longest time in which a handle had no write acknowledged, after faults of a kind and before the next fault.
pub(crate) fn longest_pause(
    faults: &[Fault],
    is_meant: impl Fn(&Fault) -> bool,
    ledgers: &[Ledger],
) -> Duration {
    let handles = ledgers.iter().map(|ledger| ledger.handle).max().unwrap() + 1;
    let mut longest = Duration::ZERO;
    for handle in 0..handles {
        let of_handle = ledgers.iter().filter(|ledger| ledger.handle == handle);
        let mut acknowledged: Vec<_> = of_handle
            .flat_map(|ledger| &ledger.writes)
            .filter(|write| write.answer.is_ok())
            .map(|write| write.ended)
            .collect();
        acknowledged.sort_unstable();
        for pair in acknowledged.windows(2) {
            // The fault during the pause, or else the last one before it.
            let fault = faults.iter().rfind(|fault| fault.at < pair[1]);
            if fault.is_some_and(&is_meant) {
                longest = longest.max(pair[1] - pair[0]);
            }
        }
    }
    longest
}

// === impl Verdict ===

impl Verdict {
    pub(crate) fn of(ledgers: &[Ledger], told: &[Told]) -> Self {
        let mut verdict = Self::default();
        verdict.compare(told);
        let history = History::of(&told.last().unwrap().records);
        verdict.follow(&history);
        for write in ledgers.iter().flat_map(|ledger| &ledger.writes) {
            verdict.write(&history, write);
        }
        verdict.origins(&history, ledgers);
        verdict.order(&history, ledgers);
        verdict.reads(ledgers);
        verdict
    }

    pub(crate) fn assert_flawless(&self) {
        let flaws = self.flaws.len();
        let shown = &self.flaws[..flaws.min(SHOWN)];
        assert!(flaws == 0, "{flaws} flaws: {shown:#?}");
        assert!(self.acknowledged > 0, "something must have been written");
    }

    fn flaw(&mut self, flaw: impl Into<String>) {
        self.flaws.push(flaw.into());
    }

    /// Holds each watch to the last one.
    fn compare(&mut self, told: &[Told]) {
        let last = told.last().unwrap();
        for (index, watch) in told.iter().enumerate() {
            self.changes.push(watch.records.len());
            if let Some(failure) = &watch.failure {
                self.flaw(format!("watch {index} failed: {failure}"));
            }
            if watch.records != last.records {
                let pairs = watch.records.iter().zip(&last.records);
                let same = pairs.take_while(|(one, other)| one == other).count();
                let (here, there) = (watch.records.get(same), last.records.get(same));
                self.flaw(format!("watch {index} told {here:?}, the last {there:?}"));
            }
        }
    }

    /// Holds the history to itself: nobody else writes to this etcd, so it has no gap either.
    fn follow(&mut self, history: &History<'_>) {
        if history.records.first().map(|record| record.revision) != Some(FIRST) {
            self.flaw("the first change is missing");
        }
        for pair in history.records.windows(2) {
            if pair[0].revision + 1 != pair[1].revision {
                self.flaw(format!("a gap between {:?} and {:?}", pair[0], pair[1]));
            }
        }
        if history.places.len() != history.records.len() {
            let (values, changes) = (history.places.len(), history.records.len());
            self.flaw(format!("{values} values were written {changes} times"));
        }
        let mut counts = HashMap::<&str, u64>::new();
        for record in history.records {
            if record.key.starts_with(COUNTER) {
                let last = counts.entry(&record.key).or_default();
                let next = count(str::from_utf8(&record.value).unwrap());
                if next != *last + 1 {
                    self.flaw(format!("a counter went from {last} to {record:?}"));
                }
                *last = next;
            }
        }
    }

    /// Holds one write to the history.
    fn write(&mut self, history: &History<'_>, write: &Write) {
        let place = history.places.get(write.value.as_bytes()).copied();
        let found = place.map(|place| &history.records[place]);
        match (&write.answer, found) {
            (Ok(record), _) => {
                self.acknowledged += 1;
                if found != Some(record) {
                    self.flaw(format!("{record:?} was acknowledged, there is {found:?}"));
                }
            }
            (Err(StorageError::Differs { current }), None) => {
                self.refused += 1;
                if write.expected == Some(*current) || !history.had(&write.key, *current) {
                    self.flaw(format!("no reason to refuse {write:?}"));
                }
            }
            (Err(StorageError::Unavailable(_)), Some(_)) => self.found += 1,
            (Err(StorageError::Unavailable(_)), None) => self.not_found += 1,
            (Err(_), _) => self.flaw(format!("{write:?} failed, there is {found:?}")),
        }
        if let (Some(place), Some(expected)) = (place, write.expected)
            && history.replaced[place] != expected
        {
            let replaced = history.replaced[place];
            self.flaw(format!("{write:?} replaced revision {replaced}"));
        }
        if write.answer.is_err() {
            self.failed_within(write.ended - write.began, &write.key);
        }
    }

    /// Has every change be somebody's.
    fn origins(&mut self, history: &History<'_>, ledgers: &[Ledger]) {
        let mut written = 0;
        for write in ledgers.iter().flat_map(|ledger| &ledger.writes) {
            if let Some(place) = history.places.get(write.value.as_bytes()) {
                written += 1;
                let record = &history.records[*place];
                if record.key != write.key {
                    self.flaw(format!("{record:?} is told, and was {write:?}"));
                }
            }
        }
        if written != history.records.len() {
            let changes = history.records.len();
            self.flaw(format!(
                "{changes} changes, of which {written} were asked for"
            ));
        }
    }

    /// Has every write take a revision above those that were acknowledged before it began.
    fn order(&mut self, history: &History<'_>, ledgers: &[Ledger]) {
        let writes = || ledgers.iter().flat_map(|ledger| &ledger.writes);
        let mut acknowledged: Vec<_> = writes()
            .filter_map(|write| Some((write.ended, write.answer.as_ref().ok()?.revision)))
            .collect();
        acknowledged.sort_unstable();
        let mut begun: Vec<_> = writes().collect();
        begun.sort_unstable_by_key(|write| write.began);
        let mut before = acknowledged.into_iter().peekable();
        let mut highest = 0;
        for write in begun {
            while let Some((_, revision)) = before.next_if(|(ended, _)| *ended < write.began) {
                highest = revision.max(highest);
            }
            let Some(place) = history.places.get(write.value.as_bytes()) else {
                continue;
            };
            if history.records[*place].revision <= highest {
                self.flaw(format!("{write:?} began after {highest} was acknowledged"));
            }
        }
    }

    /// Has every read see what was acknowledged before it began.
    fn reads(&mut self, ledgers: &[Ledger]) {
        for read in ledgers.iter().flat_map(|ledger| &ledger.reads) {
            self.reads += 1;
            match &read.answer {
                Ok(revision) if *revision >= read.known => {}
                Ok(_) => self.flaw(format!("an old state was read: {read:?}")),
                Err(StorageError::Unavailable(_)) => self.failed_reads += 1,
                Err(_) => self.flaw(format!("not a failure of a read: {read:?}")),
            }
            if read.answer.is_err() {
                self.failed_within(read.ended - read.began, &read.key);
            }
        }
    }

    fn failed_within(&mut self, time: Duration, key: &str) {
        self.longest_failure = self.longest_failure.max(time);
        if time > DEADLINE {
            self.flaw(format!("a call for {key} failed after {time:?} only"));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            acknowledged,
            refused,
            found,
            not_found,
            reads,
            failed_reads,
            longest_failure,
            changes,
            flaws,
        } = self;
        let unclear = found + not_found;
        writeln!(
            f,
            "writes: {acknowledged} acknowledged, {refused} refused, {unclear} unclear: {found} found, {not_found} not"
        )?;
        writeln!(f, "reads: {reads}, of which {failed_reads} failed")?;
        writeln!(f, "longest failure: {longest_failure:.1?}")?;
        writeln!(f, "changes told, by each watch: {changes:?}")?;
        write!(f, "flaws: {}", flaws.len())
    }
}

// === impl History ===

impl<'a> History<'a> {
    fn of(records: &'a [Record]) -> Self {
        let mut last = HashMap::<&str, i64>::new();
        let replaced = records.iter().map(|record| {
            let replaced = last.insert(&record.key, record.revision);
            replaced.unwrap_or_default()
        });
        Self {
            replaced: replaced.collect(),
            records,
            places: (0..records.len())
                .map(|place| (&records[place].value[..], place))
                .collect(),
        }
    }

    /// Whether a record was at a revision.
    fn had(&self, key: &str, revision: i64) -> bool {
        let place = self
            .records
            .binary_search_by_key(&revision, |record| record.revision);
        match place {
            Ok(place) => self.records[place].key == key,
            Err(_) => false,
        }
    }
}
