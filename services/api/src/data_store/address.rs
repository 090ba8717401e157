//! One address of the data store, and the connections to it.

use std::{net::SocketAddr, sync::Arc};

use http::{Request, Response};
use tokio::sync::Notify;
use tonic::{
    body::Body,
    transport::{Channel, Endpoint, Error},
};
use tower::ServiceExt as _;

use crate::{
    data_store::{
        connect::{self, Connect},
        lanes::{self, Lanes},
        reach::Reach,
    },
    held::Held,
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
                // In its lane for as long as it lasts.
                Ok(response.map(|body| Body::new(Held::new(body, place))))
            }
        }
    }

    /// Finds out, for ever, whether it can be connected to. The connections that this takes are closed at once.
    pub(super) async fn find_out(&self) {
        self.reach.find_out(|| connect::tcp(self.reach.addr)).await;
    }
}
