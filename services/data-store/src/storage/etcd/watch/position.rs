/// How far a watch has told, so that it can go on elsewhere without gap or repetition.
///
/// A revision may change several keys, when others write beside us, and a watch may break between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    revision: i64,
    /// How many changes of that revision were told; nothing when all were.
    told: Option<usize>,
    /// How many of them were seen since the watch last went on.
    seen: usize,
}

// === impl Position ===

impl Position {
    /// Everything up to `revision` was told.
    pub(super) fn after(revision: i64) -> Self {
        Self {
            revision,
            told: None,
            seen: 0,
        }
    }

    /// The last revision that was told whole. What is not remembered since cannot be made up for.
    pub(super) fn whole(&self) -> i64 {
        match self.told {
            Some(_) => self.revision - 1,
            None => self.revision,
        }
    }

    /// Goes on from [`Position::whole`], with changes that were told and others.
    pub(super) fn resume(&mut self) {
        self.seen = 0;
    }

    /// Whether a change is to be told, which it then is.
    pub(super) fn admits(&mut self, revision: i64) -> bool {
        if revision > self.revision {
            *self = Self {
                revision,
                told: Some(1),
                seen: 1,
            };
            return true;
        }
        let Some(told) = self.told.as_mut().filter(|_| revision == self.revision) else {
            return false;
        };
        self.seen += 1;
        let is_new = self.seen > *told;
        if is_new {
            *told = self.seen;
        }
        is_new
    }

    /// Notes that there is no more of a revision.
    pub(super) fn complete(&mut self, revision: i64) {
        if revision >= self.revision {
            *self = Self::after(revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn what_was_told_before_is_not_told_again() {
        let mut position = Position::after(5);

        assert!(!position.admits(4));
        assert!(!position.admits(5));
        assert!(position.admits(6));
        assert!(position.admits(8));
        assert!(!position.admits(7));
    }

    #[test]
    fn a_revision_that_broke_off_goes_on_where_it_was() {
        let mut position = Position::after(5);
        assert!(position.admits(6));
        assert!(position.admits(6));

        assert_eq!(position.whole(), 5);
        position.resume();

        assert!(!position.admits(6));
        assert!(!position.admits(6));
        assert!(position.admits(6));
    }

    #[test]
    fn a_revision_that_is_complete_is_told() {
        let mut position = Position::after(5);
        assert!(position.admits(6));

        position.complete(6);
        position.resume();

        assert_eq!(position.whole(), 6);
        assert!(!position.admits(6));
    }

    #[test]
    fn an_older_revision_completes_nothing() {
        let mut position = Position::after(5);
        assert!(position.admits(6));

        position.complete(5);

        assert_eq!(position.whole(), 5);
    }
}
