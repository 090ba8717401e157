//! Changes as they come, in HTTP: as server-sent events, or as lines of JSON.
//!
//! As [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html), which a browser's `EventSource` reads: `put`,
//! `deleted` or `bookmark`, with the revision for an id. Whoever comes back with that id as `Last-Event-ID` goes on after it. A comment is
//! sent when nothing else is, so that proxies keep the connection and a caller that is gone is found to be. As lines of JSON, as
//! grpc-gateway writes a stream: `{"result": …}` or, at the end, `{"error": …}`.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use proto::records::v1::{
    WatchRecordsRequest, WatchRecordsResponse, watch_records_response::Change,
};
use tonic::{Code, Status};
use tonic_kube_auth::status_json;
use tonic_types::StatusExt as _;

use super::{
    Gateway, Query,
    accept::{EVENT_STREAM, NDJSON, names, takes},
};
use crate::{door::Endless, error, error::HttpError, passing::Passing, watch::Watch};

/// The id of the last event that a caller has seen.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How long nothing may be said: less than the minute after which proxies close a silent connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// In which form changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Events,
    Lines,
}

pub(super) async fn watch(
    State(gateway): State<Gateway>,
    passing: Passing,
    headers: HeaderMap,
    Query(mut request): Query<WatchRecordsRequest>,
) -> Result<Response, HttpError> {
    let form = Form::of(&headers)?;
    if let Some(last) = last_event(&headers)? {
        // A browser comes back to the address it began with, whatever that says of the beginning, if it says anything.
        if request.start_revision >= 0 {
            request.start_revision = last + 1;
        }
    }
    let changes = gateway.watches.start(request, &passing).await?;
    let mut response = match form {
        Form::Events => events(changes),
        Form::Lines => lines(changes),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response.extensions_mut().insert(Endless);
    Ok(response)
}

pub(crate) fn not_acceptable() -> HttpError {
    let message = format!("changes are told as {EVENT_STREAM} or as {NDJSON}");
    HttpError::new(StatusCode::NOT_ACCEPTABLE, Code::InvalidArgument, message)
}

fn events(changes: Watch) -> Response {
    let events = changes.map(|change| Ok::<_, Infallible>(event(change)));
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response()
}

fn event(change: Result<WatchRecordsResponse, Status>) -> Event {
    match change {
        Ok(change) => {
            let name = match &change.change {
                Some(Change::Put(_)) => "put",
                Some(Change::Deleted(_)) => "deleted",
                None => "bookmark",
            };
            Event::default()
                .event(name)
                .id(change.revision.to_string())
                .data(proto::to_json(&change))
        }
        Err(status) => {
            let event = Event::default().event("error").data(status_json(&status));
            let info = status.get_details_retry_info();
            match info.and_then(|info| info.retry_delay) {
                Some(delay) => event.retry(delay),
                None => event,
            }
        }
    }
}

fn lines(changes: Watch) -> Response {
    let lines = changes.map(|change| {
        let line = match change {
            Ok(change) => format!("{{\"result\":{}}}\n", proto::to_json(&change)),
            Err(status) => format!("{{\"error\":{}}}\n", status_json(&status)),
        };
        Ok::<_, Infallible>(line)
    });
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

/// Nothing when the caller has seen none.
fn last_event(headers: &HeaderMap) -> Result<Option<i64>, Status> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    // EventSource says so when it has seen no id yet.
    if value == Some("") {
        return Ok(None);
    }
    value
        .and_then(|id| id.parse().ok())
        .filter(|revision| (0..i64::MAX).contains(revision))
        .map(Some)
        .ok_or_else(|| error::bad_field(LAST_EVENT_ID.as_str(), "must be the id of one event"))
}

// === impl Form ===

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, HttpError> {
        if names(headers, NDJSON) && !names(headers, EVENT_STREAM) {
            Ok(Self::Lines)
        } else if takes(headers, EVENT_STREAM) {
            Ok(Self::Events)
        } else if takes(headers, NDJSON) {
            Ok(Self::Lines)
        } else {
            Err(not_acceptable())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode, header};

    use super::{Form, LAST_EVENT_ID, last_event};

    fn form(accept: &'static str) -> Result<Form, StatusCode> {
        let accept = HeaderValue::from_static(accept);
        Form::of(&HeaderMap::from_iter([(header::ACCEPT, accept)]))
            .map_err(|error| error.into_test_parts().0)
    }

    fn last(ids: &[&'static str]) -> Result<Option<i64>, ()> {
        let mut headers = HeaderMap::new();
        for id in ids {
            headers.append(LAST_EVENT_ID, HeaderValue::from_static(id));
        }
        last_event(&headers).map_err(drop)
    }

    #[test]
    fn changes_are_events_unless_lines_are_asked_for() {
        assert_eq!(form("*/*"), Ok(Form::Events));
        assert_eq!(form("text/event-stream"), Ok(Form::Events));
        assert_eq!(form("application/x-ndjson"), Ok(Form::Lines));
        assert_eq!(
            form("application/x-ndjson, text/event-stream"),
            Ok(Form::Events)
        );
        assert_eq!(form("application/x-ndjson, */*;q=0.1"), Ok(Form::Lines));
        assert_eq!(form("application/*"), Ok(Form::Lines));
        assert_eq!(form("application/json"), Err(StatusCode::NOT_ACCEPTABLE));
    }

    #[test]
    fn a_caller_goes_on_after_the_last_event_it_has_seen() {
        assert_eq!(last(&[]), Ok(None));
        assert_eq!(last(&[""]), Ok(None));
        assert_eq!(last(&["7"]), Ok(Some(7)));
        for ids in [
            &["-1"][..],
            &["x"],
            &["9223372036854775807"],
            &["9223372036854775808"],
            &["1", "1"],
        ] {
            assert_eq!(last(ids), Err(()), "{ids:?}");
        }
    }
}
