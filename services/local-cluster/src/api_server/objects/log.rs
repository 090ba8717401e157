//! What happened to the objects lately, for those who watch.

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;

use super::kind::Kind;

/// How many changes are remembered; a watcher further behind must list again.
const LIMIT: usize = 4_000;

/// One change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) version: u64,
    pub(crate) kind: &'static Kind,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(crate) what: &'static str,
    pub(crate) object: Arc<Value>,
}

/// The latest changes, oldest first.
#[derive(Debug)]
pub(crate) struct Log {
    events: VecDeque<Event>,
    /// Everything after this version is still in the log.
    complete_after: u64,
}

// === impl Log ===

impl Log {
    pub(crate) fn starting_at(version: u64) -> Self {
        Self {
            events: VecDeque::new(),
            complete_after: version,
        }
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.events.len() == LIMIT
            && let Some(forgotten) = self.events.pop_front()
        {
            self.complete_after = forgotten.version;
        }
        self.events.push_back(event);
    }

    /// What happened after `version`, or the oldest version one may ask for.
    pub(crate) fn after(&self, version: u64) -> Result<impl Iterator<Item = &Event>, u64> {
        if version < self.complete_after {
            return Err(self.complete_after);
        }
        let first = self
            .events
            .partition_point(|event| event.version <= version);
        Ok(self.events.range(first..))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Event, LIMIT, Log};
    use crate::api_server::objects::kind::POD;

    fn mk_event(version: u64) -> Event {
        Event {
            version,
            kind: &POD,
            what: "ADDED",
            object: Arc::default(),
        }
    }

    #[test]
    fn only_what_is_new_is_told() {
        let mut log = Log::starting_at(10);
        log.push(mk_event(11));
        log.push(mk_event(12));

        let versions: Vec<_> = log.after(11).unwrap().map(|event| event.version).collect();

        assert_eq!(versions, [12]);
        assert_eq!(log.after(12).unwrap().count(), 0);
    }

    #[test]
    fn a_watcher_too_far_behind_is_told_so_instead_of_missing_events() {
        let mut log = Log::starting_at(0);
        for version in 1..=LIMIT as u64 + 1 {
            log.push(mk_event(version));
        }

        assert_eq!(log.after(0).err(), Some(1));
        assert_eq!(log.after(1).unwrap().count(), LIMIT);
    }
}
