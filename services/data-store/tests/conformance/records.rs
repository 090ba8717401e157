//! One record: what was put is got.

use std::time::Duration;

use data_store::{Put, Storage as _};
use proto::records::v1::Record;

use crate::{
    place::Place,
    support::{at, delete, get, in_time, mk_put, put},
};

const MIB: usize = 1024 * 1024;

pub(crate) async fn nothing_is_got_where_nothing_was_put<P: Place>(place: &P) {
    let store = place.open().await;

    assert_eq!(get(&store, "a").await, None);
    put(&store, "ab", "").await;
    assert_eq!(get(&store, "a").await, None);
    assert_eq!(get(&store, "abc").await, None);
}

pub(crate) async fn what_was_put_is_got<P: Place>(place: &P) {
    let store = place.open().await;
    let asked = Put {
        content_type: "text/plain; charset=utf-8".to_owned(),
        updated_by: "system:serviceaccount:api:api".to_owned(),
        now: at(1_700_000_000) + Duration::from_nanos(123_456_789),
        ..mk_put("a/b c", b"\x00\xff\r\n".to_vec())
    };

    let answered = in_time(store.put(asked.clone())).await.unwrap();

    let expected = Record {
        key: asked.key,
        value: asked.value,
        content_type: asked.content_type,
        revision: answered.revision,
        create_time: Some(asked.now.into()),
        update_time: Some(asked.now.into()),
        updated_by: asked.updated_by,
    };
    assert!(answered.revision > 0);
    assert_eq!(answered, expected);
    assert_eq!(get(&store, "a/b c").await, Some(expected));
}

pub(crate) async fn a_value_may_be_empty<P: Place>(place: &P) {
    let store = place.open().await;

    let answered = put(&store, "a", "").await;

    assert!(answered.value.is_empty());
    assert_eq!(get(&store, "a").await, Some(answered));
}

pub(crate) async fn a_value_may_be_as_large_as_the_contract_has_it<P: Place>(place: &P) {
    let store = place.open().await;
    let value: Vec<u8> = (0..=u8::MAX).cycle().take(MIB).collect();

    let answered = put(&store, &"k".repeat(1_024), value.clone()).await;

    assert!(answered.value == value);
    assert!(get(&store, &answered.key).await == Some(answered));
}

pub(crate) async fn keys_of_any_text_are_told_apart<P: Place>(place: &P) {
    let store = place.open().await;
    let keys = [
        " ",
        "%",
        "%2F",
        "/",
        "//",
        "/a",
        "a",
        "a ",
        "a/",
        "A",
        "é",
        "e\u{301}",
        "🦀",
        "\u{10ffff}",
    ];
    for key in keys {
        put(&store, key, format!("of {key}")).await;
    }

    for key in keys {
        let record = get(&store, key).await.expect("it was put");

        assert_eq!(
            (&*record.key, record.value),
            (key, format!("of {key}").into())
        );
    }
}

pub(crate) async fn an_overwritten_record_keeps_the_time_of_its_creation<P: Place>(place: &P) {
    let store = place.open().await;
    for second in [5, 7, 6] {
        let put = Put {
            now: at(second),
            ..mk_put("a", "")
        };

        let record = in_time(store.put(put)).await.unwrap();

        assert_eq!(record.create_time, Some(at(5).into()));
        assert_eq!(record.update_time, Some(at(second).into()));
        assert_eq!(get(&store, "a").await, Some(record));
    }
}

pub(crate) async fn an_overwriting_replaces_everything_else<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "a long value").await;
    let other = Put {
        content_type: "image/png".to_owned(),
        updated_by: "another".to_owned(),
        ..mk_put("a", "v")
    };

    in_time(store.put(other)).await.unwrap();

    let record = get(&store, "a").await.unwrap();
    assert_eq!(record.value, "v");
    assert_eq!(record.content_type, "image/png");
    assert_eq!(record.updated_by, "another");
}

pub(crate) async fn a_record_created_again_is_new<P: Place>(place: &P) {
    let store = place.open().await;
    put(&store, "a", "").await;
    delete(&store, "a").await;
    assert_eq!(get(&store, "a").await, None);
    let again = Put {
        now: at(9),
        ..mk_put("a", "")
    };

    let record = in_time(store.put(again)).await.unwrap();

    assert_eq!(record.create_time, Some(at(9).into()));
    assert_eq!(get(&store, "a").await, Some(record));
}

pub(crate) async fn a_write_is_seen_through_every_handle<P: Place>(place: &P) {
    let store = place.open().await;
    let other = place.another(&store).await;

    for (writer, reader) in [(&store, &other), (&other, &store), (&store, &store.clone())] {
        let written = put(writer, "a", "").await;
        assert_eq!(get(reader, "a").await, Some(written));

        delete(writer, "a").await;
        assert_eq!(get(reader, "a").await, None);
    }
}

pub(crate) async fn records_survive_a_reopening<P: Place>(place: &P) {
    let store = place.open().await;
    let kept = put(&store, "kept", "value").await;
    put(&store, "gone", "").await;
    delete(&store, "gone").await;

    let store = place.reopen(store).await;

    assert_eq!(get(&store, "kept").await, Some(kept));
    assert_eq!(get(&store, "gone").await, None);
}

pub(crate) async fn a_store_that_is_open_says_that_it_answers<P: Place>(place: &P) {
    let store = place.open().await;

    in_time(store.check()).await.unwrap();
}
