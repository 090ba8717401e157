//! Objects as `kubectl get` prints them: the server makes the columns.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::api_server::{
    objects::kind::{CLUSTER_ROLE_BINDING, Kind, NAMESPACE, NODE, POD},
    text,
};

/// A column's name, and how an object fills it.
type Column = (&'static str, fn(&Value) -> String);

pub(super) fn render(kind: &Kind, objects: &[Arc<Value>], about: &Value, now: SystemTime) -> Value {
    let columns = columns(kind);
    let names = ["Name"]
        .into_iter()
        .chain(columns.iter().map(|(name, _)| *name))
        .chain(["Age"]);
    let definitions: Vec<_> = names
        .map(|name| {
            let format = if name == "Name" { "name" } else { "" };
            json!({ "name": name, "type": "string", "format": format, "description": "", "priority": 0 })
        })
        .collect();
    let rows: Vec<_> = objects
        .iter()
        .map(|object| {
            let mut cells = vec![text(&object["metadata"]["name"]).to_owned()];
            cells.extend(columns.iter().map(|(_, fill)| fill(object)));
            cells.push(age(object, now));
            let metadata = json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": object["metadata"],
            });
            json!({ "cells": cells, "object": metadata })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": about,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn columns(kind: &Kind) -> Vec<Column> {
    if *kind == POD {
        vec![
            ("Ready", ready),
            ("Status", phase),
            ("Restarts", |_| "0".to_owned()),
        ]
    } else if *kind == NAMESPACE {
        vec![("Status", phase)]
    } else if *kind == NODE {
        vec![("Status", |_| "Ready".to_owned())]
    } else if *kind == CLUSTER_ROLE_BINDING {
        vec![("Role", |binding| {
            format!("ClusterRole/{}", text(&binding["roleRef"]["name"]))
        })]
    } else {
        Vec::new()
    }
}

fn phase(object: &Value) -> String {
    text(&object["status"]["phase"]).to_owned()
}

fn ready(pod: &Value) -> String {
    let containers = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
    let is_running = pod["status"]["phase"] == "Running";
    format!("{}/{containers}", if is_running { containers } else { 0 })
}

/// Shortened as kubectl does: two units while small, one when that is enough.
fn age(object: &Value, now: SystemTime) -> String {
    let Ok(created) = humantime::parse_rfc3339(text(&object["metadata"]["creationTimestamp"]))
    else {
        return "<unknown>".to_owned();
    };
    let age = now.duration_since(created).unwrap_or_default();
    let seconds = age.as_secs();
    match age {
        age if age < Duration::from_secs(120) => format!("{seconds}s"),
        age if age < Duration::from_secs(3 * 3600) => format!("{}m", seconds / 60),
        age if age < Duration::from_secs(48 * 3600) => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
