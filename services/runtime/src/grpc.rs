//! What every gRPC server here offers to anybody: health checks and reflection.

use http::{HeaderMap, header};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::{ServingStatus, pb::health_server, server::HealthReporter};
use tonic_reflection::server::Builder;

use crate::Readiness;

/// The longest question to health or reflection, which anybody may ask. They carry a name.
const MAX_QUESTION: usize = 4 * 1024;

const COMPILED_IN: &str = "descriptors are compiled in and must decode";

/// Tells gRPC health checks whether a program is ready.
#[derive(Debug)]
pub struct Health {
    reporter: HealthReporter,
    service: &'static str,
}

/// Starts the routes of a gRPC server with health (`grpc.health.v1`) and reflection (v1, and v1alpha for older clients).
///
/// `service` is the one to come, and `descriptors` are its own, maybe among others'. Kubelet's probes carry no token, and what reflection
/// tells is public: the check for callers belongs on the service that is added, not on these.
///
/// # Panics
///
/// When `descriptors` are none.
pub async fn grpc_routes(
    descriptors: &'static [u8],
    service: &'static str,
) -> (RoutesBuilder, Health) {
    let (reporter, server) = tonic_health::server::health_reporter();
    let health = Health { reporter, service };
    health.report(ServingStatus::NotServing).await;
    let reflection = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that a client can show the details of a refusal, not just their bytes.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(service)
            .with_service_name(health_server::SERVICE_NAME)
    };
    let mut routes = Routes::builder();
    routes
        .add_service(server.max_decoding_message_size(MAX_QUESTION))
        .add_service(
            reflection()
                .build_v1()
                .expect(COMPILED_IN)
                .max_decoding_message_size(MAX_QUESTION),
        )
        .add_service(
            reflection()
                .build_v1alpha()
                .expect(COMPILED_IN)
                .max_decoding_message_size(MAX_QUESTION),
        );
    (routes, health)
}

// === impl Health ===

impl Health {
    /// Says, of the server and of its service, whatever the readiness is; and at the stop that they serve no more.
    pub(crate) async fn follow(self, readiness: Readiness, stop: CancellationToken) {
        let follow = async {
            loop {
                let ready = readiness.is_ready();
                let status = if ready {
                    ServingStatus::Serving
                } else {
                    ServingStatus::NotServing
                };
                self.report(status).await;
                readiness.wait_for(!ready).await;
            }
        };
        stop.run_until_cancelled(follow).await;
        self.report(ServingStatus::NotServing).await;
    }

    async fn report(&self, status: ServingStatus) {
        for name in ["", self.service] {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

/// Whether a request speaks gRPC, by its content type.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"))
}
