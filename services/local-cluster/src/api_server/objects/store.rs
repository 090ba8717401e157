//! The store: one lock around the state, a notice for every change, and what one change brings with it.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::UNIX_EPOCH,
};

use serde_json::{Value, json};
use tokio::sync::watch;
use tonic_kube_auth::Clock;

use super::{
    kind::{KINDS, Kind, NAMESPACE, SERVICE_ACCOUNT},
    log::Event,
    prepare,
    state::{State, Uids},
};
use crate::api_server::{failure::Failure, text};

/// The most one of them may take, written as JSON.
const MAX_SIZE: usize = 128 * 1024;

/// All objects of the cluster.
pub(crate) struct Objects {
    state: Mutex<State>,
    /// Holds the version of the latest change; watchers and the kubelet have the other ends.
    changed: watch::Sender<u64>,
    clock: Clock,
}

// === impl Objects ===

impl Objects {
    /// An empty cluster. Until [`Objects::seeded`], objects that bring no uid get theirs from `uids`.
    pub(crate) fn new(clock: Clock, uids: Uids) -> Self {
        // Versions go on rising over a restart, so that whoever watched before is sent to list again.
        let since_epoch = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let version = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        Self {
            state: Mutex::new(State::new(version, uids)),
            changed: watch::Sender::new(version),
            clock,
        }
    }

    /// From here on new objects get random uids, so that a recreated object is another object.
    pub(crate) fn seeded(&self) {
        self.lock().uids = Box::new(|_, _, _| uuid::Uuid::new_v4().to_string());
    }

    /// Changes whenever an object does.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn get(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<Value>> {
        self.lock().get(kind, namespace, name).cloned()
    }

    pub(crate) fn require(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<Value>, Failure> {
        self.get(kind, namespace, name)
            .ok_or_else(|| Failure::not_found(kind.resource(), name))
    }

    /// All objects of a kind in a namespace (or in all), sorted, and the version they are of.
    pub(crate) fn list(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
    ) -> (u64, Vec<Arc<Value>>) {
        let state = self.lock();
        let objects = state
            .list(kind, namespace)
            .map(|(_, object)| Arc::clone(object));
        (state.version, objects.collect())
    }

    /// What happened after `version`, and which version that leads to.
    pub(crate) fn events_after(&self, version: u64) -> Result<(u64, Vec<Event>), Failure> {
        let state = self.lock();
        match state.log.after(version) {
            Ok(events) => Ok((state.version, events.cloned().collect())),
            Err(oldest) => Err(Failure::expired(version, oldest)),
        }
    }

    /// Checks, completes and keeps a new object, and what comes with it.
    pub(crate) fn create(
        &self,
        kind: &'static Kind,
        namespace: &str,
        object: Value,
    ) -> Result<Arc<Value>, Failure> {
        let mut state = self.lock();
        let object = prepare::complete(&state, kind, namespace, object)?;
        if object.to_string().len() > MAX_SIZE {
            return Err(Failure::too_large(MAX_SIZE));
        }
        let created = state.insert(kind, object, &self.clock)?;
        if *kind == NAMESPACE {
            let account = json!({ "metadata": { "name": "default" } });
            let namespace = text(&created["metadata"]["name"]);
            let account = prepare::complete(&state, &SERVICE_ACCOUNT, namespace, account)?;
            state.insert(&SERVICE_ACCOUNT, account, &self.clock)?;
        }
        self.changed.send_replace(state.version);
        Ok(created)
    }

    /// Deletes an object, and with a namespace everything in it.
    pub(crate) fn delete(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<Value>, Failure> {
        let mut state = self.lock();
        if state.get(kind, namespace, name).is_none() {
            return Err(Failure::not_found(kind.resource(), name));
        }
        if *kind == NAMESPACE {
            for inner in KINDS.into_iter().filter(|kind| kind.is_namespaced) {
                let names: Vec<_> = state
                    .list(inner, Some(name))
                    .map(|(key, _)| key.2.clone())
                    .collect();
                for inner_name in names {
                    state.remove(inner, name, &inner_name, &self.clock);
                }
            }
        }
        let deleted = state.remove(kind, namespace, name, &self.clock);
        self.changed.send_replace(state.version);
        deleted.ok_or_else(|| Failure::not_found(kind.resource(), name))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no change of the objects must panic halfway")
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("Objects")
            .field("version", &state.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
