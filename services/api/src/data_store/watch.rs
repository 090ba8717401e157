//! The changes of records, as the data store tells them.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use proto::records::v1::WatchRecordsResponse;
use tokio::time::{self, Instant, Sleep};
use tonic::{Status, Streaming};

use crate::error;

/// A watch that has begun. Dropping it ends the call.
pub(crate) struct Watch {
    /// Nothing once it has ended.
    told: Option<Streaming<WatchRecordsResponse>>,
    deadline: Option<Pin<Box<Sleep>>>,
}

// === impl Watch ===

impl Watch {
    pub(super) fn new(told: Streaming<WatchRecordsResponse>, deadline: Option<Instant>) -> Self {
        Self {
            told: Some(told),
            deadline: deadline.map(|deadline| Box::pin(time::sleep_until(deadline))),
        }
    }
}

impl Stream for Watch {
    type Item = Result<WatchRecordsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { told, deadline } = &mut *self;
        let Some(stream) = told else {
            return Poll::Ready(None);
        };
        // First, for a data store may always have something to tell.
        let is_over = deadline
            .as_mut()
            .is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready());
        let item = if is_over {
            Some(Err(error::deadline_passed()))
        } else {
            std::task::ready!(Pin::new(stream).poll_next(cx))
                .map(|item| item.map_err(|status| error::from_data_store(&status)))
        };
        if !matches!(item, Some(Ok(_))) {
            *told = None;
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
