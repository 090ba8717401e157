//! One address of the data store, and the connections to it.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tonic::{
    body::Body,
    transport::{Channel, Endpoint, Error},
};
use tower::ServiceExt as _;

use crate::data_store::{
    connect::{self, Connect},
    lanes::{self, Lanes, Place},
    reach::Reach,
};

/// Bytes of a stream that came and that nobody has taken. All streams of a lane together have room for as many each, so that one whose
/// caller does not read keeps nothing from the others.
const STREAM_WINDOW: u32 = 64 * 1024;

/// How a call is answered, which decides the connection that it takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// By one message, soon: all of them share one connection.
    Unary,
    /// By messages as they come, maybe for hours.
    Stream,
}

/// One address. Nothing is connected before it must be.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) reach: Arc<Reach>,
    unary: Channel,
    lanes: Arc<Lanes<Channel>>,
}

/// The body of an answer, and its place in a lane for as long as it lasts.
struct Placed {
    body: Body,
    _place: Place<Channel>,
}

// === impl Address ===

impl Address {
    /// Every failure to connect is told to `failed`.
    pub(super) fn new(addr: SocketAddr, endpoint: &Endpoint, failed: &Arc<Notify>) -> Self {
        let reach = Arc::new(Reach::new(addr, Arc::clone(failed)));
        let connect = Connect::new(Arc::clone(&reach));
        let unary = endpoint.connect_with_connector_lazy(connect.clone());
        let endpoint = endpoint
            .clone()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW * lanes::MAX_STREAMS as u32);
        let lanes = Lanes::new(move || endpoint.connect_with_connector_lazy(connect.clone()));
        Self {
            reach,
            unary,
            lanes: Arc::new(lanes),
        }
    }

    pub(super) async fn call(
        &self,
        kind: Kind,
        request: Request<Body>,
    ) -> Result<Response<Body>, Error> {
        match kind {
            Kind::Unary => self.unary.clone().oneshot(request).await,
            Kind::Stream => {
                let (channel, place) = self.lanes.take();
                let response = channel.oneshot(request).await?;
                Ok(response.map(|body| {
                    Body::new(Placed {
                        body,
                        _place: place,
                    })
                }))
            }
        }
    }

    /// Finds out, for ever, whether it can be connected to. The connections that this takes are closed at once.
    pub(super) async fn find_out(&self) {
        self.reach.find_out(|| connect::tcp(self.reach.addr)).await;
    }
}

// === impl Placed ===

impl http_body::Body for Placed {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
