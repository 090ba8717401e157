//! What a watch tells, from the first revision to the last.

use std::time::UNIX_EPOCH;

use data_store::{Etcd, Event, Put, Storage as _};
use futures::StreamExt as _;
use proto::records::v1::Record;
use tokio::{spawn, task::JoinHandle};

/// The key that is written when all is over.
const END: &str = "end";

/// The records a watch told, and why it did not tell more, if it failed.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) records: Vec<Record>,
    pub(crate) failure: Option<String>,
}

/// Begins a watch of everything, which ends when all is over.
pub(crate) fn follow(store: &Etcd) -> JoinHandle<Told> {
    let store = store.clone();
    spawn(async move {
        let mut told = Told {
            records: Vec::new(),
            failure: None,
        };
        told.failure = tell(&store, &mut told.records).await.err();
        told
    })
}

/// Tells every watch that all is over.
pub(crate) async fn end(store: &Etcd) {
    let put = Put {
        key: END.to_owned(),
        value: END.into(),
        content_type: "text/plain".to_owned(),
        updated_by: "nobody".to_owned(),
        now: UNIX_EPOCH,
        expected: Some(0),
    };
    store.put(put).await.unwrap();
}

async fn tell(store: &Etcd, records: &mut Vec<Record>) -> Result<(), String> {
    let mut events = store.watch("", 1).await.map_err(|e| format!("{e:?}"))?;
    let mut last = 0;
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| format!("{error:?} after revision {last}"))?;
        let revision = event.revision();
        match event {
            Event::Put(record) if record.key == END => return Ok(()),
            Event::Put(record) => {
                if revision <= last {
                    return Err(format!("revision {revision} was told after {last}"));
                }
                records.push(record);
            }
            Event::Delete { key, .. } => return Err(format!("nobody deleted {key}")),
            Event::Bookmark { .. } if revision < last => {
                return Err(format!("a bookmark told {revision} after {last}"));
            }
            Event::Bookmark { .. } => {}
        }
        last = revision;
    }
    Err(format!("the watch ended after revision {last}"))
}
