use serde_json::{Value, json};
use tonic_kube_auth::Clock;

use super::Objects;
use crate::api_server::objects::{
    kind::{NAMESPACE, POD, SERVICE_ACCOUNT},
    state::LIMIT,
};

fn mk_objects() -> Objects {
    let objects = Objects::new(
        Clock::stopped_at(1_000),
        Box::new(|kind, _, name| format!("{}-{name}", kind.singular)),
    );
    objects.create(&NAMESPACE, "", mk_named("api")).unwrap();
    objects
}

fn mk_named(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "containers": [] } })
}

#[test]
fn a_new_namespace_has_its_default_account() {
    let objects = mk_objects();

    let account = objects.get(&SERVICE_ACCOUNT, "api", "default").unwrap();

    assert_eq!(account["metadata"]["uid"], "serviceaccount-default");
    assert_eq!(
        account["metadata"]["creationTimestamp"],
        "1970-01-01T00:16:40Z"
    );
}

#[test]
fn deleting_a_namespace_deletes_what_is_in_it() {
    let objects = mk_objects();
    objects.create(&POD, "api", mk_named("one")).unwrap();

    objects.delete(&NAMESPACE, "", "api").unwrap();

    assert!(objects.get(&POD, "api", "one").is_none());
    assert!(objects.get(&SERVICE_ACCOUNT, "api", "default").is_none());
    assert!(objects.create(&POD, "api", mk_named("two")).is_err());
}

#[test]
fn a_recreated_object_is_another_object() {
    let objects = mk_objects();
    objects.seeded();
    let first = objects.create(&POD, "api", mk_named("one")).unwrap();
    objects.delete(&POD, "api", "one").unwrap();

    let second = objects.create(&POD, "api", mk_named("one")).unwrap();

    assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
}

#[test]
fn a_pod_gets_an_account_but_only_one_that_exists() {
    let objects = mk_objects();
    let mut stray = mk_named("stray");
    stray["spec"]["serviceAccountName"] = "nobody".into();

    let pod = objects.create(&POD, "api", mk_named("one")).unwrap();
    let failure = objects.create(&POD, "api", stray).unwrap_err();

    assert_eq!(pod["spec"]["serviceAccountName"], "default");
    assert_eq!(failure.code(), 403);
}

#[test]
fn a_list_keeps_to_its_kind_and_namespace() {
    let objects = mk_objects();
    objects.create(&NAMESPACE, "", mk_named("api-2")).unwrap();
    objects.create(&POD, "api", mk_named("one")).unwrap();
    objects.create(&POD, "api-2", mk_named("two")).unwrap();

    assert_eq!(objects.list(&POD, Some("api")).1.len(), 1);
    assert_eq!(objects.list(&POD, None).1.len(), 2);
    assert_eq!(objects.list(&SERVICE_ACCOUNT, Some("api-2")).1.len(), 1);
}

#[test]
fn a_full_cluster_says_so() {
    let objects = mk_objects();
    for number in 2..LIMIT {
        objects
            .create(
                &SERVICE_ACCOUNT,
                "api",
                mk_named(&format!("account-{number}")),
            )
            .unwrap();
    }

    let failure = objects
        .create(&SERVICE_ACCOUNT, "api", mk_named("last-straw"))
        .unwrap_err();

    assert_eq!(failure.code(), 507);
}
