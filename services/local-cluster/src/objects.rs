//! The cluster's objects: kept in memory, versioned, watched, and never more than so many.

pub(crate) mod kind;
mod log;
mod name;
mod prepare;

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard},
    time::UNIX_EPOCH,
};

use serde_json::{Value, json};
use tokio::sync::watch;
use tonic_kube_auth::Clock;

use self::{
    kind::{Kind, NAMESPACE, POD, SERVICE_ACCOUNT},
    log::Log,
};
pub(crate) use self::{log::Event, name::is_label};
use crate::{failure::Failure, text};

/// More objects than anybody needs on a laptop, few enough to list in one answer.
const LIMIT: usize = 10_000;

/// The most one of them may take, written as JSON.
const MAX_SIZE: usize = 128 * 1024;

/// Makes a uid for an object that brings none, from its kind, namespace and name.
type Uids = Box<dyn Fn(&Kind, &str, &str) -> String + Send + Sync>;

/// All objects of the cluster.
pub(crate) struct Objects {
    state: Mutex<State>,
    /// Holds the version of the latest change; watchers and the kubelet have the other ends.
    changed: watch::Sender<u64>,
    clock: Clock,
}

struct State {
    objects: BTreeMap<Key, Arc<Value>>,
    version: u64,
    log: Log,
    uids: Uids,
}

/// Kind, namespace (empty for what lives in none), name.
type Key = (&'static str, String, String);

// === impl Objects ===

impl Objects {
    /// An empty cluster. Until [`Objects::seeded`], objects that bring no uid get theirs from `uids`.
    pub(crate) fn new(clock: Clock, uids: Uids) -> Self {
        // Versions go on rising over a restart, so that whoever watched before is sent to list again.
        let since_epoch = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let version = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let state = State {
            objects: BTreeMap::new(),
            version,
            log: Log::starting_at(version),
            uids,
        };
        Self {
            state: Mutex::new(state),
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
            for inner in kind::KINDS.into_iter().filter(|kind| kind.is_namespaced) {
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
            .field("count", &state.objects.len())
            .field("version", &state.version)
            .finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    fn get(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        let key = (kind.plural, namespace.to_owned(), name.to_owned());
        self.objects.get(&key)
    }

    fn list(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let first = (
            kind.plural,
            namespace.unwrap_or_default().to_owned(),
            String::new(),
        );
        let namespace = namespace.map(str::to_owned);
        self.objects
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |((plural, within, _), _)| {
                *plural == kind.plural && namespace.as_ref().is_none_or(|asked| asked == within)
            })
    }

    fn insert(
        &mut self,
        kind: &'static Kind,
        mut object: Value,
        clock: &Clock,
    ) -> Result<Arc<Value>, Failure> {
        let metadata = &mut object["metadata"];
        let namespace = text(&metadata["namespace"]).to_owned();
        let name = text(&metadata["name"]).to_owned();
        if self.get(kind, &namespace, &name).is_some() {
            return Err(Failure::already_exists(kind.resource(), &name));
        }
        if self.objects.len() >= LIMIT {
            return Err(Failure::full(LIMIT));
        }
        if metadata["uid"].is_null() {
            metadata["uid"] = (self.uids)(kind, &namespace, &name).into();
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = crate::rfc3339(clock.now()).into();
        }
        let object = self.record(kind, "ADDED", object);
        let key = (kind.plural, namespace, name);
        self.objects.insert(key, Arc::clone(&object));
        Ok(object)
    }

    fn remove(
        &mut self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        clock: &Clock,
    ) -> Option<Arc<Value>> {
        let key = (kind.plural, namespace.to_owned(), name.to_owned());
        let mut object = Value::clone(&*self.objects.remove(&key)?);
        // Nothing runs in a stand-in's pod, so it is gone as soon as it is asked to go; but watchers see both steps.
        if *kind == POD {
            let metadata = &mut object["metadata"];
            metadata["deletionTimestamp"] = crate::rfc3339(clock.now()).into();
            metadata["deletionGracePeriodSeconds"] = 0.into();
            metadata["generation"] = 2.into();
            object = Value::clone(&*self.record(kind, "MODIFIED", object));
        }
        Some(self.record(kind, "DELETED", object))
    }

    fn record(&mut self, kind: &'static Kind, what: &'static str, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let object = Arc::new(object);
        self.log.push(Event {
            version: self.version,
            kind,
            what,
            object: Arc::clone(&object),
        });
        object
    }
}

#[cfg(test)]
mod tests;
