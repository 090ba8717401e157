//! Every fault of the API server, over real sockets: what a caller is told, what readiness says, what is logged, and that it heals.
//!
//! What is expected stands in the table of `interceptors/README.md`; each test says the gist of its row once more.

use std::time::Duration;

use local_cluster::Fault;
use proto::records::v1::GreetResponse;
use tokio::time;
use tonic::Status;

use self::{log::Log, matrix::Row};
use crate::support::{Kubernetes, Program, get, greet, mk_data_store_config, reason, text};

#[path = "../../../../interceptors/tests/faults/log.rs"]
mod log;
#[path = "../../../../interceptors/tests/faults/matrix.rs"]
mod matrix;

/// How long an API server that hangs is waited for. The others have the usual time, for the sake of slow machines.
const SHORT_TIMEOUT: Duration = Duration::from_millis(500);

/// How long it may take a data store to find out, which checks every five seconds.
const PATIENCE: Duration = Duration::from_secs(20);

const ADMITTED: &str = "ADMITTED";
const AUDIENCE_MISMATCH: &str = "AUDIENCE_MISMATCH";
const CALLER_NOT_ALLOWED: &str = "CALLER_NOT_ALLOWED";
const TOKEN_EXPIRED: &str = "TOKEN_EXPIRED";
const KUBERNETES_UNAVAILABLE: &str = "KUBERNETES_UNAVAILABLE";
const VERIFIER_MISCONFIGURED: &str = "VERIFIER_MISCONFIGURED";

/// What a check that reviews are answered again leaves in the stand-in's log.
const REVIEWED: &str = r#"path="/apis/authentication.k8s.io/v1/tokenreviews""#;

/// A caller that is not known yet comes while the fault holds: everything its row says is so, and it heals.
async fn check(fault: Fault, outcome: &str) {
    let row = row_of(fault);
    assert_eq!(row.reason.unwrap_or(ADMITTED), outcome, "by the table");
    assert_eq!(fault.reason(), row.reason, "as the terminal says");

    let log = Log::capture();
    let kubernetes = Kubernetes::start().await;
    let mut config = mk_data_store_config(&kubernetes);
    if matches!(fault, Fault::Hung | Fault::HungInBody) {
        config.auth.review_timeout = SHORT_TIMEOUT;
    }
    let data_store = Program::data_store_with(config).await;
    data_store.readiness.wait_for(true).await;
    let token = kubernetes.token("api");

    kubernetes.faults().set(Some(fault));
    let told = greet(data_store.addr, Some(&token)).await;

    assert_told(&row, &told);
    let readiness = assert_readiness(&row, &data_store, &log);
    let in_time = time::timeout(PATIENCE, readiness).await;
    in_time.expect("the data store must find out");
    assert!(
        log.count(&row.level, row.sentence) >= 1,
        "{}: {}",
        row.sentence,
        log.text()
    );
    let verdict = format!("outcome=\"{outcome}\"");
    assert!(log.count("INFO", &verdict) >= 1, "{}", log.text());

    kubernetes.faults().set(None);
    let healed = match row.heals_at_once {
        true => token.clone(),
        false => kubernetes.token("api"),
    };
    greet(data_store.addr, Some(&healed)).await.unwrap();
    data_store.readiness.wait_for(true).await;
    assert_eq!(get(data_store.admin_addr, "/readyz").await.status(), 200);
    // The first time was at the start.
    let times = 1 + usize::from(row.complaint.is_some());
    assert_eq!(
        log.count("INFO", "Kubernetes answers our reviews"),
        times,
        "{}",
        log.text()
    );
    log.assert_has_no_piece_of(&token);
    log.assert_has_no_piece_of(&healed);
}

fn row_of(fault: Fault) -> Row {
    let mut rows = matrix::rows().into_iter();
    let row = rows.find(|row| row.fault == fault.to_string());
    row.expect("the table must have a row for it")
}

fn assert_told(row: &Row, told: &Result<GreetResponse, Status>) {
    let Err(status) = told else {
        assert_eq!(row.code, "OK");
        return;
    };
    let json: serde_json::Value =
        serde_json::from_str(&tonic_kube_auth::status_json(status)).unwrap();
    assert_eq!(json["status"], row.code, "{status}");
    assert_eq!(Some(reason(status).as_str()), row.reason, "{status}");
}

async fn assert_readiness(row: &Row, data_store: &Program, log: &Log) {
    let Some(complaint) = row.complaint else {
        if row.reason == Some(KUBERNETES_UNAVAILABLE) {
            // The review that failed has the data store check how it stands.
            log.wait_for(2, "DEBUG", REVIEWED).await;
        }
        let readyz = get(data_store.admin_addr, "/readyz").await;
        assert_eq!(readyz.status(), 200, "{}", text(&readyz));
        return;
    };
    data_store.readiness.wait_for(false).await;
    let readyz = get(data_store.admin_addr, "/readyz").await;
    assert_eq!(readyz.status(), 503);
    let line = text(&readyz)
        .lines()
        .find(|line| line.starts_with("[-] kubernetes: "));
    assert!(
        line.is_some_and(|line| line.contains(complaint)),
        "{}",
        text(&readyz)
    );
}

