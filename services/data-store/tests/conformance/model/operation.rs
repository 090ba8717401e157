use proptest::{collection::vec, option, prelude::*, sample::select};

const KEYS: [&str; 4] = ["a", "a/b", "ab", "b"];
const PREFIXES: [&str; 5] = ["", "a", "a/", "b", "c"];

/// What is asked of a store.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Put {
        key: &'static str,
        length: usize,
        expected: Expected,
    },
    Delete {
        key: &'static str,
        expected: Expected,
    },
    Get {
        key: &'static str,
    },
    /// Reads the first page of a list.
    List {
        prefix: &'static str,
        records: usize,
        at: Moment,
    },
    /// Reads the next page of the list begun first that has one.
    Turn,
    /// Begins to watch.
    Watch {
        prefix: &'static str,
        from: Moment,
    },
    /// Closes the store and opens it again.
    Reopen,
}

/// What a write expects to find.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Anything,
    Nothing,
    /// What is there.
    Current,
    /// What was written so many changes ago, to whatever key.
    Earlier(usize),
    /// What nobody wrote yet.
    Future,
}

/// Now, or so many changes ago; as long ago as there are changes when it is more.
pub(super) type Moment = Option<usize>;

/// A sequence of operations, with reopenings among them or without.
pub(super) fn sequence(reopening: bool) -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        8 => (key(), 0..100_usize, expected())
            .prop_map(|(key, length, expected)| Operation::Put { key, length, expected }),
        4 => (key(), expected()).prop_map(|(key, expected)| Operation::Delete { key, expected }),
        2 => key().prop_map(|key| Operation::Get { key }),
        3 => (prefix(), 1..4_usize, moment())
            .prop_map(|(prefix, records, at)| Operation::List { prefix, records, at }),
        3 => Just(Operation::Turn),
        1 => (prefix(), moment()).prop_map(|(prefix, from)| Operation::Watch { prefix, from }),
        u32::from(reopening) => Just(Operation::Reopen),
    ];
    vec(operation, 5..=25)
}

fn key() -> impl Strategy<Value = &'static str> {
    select(&KEYS[..])
}

fn prefix() -> impl Strategy<Value = &'static str> {
    select(&PREFIXES[..])
}

fn moment() -> impl Strategy<Value = Moment> {
    option::of(0..20_usize)
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        4 => Just(Expected::Anything),
        2 => Just(Expected::Nothing),
        3 => Just(Expected::Current),
        1 => (0..10_usize).prop_map(Expected::Earlier),
        1 => Just(Expected::Future),
    ]
}
