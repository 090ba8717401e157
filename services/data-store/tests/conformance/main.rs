//! What every engine promises, each promise held to by every engine.
//!
//! A promise is a generic function over a [`place::Place`]; the list below makes a test of it for each engine. Those of etcd start an
//! etcd each, and ask to be asked for: `cargo test -p data-store --test conformance -- --ignored`.

#[cfg(test)]
mod conditions;
#[cfg(test)]
#[path = "../support/etcd.rs"]
#[expect(dead_code, reason = "other suites start it in other ways")]
mod etcd_server;
#[cfg(test)]
mod following;
#[cfg(test)]
mod forgetting;
#[cfg(test)]
mod linearizable;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod model;
#[cfg(test)]
mod place;
#[cfg(test)]
mod records;
#[cfg(test)]
mod revisions;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod support;
#[cfg(test)]
mod watching;

/// Makes a test of each claim for each engine, called `engine::claim`.
macro_rules! claims {
    ($($module:ident::{$($claim:ident),+ $(,)?})+) => {
        #[cfg(test)]
        mod memory {
            use crate::place::{Memory, Place as _};

            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    crate::$module::$claim(&Memory::make().await).await;
                }
            )+)+
        }

        #[cfg(test)]
        mod redb {
            use crate::place::{Place as _, Redb};

            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    crate::$module::$claim(&Redb::make().await).await;
                }
            )+)+
        }

        #[cfg(test)]
        mod etcd {
            use crate::place::{OwnEtcd, Place as _};

            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs etcd on the PATH (Debian: etcd-server)"]
                async fn $claim() {
                    crate::$module::$claim(&OwnEtcd::make().await).await;
                }
            )+)+
        }
    };
}

claims! {
    conditions::{
        expecting_nothing_creates_and_never_replaces,
        expecting_a_revision_replaces_that_one_alone,
        a_conditional_overwriting_keeps_the_time_of_creation,
        after_a_deletion_there_is_nothing_to_expect,
        a_revision_does_not_come_back_with_its_record,
        a_deletion_that_expects_a_revision_deletes_that_one_alone,
        a_deletion_that_expects_nothing_deletes_nothing,
        a_deletion_of_nothing_that_expects_something_differs,
        of_many_writers_at_one_revision_exactly_one_wins,
        of_a_writer_and_a_deleter_at_one_revision_exactly_one_wins,
    }
    following::{
        history_and_the_present_join_without_a_seam,
        a_list_and_the_watch_after_it_miss_nothing,
        a_watch_taken_up_again_and_again_tells_each_change_once,
        a_watch_that_is_read_slowly_tells_everything,
        a_watch_that_was_dropped_holds_nothing,
        a_put_that_was_dropped_happens_whole_or_not_at_all,
    }
    linearizable::{
        concurrent_operations_happen_one_after_another,
    }
    listing::{
        nothing_is_one_empty_page,
        a_list_shows_what_is_got,
        keys_are_ordered_by_their_bytes,
        a_prefix_holds_exactly_the_keys_that_start_with_it,
        a_list_goes_on_after_any_key_there_or_not,
        pages_hold_each_record_once_and_none_is_empty,
        a_page_is_cut_at_its_bytes_of_keys_and_values,
        large_records_fit_on_pages_of_their_bytes,
        limits_may_be_as_large_as_numbers_are,
        at_least_one_record_is_given,
        a_list_at_a_revision_to_come_is_refused,
    }
    model::{
        any_sequence_keeps_to_the_model,
        any_sequence_with_reopenings_keeps_to_the_model,
    }
    records::{
        nothing_is_got_where_nothing_was_put,
        what_was_put_is_got,
        a_value_may_be_empty,
        a_value_may_be_as_large_as_the_contract_has_it,
        keys_of_any_text_are_told_apart,
        an_overwritten_record_keeps_the_time_of_its_creation,
        an_overwriting_replaces_everything_else,
        a_record_created_again_is_new,
        a_write_is_seen_through_every_handle,
        records_survive_a_reopening,
        a_store_that_is_open_says_that_it_answers,
    }
    revisions::{
        each_write_takes_a_revision_above_all_before,
        a_deletion_of_nothing_takes_no_revision,
        a_record_keeps_the_revision_of_its_own_last_write,
        revisions_go_on_over_a_reopening,
        concurrent_writers_take_each_revision_once,
    }
    snapshots::{
        later_pages_do_not_see_what_was_created_since,
        later_pages_do_not_see_what_was_overwritten_since,
        later_pages_still_see_what_was_deleted_since,
        later_pages_see_the_old_of_what_was_created_again_since,
        what_was_deleted_before_stays_so,
        every_revision_can_be_read_after_the_fact,
        a_list_at_the_last_revision_is_the_list,
        pages_are_of_one_moment_under_concurrent_writers,
    }
    watching::{
        a_watch_begins_with_a_bookmark_of_the_past,
        a_watch_from_now_on_tells_only_what_comes,
        a_watch_from_now_on_begins_before_it_is_read,
        a_watch_tells_each_change_once,
        a_watch_goes_on_from_any_revision,
        a_watch_goes_on_from_its_bookmarks,
        a_watch_tells_exactly_the_keys_that_start_with_its_prefix,
        several_watches_tell_the_same,
        a_watch_tells_what_is_written_through_another_handle,
        a_watch_tells_nothing_of_writes_that_were_refused,
        a_watch_goes_on_over_a_reopening,
        a_watch_from_a_revision_to_come_is_refused,
    }
}
