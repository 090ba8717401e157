//! Field numbers of the messages clients send as protobuf, from Kubernetes' `generated.proto` files.

/// A message: the fields somebody here looks at.
pub(super) type Message = &'static [Field];

#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u64,
    pub(super) name: &'static str,
    pub(super) shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
    Text,
    Texts,
    Number,
    Truth,
    /// From text to text.
    Map,
    One(Message),
    Many(Message),
}

/// The envelope's field with the object in it.
pub(super) const RAW: u64 = 2;

pub(super) static ENVELOPE: [Field; 1] = [field(1, "typeMeta", Shape::One(&TYPE))];
pub(super) static ENTRY: [Field; 2] =
    [field(1, "key", Shape::Text), field(2, "value", Shape::Text)];

/// Kinds by name. No two groups here share one.
pub(super) static KINDS: [(&str, Message); 10] = [
    ("ClusterRole", &CLUSTER_ROLE),
    ("ClusterRoleBinding", &CLUSTER_ROLE_BINDING),
    ("DeleteOptions", &DELETE_OPTIONS),
    ("Namespace", &METADATA_ONLY),
    ("SelfSubjectAccessReview", &ACCESS_REVIEW),
    ("SelfSubjectReview", &METADATA_ONLY),
    ("ServiceAccount", &SERVICE_ACCOUNT),
    ("SubjectAccessReview", &ACCESS_REVIEW),
    ("TokenRequest", &TOKEN_REQUEST),
    ("TokenReview", &TOKEN_REVIEW),
];

static TYPE: [Field; 2] = [
    field(1, "apiVersion", Shape::Text),
    field(2, "kind", Shape::Text),
];
static METADATA: [Field; 5] = [
    field(1, "name", Shape::Text),
    field(2, "generateName", Shape::Text),
    field(3, "namespace", Shape::Text),
    field(11, "labels", Shape::Map),
    field(12, "annotations", Shape::Map),
];
static METADATA_ONLY: [Field; 1] = [metadata()];
static SERVICE_ACCOUNT: [Field; 2] = [
    metadata(),
    field(4, "automountServiceAccountToken", Shape::Truth),
];
static DELETE_OPTIONS: [Field; 3] = [
    field(1, "gracePeriodSeconds", Shape::Number),
    field(2, "preconditions", Shape::One(&PRECONDITIONS)),
    field(5, "dryRun", Shape::Texts),
];
static PRECONDITIONS: [Field; 1] = [field(1, "uid", Shape::Text)];

static TOKEN_REQUEST: [Field; 2] = [
    metadata(),
    field(2, "spec", Shape::One(&TOKEN_REQUEST_SPEC)),
];
static TOKEN_REQUEST_SPEC: [Field; 3] = [
    field(1, "audiences", Shape::Texts),
    field(3, "boundObjectRef", Shape::One(&BOUND_OBJECT)),
    field(4, "expirationSeconds", Shape::Number),
];
static BOUND_OBJECT: [Field; 4] = [
    field(1, "kind", Shape::Text),
    field(2, "apiVersion", Shape::Text),
    field(3, "name", Shape::Text),
    field(4, "uid", Shape::Text),
];
static TOKEN_REVIEW: [Field; 2] = [metadata(), field(2, "spec", Shape::One(&TOKEN_REVIEW_SPEC))];
static TOKEN_REVIEW_SPEC: [Field; 2] = [
    field(1, "token", Shape::Text),
    field(2, "audiences", Shape::Texts),
];

static ACCESS_REVIEW: [Field; 2] = [
    metadata(),
    field(2, "spec", Shape::One(&ACCESS_REVIEW_SPEC)),
];
static ACCESS_REVIEW_SPEC: [Field; 5] = [
    field(1, "resourceAttributes", Shape::One(&RESOURCE)),
    field(2, "nonResourceAttributes", Shape::One(&NON_RESOURCE)),
    field(3, "user", Shape::Text),
    field(4, "groups", Shape::Texts),
    field(6, "uid", Shape::Text),
];
static RESOURCE: [Field; 7] = [
    field(1, "namespace", Shape::Text),
    field(2, "verb", Shape::Text),
    field(3, "group", Shape::Text),
    field(4, "version", Shape::Text),
    field(5, "resource", Shape::Text),
    field(6, "subresource", Shape::Text),
    field(7, "name", Shape::Text),
];
static NON_RESOURCE: [Field; 2] = [field(1, "path", Shape::Text), field(2, "verb", Shape::Text)];

static CLUSTER_ROLE: [Field; 2] = [metadata(), field(2, "rules", Shape::Many(&RULE))];
static RULE: [Field; 5] = [
    field(1, "verbs", Shape::Texts),
    field(2, "apiGroups", Shape::Texts),
    field(3, "resources", Shape::Texts),
    field(4, "resourceNames", Shape::Texts),
    field(5, "nonResourceURLs", Shape::Texts),
];
static CLUSTER_ROLE_BINDING: [Field; 3] = [
    metadata(),
    field(2, "subjects", Shape::Many(&SUBJECT)),
    field(3, "roleRef", Shape::One(&ROLE)),
];
static SUBJECT: [Field; 4] = [
    field(1, "kind", Shape::Text),
    field(2, "apiGroup", Shape::Text),
    field(3, "name", Shape::Text),
    field(4, "namespace", Shape::Text),
];
static ROLE: [Field; 3] = [
    field(1, "apiGroup", Shape::Text),
    field(2, "kind", Shape::Text),
    field(3, "name", Shape::Text),
];

const fn metadata() -> Field {
    field(1, "metadata", Shape::One(&METADATA))
}

const fn field(number: u64, name: &'static str, shape: Shape) -> Field {
    Field {
        number,
        name,
        shape,
    }
}
