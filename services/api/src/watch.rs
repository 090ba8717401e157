//! Watches of callers, in either face: how many there may be, and how they end.

use std::pin::Pin;

use futures::{StreamExt as _, stream};
use proto::records::v1::{WatchRecordsRequest, WatchRecordsResponse};
use runtime::CancellationToken;
use tonic::Status;

use crate::{data_store::DataStore, door::Places, error, passing::Passing};

/// The changes as they come. Dropping it ends the call to the data store.
pub(crate) type Watch =
    Pin<Box<dyn stream::Stream<Item = Result<WatchRecordsResponse, Status>> + Send>>;

/// Starts watches, each a call of its own to the data store.
#[derive(Clone, Debug)]
pub(crate) struct Watches {
    data_store: DataStore,
    places: Places,
    stopping: CancellationToken,
}

// === impl Watches ===

impl Watches {
    /// So many at once. They end when `stopping` is cancelled; by themselves they would go on for as long as their callers stay.
    pub(crate) fn new(data_store: DataStore, places: u32, stopping: CancellationToken) -> Self {
        Self {
            data_store,
            places: Places::new(places),
            stopping,
        }
    }

    /// Begins to watch. The caller's deadline, if it has one, is that of the whole watch.
    pub(crate) async fn start(
        &self,
        request: WatchRecordsRequest,
        passing: &Passing,
    ) -> Result<Watch, Status> {
        let place = self.places.take(passing.peer);
        let place = place.ok_or_else(|| error::overloaded("too many watch already"))?;
        let changes = self.data_store.watch_records(request, passing).await?;
        let stopping = self.stopping.clone();
        let end = stream::once(async move {
            // The data store ends no watch without saying why.
            let is_ours = stopping.is_cancelled();
            Err(if is_ours {
                error::stopping()
            } else {
                error::data_store_is_away()
            })
        });
        let watch = changes
            .take_until(self.stopping.clone().cancelled_owned())
            .chain(end)
            // What comes after an error would be told to nobody.
            .scan(false, move |over, change| {
                let _kept = &place;
                let was_over = *over;
                *over = change.is_err();
                async move { (!was_over).then_some(change) }
            });
        Ok(Box::pin(watch))
    }
}
