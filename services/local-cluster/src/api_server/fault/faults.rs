//! Which fault holds now: the switch.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;
use tonic_kube_auth::Clock;

use super::Fault;

/// How far the clock is off when it is.
const STEP: Duration = Duration::from_secs(5 * 60);

/// Switches faults on and off while the stand-in runs. Clones are the same switch.
///
/// A fault holds as soon as [`Faults::set`] returns: whatever is asked after that feels it, whatever is asked after it was taken back does
/// not.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<watch::Sender<Option<Fault>>>);

// === impl Faults ===

impl Faults {
    /// All is well.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has one fault hold, in the place of the last, or none.
    pub fn set(&self, fault: Option<Fault>) {
        self.0.send_replace(fault);
    }

    /// The fault that holds.
    #[must_use]
    pub fn now(&self) -> Option<Fault> {
        *self.0.borrow()
    }

    /// A clock for the data store: right, but for [`Fault::ClockAhead`] and [`Fault::ClockBehind`].
    #[must_use]
    pub fn clock(&self) -> Clock {
        let (faults, machine) = (self.clone(), Clock::system());
        Clock::from_fn(move || faults.off(machine.now()))
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Fault>> {
        self.0.subscribe()
    }

    /// Waits until `fault` does not hold any more.
    pub(super) async fn over(&self, fault: Fault) {
        let mut faults = self.subscribe();
        let _sender_is_ours = faults.wait_for(|now| *now != Some(fault)).await;
    }

    fn off(&self, now: SystemTime) -> SystemTime {
        match self.now() {
            Some(Fault::ClockAhead) => now + STEP,
            Some(Fault::ClockBehind) => now - STEP,
            Some(_) | None => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{Fault, Faults};

    #[test]
    fn the_clock_steps_by_five_minutes_and_back() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let faults = Faults::new();

        for (fault, seconds) in [
            (None, 1_000_000),
            (Some(Fault::ClockAhead), 1_000_300),
            (Some(Fault::ClockBehind), 999_700),
            (Some(Fault::Hung), 1_000_000),
        ] {
            faults.set(fault);

            let shown = faults.off(now).duration_since(UNIX_EPOCH).unwrap();
            assert_eq!(shown.as_secs(), seconds, "{fault:?}");
        }
    }
}
