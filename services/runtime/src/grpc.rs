//! What every gRPC server here offers to anybody: health checks and reflection.

use tonic::service::{Routes, RoutesBuilder};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::{Builder, Error};

use crate::Readiness;

/// Starts the routes of a gRPC server with health (`grpc.health.v1`) and reflection (v1, and v1alpha for older clients).
///
/// `descriptors` are those of the services to come. Kubelet's probes carry no token, and what reflection tells is public: put the check for
/// callers on the services that are added, not on these. The reporter is for [`report_health`].
///
/// # Errors
///
/// When `descriptors` cannot be decoded.
pub fn grpc_routes(descriptors: &'static [u8]) -> Result<(RoutesBuilder, HealthReporter), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that a client can show the details of a refusal, not just their bytes.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::builder();
    routes
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok((routes, reporter))
}

/// Tells gRPC health checks, of the server and of `service`, whatever the readiness is, for ever.
pub async fn report_health(reporter: HealthReporter, service: &'static str, readiness: Readiness) {
    loop {
        let ready = readiness.is_ready();
        let status = if ready {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in ["", service] {
            reporter.set_service_status(name, status).await;
        }
        readiness.wait_for(!ready).await;
    }
}
