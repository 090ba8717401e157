//! What the store's lock protects: every object under its kind, namespace and name, and one version for all.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use serde_json::Value;
use tonic_kube_auth::Clock;

use super::{
    kind::{Kind, POD},
    log::{Event, Log},
};
use crate::api_server::{failure::Failure, rfc3339, text};

/// More objects than anybody needs on a laptop, few enough to list in one answer.
pub(super) const LIMIT: usize = 10_000;

/// Makes a uid for an object that brings none, from its kind, namespace and name.
pub(super) type Uids = Box<dyn Fn(&Kind, &str, &str) -> String + Send + Sync>;

/// Objects, what happened to them lately, and how new ones are named.
pub(super) struct State {
    objects: BTreeMap<Key, Arc<Value>>,
    /// Of the latest change.
    pub(super) version: u64,
    pub(super) log: Log,
    pub(super) uids: Uids,
}

/// Kind, namespace (empty for what lives in none), name.
pub(super) type Key = (&'static str, String, String);

// === impl State ===

impl State {
    pub(super) fn new(version: u64, uids: Uids) -> Self {
        Self {
            objects: BTreeMap::new(),
            version,
            log: Log::starting_at(version),
            uids,
        }
    }

    pub(super) fn get(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
    ) -> Option<&Arc<Value>> {
        let key = (kind.plural, namespace.to_owned(), name.to_owned());
        self.objects.get(&key)
    }

    pub(super) fn list(
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

    pub(super) fn insert(
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
            metadata["creationTimestamp"] = rfc3339(clock.now()).into();
        }
        let object = self.record(kind, "ADDED", object);
        let key = (kind.plural, namespace, name);
        self.objects.insert(key, Arc::clone(&object));
        Ok(object)
    }

    pub(super) fn remove(
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
            metadata["deletionTimestamp"] = rfc3339(clock.now()).into();
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
