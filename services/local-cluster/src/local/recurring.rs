//! A fault that comes and goes, and what a person is told of it.

use std::time::Duration;

use tokio::time;

use super::say;
use crate::api_server::fault::{Fault, Faults};

/// A fault that holds every other period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recurring {
    pub(super) fault: Fault,
    pub(super) period: Duration,
}

// === impl Recurring ===

impl Recurring {
    /// Goes on for ever. Whoever drops it takes the fault back.
    pub(super) async fn run(self, faults: &Faults) {
        loop {
            time::sleep(self.period).await;
            faults.set(Some(self.fault));
            say(&self.begin());
            time::sleep(self.period).await;
            faults.set(None);
            say(&self.end());
        }
    }

    fn begin(self) -> String {
        let Self { fault, period } = self;
        let what = fault.what();
        let outcome = match fault.reason() {
            Some(reason) => format!(
                "is refused as {reason}; those it knows stay admitted until it must ask again, and for its outage budget when nobody answers"
            ),
            None => "is admitted, unless its token is about to expire".to_owned(),
        };
        format!(
            "Fault {fault} begins: {what}. For {period:?}, a caller that the data store does not know yet {outcome}"
        )
    }

    fn end(self) -> String {
        let Self { fault, period } = self;
        format!(
            "Fault {fault} is over: all is well for {period:?}, and whoever calls again is answered as before"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Fault, Faults, Recurring};

    #[tokio::test(start_paused = true)]
    async fn a_fault_holds_every_other_period() {
        let faults = Faults::new();
        let period = Duration::from_secs(20);
        let recurring = Recurring {
            fault: Fault::Hung,
            period,
        };
        let began = Instant::now();

        let observe = async {
            let mut changes = faults.subscribe();
            for (seconds, expected) in
                [(20, Some(Fault::Hung)), (40, None), (60, Some(Fault::Hung))]
            {
                changes.changed().await.unwrap();
                assert_eq!(*changes.borrow_and_update(), expected);
                assert_eq!(began.elapsed(), Duration::from_secs(seconds));
            }
        };
        tokio::select! {
            () = recurring.run(&faults) => (),
            () = observe => (),
        }
    }

    #[test]
    fn each_says_what_is_wrong_and_what_to_expect() {
        for fault in Fault::all() {
            let period = Duration::from_secs(20);
            let begin = Recurring {
                fault: *fault,
                period,
            }
            .begin();

            assert!(
                begin.contains(&format!("Fault {fault} begins: {}.", fault.what())),
                "{begin}"
            );
            assert!(
                begin.contains(fault.reason().unwrap_or("admitted")),
                "{begin}"
            );
            assert!(begin.contains("For 20s"), "{begin}");
        }
    }
}
