//! Ready as long as the storage can be read.

use std::time::Duration;

use runtime::Condition;
use tokio::time;

use crate::storage::Storage;

/// How often the storage is asked, and how long it may take to answer.
const PERIOD: Duration = Duration::from_secs(5);

/// Keeps asking the storage whether it answers, and tells readiness.
pub(crate) async fn follow(storage: impl Storage, condition: Condition) {
    let mut turns = time::interval(PERIOD);
    turns.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        match time::timeout(PERIOD, storage.check()).await {
            Ok(Ok(())) => condition.holds(),
            Ok(Err(error)) => condition.fails(runtime::chain(&error)),
            Err(_elapsed) => condition.fails("the storage does not answer in time"),
        }
    }
}
