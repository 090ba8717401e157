//! A body that keeps a place until it is over.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::Place;

/// The body of an answer, and its place among the requests under way: whoever reads slowly keeps it.
#[derive(Debug)]
pub(super) struct Held {
    body: Body,
    _place: Place,
}

// === impl Held ===

impl Held {
    pub(super) fn new(body: Body, place: Place) -> Self {
        Self {
            body,
            _place: place,
        }
    }

    /// A body that is over already gives its place back at once.
    pub(super) fn into_body(self) -> Body {
        if http_body::Body::is_end_stream(&self.body) {
            self.body
        } else {
            Body::new(self)
        }
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
