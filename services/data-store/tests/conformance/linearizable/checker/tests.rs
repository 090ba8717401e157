use super::{Fact, Fault, Operation, check};

const A: usize = 0;
const B: usize = 1;

fn during(began: u64, ended: u64, fact: Fact) -> Operation {
    Operation { began, ended, fact }
}

fn mk_put(key: usize, revision: i64) -> Fact {
    Fact::Put {
        key,
        revision,
        replaced: None,
    }
}

fn mk_put_if(key: usize, revision: i64, expected: i64) -> Fact {
    Fact::Put {
        key,
        revision,
        replaced: Some(expected),
    }
}

fn mk_delete(key: usize, revision: i64) -> Fact {
    Fact::Delete {
        key,
        revision,
        replaced: None,
    }
}

#[test]
fn what_happens_one_after_another_is_in_order() {
    let history = [
        during(0, 1, Fact::read(A, 0)),
        during(2, 3, mk_put(A, 1)),
        during(4, 5, Fact::read(A, 1)),
        during(6, 7, mk_put_if(A, 4, 1)),
        during(8, 9, mk_delete(A, 6)),
        during(10, 11, Fact::read(A, 0)),
        during(12, 13, mk_put_if(A, 7, 0)),
    ];

    assert_eq!(check(&history), Ok(()));
}

#[test]
fn a_read_may_see_a_write_of_its_own_time_or_not() {
    for seen in [1, 2] {
        let history = [
            during(0, 1, mk_put(A, 1)),
            during(2, 5, mk_put(A, 2)),
            during(3, 4, Fact::read(A, seen)),
        ];

        assert_eq!(check(&history), Ok(()), "{seen}");
    }
}

#[test]
fn a_revision_taken_twice_is_found() {
    let history = [during(0, 3, mk_put(A, 1)), during(1, 2, mk_put(B, 1))];

    assert_eq!(check(&history), Err(Fault::TakenTwice(1)));
}

#[test]
fn a_write_out_of_order_is_found() {
    let history = [during(0, 1, mk_put(A, 2)), during(2, 3, mk_put(B, 1))];

    assert_eq!(check(&history), Err(Fault::OutOfOrder(2)));
}

#[test]
fn a_lost_update_is_found() {
    let history = [
        during(0, 1, mk_put(A, 1)),
        during(2, 5, mk_put_if(A, 2, 1)),
        during(3, 4, mk_put_if(A, 3, 1)),
    ];

    assert_eq!(check(&history), Err(Fault::LostUpdate(3)));
}

#[test]
fn a_deletion_of_nothing_that_took_a_revision_is_found() {
    let history = [during(0, 1, mk_put(A, 1)), during(2, 3, mk_delete(B, 2))];

    assert_eq!(check(&history), Err(Fault::LostUpdate(2)));
}

#[test]
fn a_stale_read_is_found() {
    let history = [
        during(0, 1, mk_put(A, 1)),
        during(2, 3, mk_put(A, 2)),
        during(4, 5, Fact::read(A, 1)),
    ];

    assert_eq!(check(&history), Err(Fault::Misread(4)));
}

#[test]
fn a_read_of_what_is_yet_to_be_written_is_found() {
    let history = [during(0, 1, Fact::read(A, 1)), during(2, 3, mk_put(A, 1))];

    assert_eq!(check(&history), Err(Fault::Misread(0)));
}

#[test]
fn a_read_of_what_nobody_wrote_is_found() {
    let history = [during(0, 1, mk_put(A, 1)), during(2, 3, Fact::read(A, 7))];

    assert_eq!(check(&history), Err(Fault::Misread(2)));
}

#[test]
fn a_read_that_goes_back_behind_another_is_found() {
    // The write is under way all the time, so each of the reads alone is right.
    let history = [
        during(0, 7, mk_put(A, 1)),
        during(1, 2, Fact::read(A, 1)),
        during(3, 4, Fact::read(A, 0)),
    ];

    assert_eq!(check(&history), Err(Fault::Misread(3)));
}

#[test]
fn reads_of_different_keys_that_contradict_each_other_are_found() {
    let history = [
        during(0, 9, mk_put(A, 1)),
        during(1, 8, mk_put(B, 2)),
        during(2, 3, Fact::read(B, 2)),
        during(4, 5, Fact::read(A, 0)),
    ];

    assert_eq!(check(&history), Err(Fault::Misread(4)));
}

#[test]
fn a_list_that_mixes_moments_is_found() {
    for (at, right) in [(2, false), (1, false), (3, true)] {
        let history = [
            during(0, 9, mk_put(A, 1)),
            during(1, 8, mk_put(B, 2)),
            during(2, 7, mk_put(A, 3)),
            during(
                3,
                4,
                Fact::Read {
                    at: Some(at),
                    found: vec![(A, 3), (B, 2)],
                },
            ),
        ];

        assert_eq!(check(&history).is_ok(), right, "{at}");
    }
}
