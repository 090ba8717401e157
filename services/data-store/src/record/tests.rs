use super::{
    RuleError, check_key, check_prefix, check_revision, check_value, content_type, page_size,
};

#[test]
fn a_key_of_1_to_1024_bytes_is_taken() {
    for key in ["k", "a/b//c", "schlüssel", &"k".repeat(1_024)] {
        check_key(key).unwrap();
    }
}

#[test]
fn an_empty_and_a_too_long_key_are_refused_by_their_length() {
    assert_eq!(check_key(""), Err(RuleError::KeyLength(0)));
    assert_eq!(
        check_key(&"k".repeat(1_025)),
        Err(RuleError::KeyLength(1_025))
    );
    // Bytes are counted, not characters.
    assert_eq!(
        check_key(&"ü".repeat(513)),
        Err(RuleError::KeyLength(1_026))
    );
}

#[test]
fn every_control_character_in_a_key_is_refused_by_its_place() {
    for control in ('\0'..=char::MAX).filter(|c| c.is_control()) {
        assert_eq!(
            check_key(&format!("ü{control}")),
            Err(RuleError::KeyControl(2)),
            "{control:?}"
        );
    }
}

#[test]
fn a_value_of_up_to_the_limit_is_taken() {
    check_value(&[], 3).unwrap();
    check_value(b"abc", 3).unwrap();

    assert_eq!(
        check_value(b"abcd", 3),
        Err(RuleError::ValueLength { most: 3, given: 4 })
    );
}

#[test]
fn a_revision_is_never_negative() {
    for revision in [0, 1, i64::MAX] {
        check_revision("start_revision", revision).unwrap();
    }
    let error = check_revision("start_revision", -1).unwrap_err();

    assert_eq!(
        error.to_string(),
        "start_revision must not be negative; it is -1"
    );
}

#[test]
fn no_content_type_is_octet_stream() {
    assert_eq!(content_type(""), Ok("application/octet-stream"));
}

#[test]
fn a_media_type_with_or_without_parameters_is_taken_as_it_is() {
    let longest = format!("a/{}", "b".repeat(253));
    for given in [
        "text/plain",
        "text/plain; charset=utf-8",
        "text/plain;charset=utf-8 ; format=flowed",
        "multipart/mixed; boundary=\"a b\"",
        "application/vnd.a+json",
        longest.as_str(),
    ] {
        assert_eq!(content_type(given), Ok(given));
    }
}

#[test]
fn what_is_no_media_type_is_refused() {
    for given in [
        "text",
        "/plain",
        "text/",
        "text/plain/more",
        " text/plain",
        "text/plain ",
        "te xt/plain",
        "text/plain; charset=\u{fc}",
        "text/plain; a=\"\r\nset-cookie: b\"",
        "text/pl\u{e4}in",
        "; charset=utf-8",
        "text/plain\0",
        "text/plain\t;a=b",
    ] {
        assert_eq!(
            content_type(given),
            Err(RuleError::ContentTypeForm(given.len())),
            "{given:?}"
        );
    }
}

#[test]
fn a_content_type_of_256_bytes_is_refused() {
    let given = format!("a/{}", "b".repeat(254));

    assert_eq!(content_type(&given), Err(RuleError::ContentTypeLength(256)));
}

#[test]
fn a_prefix_of_up_to_1024_bytes_is_taken() {
    check_prefix("").unwrap();
    check_prefix(&"p".repeat(1_024)).unwrap();

    assert_eq!(
        check_prefix(&"p".repeat(1_025)),
        Err(RuleError::PrefixLength(1_025))
    );
}

#[test]
fn page_size_is_1_to_1000_and_0_is_100() {
    assert_eq!(page_size(0), Ok(100));
    assert_eq!(page_size(1), Ok(1));
    assert_eq!(page_size(1_000), Ok(1_000));
    for given in [i32::MIN, -1, 1_001, i32::MAX] {
        assert_eq!(page_size(given), Err(RuleError::PageSize(given)));
    }
}

#[test]
fn a_refusal_names_the_field_the_limit_and_the_length_but_not_the_content() {
    let key = "secret".repeat(200);

    let message = check_key(&key).unwrap_err().to_string();

    assert_eq!(message, "key must be 1 to 1024 bytes long; it has 1200");
}