#[test]
fn the_table_has_every_fault_once_and_no_other() {
    let rows: Vec<_> = matrix::rows().into_iter().map(|row| row.fault).collect();
    let faults: Vec<_> = Fault::all().iter().map(Fault::to_string).collect();

    assert_eq!(rows, faults);
}

#[tokio::test]
async fn an_api_server_that_is_stopped_is_kubernetes_unavailable() {
    check(Fault::Stopped, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn hung_before_headers_is_kubernetes_unavailable() {
    check(Fault::Hung, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn hung_inside_the_body_is_kubernetes_unavailable() {
    check(Fault::HungInBody, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn status_401_is_verifier_misconfigured() {
    check(Fault::Status401, VERIFIER_MISCONFIGURED).await;
}

#[tokio::test]
async fn status_403_is_verifier_misconfigured() {
    check(Fault::Status403, VERIFIER_MISCONFIGURED).await;
}

#[tokio::test]
async fn status_404_is_kubernetes_unavailable() {
    check(Fault::Status404, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn status_409_is_kubernetes_unavailable() {
    check(Fault::Status409, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn status_429_is_kubernetes_unavailable() {
    check(Fault::Status429, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn status_500_is_kubernetes_unavailable() {
    check(Fault::Status500, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn status_503_is_kubernetes_unavailable() {
    check(Fault::Status503, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn an_empty_body_is_kubernetes_unavailable() {
    check(Fault::EmptyBody, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_kubernetes_unavailable() {
    check(Fault::NotJson, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn an_object_of_another_kind_is_kubernetes_unavailable() {
    check(Fault::AnotherKind, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn authenticated_without_a_user_is_kubernetes_unavailable() {
    check(Fault::NoUser, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn authenticated_without_audiences_is_an_audience_mismatch() {
    check(Fault::NoAudiences, AUDIENCE_MISMATCH).await;
}

#[tokio::test]
async fn authenticated_for_foreign_audiences_is_an_audience_mismatch() {
    check(Fault::ForeignAudiences, AUDIENCE_MISMATCH).await;
}

#[tokio::test]
async fn authenticated_as_no_service_account_is_caller_not_allowed() {
    check(Fault::NoServiceAccount, CALLER_NOT_ALLOWED).await;
}

#[tokio::test]
async fn authenticated_with_an_error_beside_is_kubernetes_unavailable() {
    check(Fault::WithError, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn the_certificate_of_another_authority_is_kubernetes_unavailable() {
    check(Fault::AnotherCa, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn a_connection_reset_mid_answer_is_kubernetes_unavailable() {
    check(Fault::Reset, KUBERNETES_UNAVAILABLE).await;
}

#[tokio::test]
async fn a_clock_five_minutes_ahead_still_admits_a_fresh_token() {
    check(Fault::ClockAhead, ADMITTED).await;
}

#[tokio::test]
async fn a_clock_five_minutes_behind_still_admits_a_fresh_token() {
    check(Fault::ClockBehind, ADMITTED).await;
}

#[tokio::test]
async fn a_clock_that_steps_ahead_and_back_refuses_a_token_near_its_end_only_meanwhile() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let near_its_end = Duration::from_secs(10 * 60 - 3 * 60);
    let (known, unknown) = (
        kubernetes.token_of_age(near_its_end),
        kubernetes.token_of_age(near_its_end),
    );
    greet(data_store.addr, Some(&known)).await.unwrap();

    kubernetes.faults().set(Some(Fault::ClockAhead));
    let status = greet(data_store.addr, Some(&unknown)).await.unwrap_err();
    assert_eq!(reason(&status), TOKEN_EXPIRED);
    greet(data_store.addr, Some(&known)).await.unwrap();

    kubernetes.faults().set(None);
    greet(data_store.addr, Some(&unknown)).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_steps_behind_and_back_lets_no_expired_token_pass() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    // Expired for Kubernetes, which allows a minute, but not yet by a clock that is five minutes behind.
    let token = kubernetes.token_of_age(Duration::from_secs(10 * 60 + 2 * 60));

    for fault in [Some(Fault::ClockBehind), None] {
        kubernetes.faults().set(fault);

        let status = greet(data_store.addr, Some(&token)).await.unwrap_err();
        assert_eq!(reason(&status), TOKEN_EXPIRED);
    }
}

#[tokio::test]
async fn a_caller_that_is_known_notices_none_of_it() {
    let kubernetes = Kubernetes::start().await;
    let data_store = Program::data_store(&kubernetes).await;
    let token = kubernetes.token("api");
    greet(data_store.addr, Some(&token)).await.unwrap();

    for fault in Fault::all() {
        kubernetes.faults().set(Some(*fault));

        greet(data_store.addr, Some(&token)).await.unwrap();
    }
}
