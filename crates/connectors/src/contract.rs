//! What every connector promises, as one suite that runs on each of them.
//!
//! A connector's tests give a [`World`]: the connector on an empty drive, and the hand of somebody else on the
//! same drive. [`check!`] makes one test of each case, so that a failure has a name. A case that needs what a
//! connection cannot do is passed over by its gate, in the list below; what it cannot do has cases of its own.
//!
//! Paths in here are names below the connection's root, joined by `/`.

pub mod about;
pub mod changes;
pub mod concurrency;
pub mod disk;
pub mod documents;
pub mod feed;
pub mod folders;
pub mod gates;
pub mod limits;
pub mod links;
pub mod listing;
pub mod names;
pub mod reading;
pub mod relocating;
pub mod repeats;
pub mod replacing;
pub mod revisions;
pub mod scene;
pub mod sources;
pub mod trash;
pub mod uploading;
pub mod watching;
pub mod world;

pub use disk::Disk;
pub use feed::Mirror;
pub use gates::Gate;
pub use scene::{Scene, collect, hashes_of, sample};
pub use sources::{Bytes, Failing, Kept};
pub use world::{Call, Tree, Trouble, World};

/// Runs a case on a world of its own, or passes it over.
pub async fn run(world: impl World + 'static, gate: Gate, case: impl AsyncFn(&Scene)) {
    let scene = Scene::new(world).await;
    if !gate(scene.drive.abilities()) {
        println!("passed over: this connection cannot do that");
        return;
    }
    case(&scene).await;
    let violations = scene.world.violations().await;
    assert!(violations.is_empty(), "what no client may do: {violations:#?}");
}

/// Makes a test of every case. Takes the path of an async function that opens a new, empty world:
/// `mod contract { crate::contract::check!(super::Folder::open); }`.
///
/// Where a service takes long to start, `check!(start, open)` makes a test of every group, which starts it once
/// and opens a world on it for each case.
macro_rules! check {
    ($open:path) => {
        $crate::contract::check! { @list @tests ($open); }
    };
    ($start:path, $open:path) => {
        $crate::contract::check! { @list @groups ($start, $open); }
    };
    (@list @$mode:tt $how:tt;) => {
        $crate::contract::check! { @$mode $how;
            about {
                tells_whose_drive_it_is: always,
                tells_the_same_each_time: always,
                has_a_root_that_is_a_folder_in_no_folder: always,
                tells_room_that_can_be: always,
                has_abilities_that_go_together: always,
            }
            listing {
                finds_nothing_in_an_empty_drive: always,
                tells_what_is_in_a_folder_and_nothing_below: always,
                tells_name_parent_kind_and_length: always,
                tells_of_an_item_what_the_folder_tells: always,
                gives_each_of_many_items_once: always,
                goes_down_folder_by_folder: always,
                shows_an_empty_folder: empty_folders,
                knows_no_item_that_is_not_there: always,
                has_no_children_of_what_is_not_there: empty_folders,
                has_no_children_of_a_file: always,
                leads_nowhere_by_nonsense_ids: always,
                tells_hashes_that_are_right: hashes,
            }
            changes {
                settles_at_once_on_an_empty_drive: always,
                tells_all_there_is_then_settles: always,
                tells_nothing_new_when_nothing_changed: always,
                tells_a_new_file: always,
                tells_a_new_content_by_another_revision: always,
                tells_a_new_name: always,
                tells_a_new_place: always,
                tells_a_new_name_of_a_folder: always,
                tells_that_a_file_is_gone: always,
                tells_that_a_folder_is_gone_with_all_below: always,
                tells_what_comes_back_after_it_was_gone: always,
                keeps_ids_over_names_and_places: ids,
                tells_what_we_write_ourselves: writes,
                misses_nothing_that_happens_in_the_first_round: always,
                misses_nothing_that_happens_between_pages: always,
                goes_on_from_a_cursor_that_was_used_before: always,
                starts_anew_as_often_as_asked: always,
                says_that_a_nonsense_cursor_is_lost: always,
                keeps_cursors_short: always,
                tells_many_items_once_each: always,
            }
            reading {
                gives_what_is_there: always,
                gives_an_empty_file: always,
                gives_all_lengths: always,
                goes_on_from_an_offset: always,
                gives_nothing_at_the_end: always,
                tells_length_and_revision: always,
                gives_no_other_content_than_was_asked_for: always,
                gives_no_content_of_a_folder: empty_folders,
                finds_nothing_where_nothing_is: always,
                serves_many_readers_at_once: always,
                is_verified_by_fetch: always,
                goes_on_after_a_break: always,
                notices_one_wrong_byte: hashes,
                tells_fetch_of_a_change: always,
            }
            uploading {
                makes_what_was_sent: writes,
                makes_an_empty_file: writes,
                makes_files_of_all_lengths: writes,
                tells_hashes_of_what_it_made: writes_hashes,
                keeps_the_time_of_modification: keeps_times,
                makes_a_file_in_a_folder: writes,
                never_replaces_by_a_create: unique_names,
                makes_twins_where_names_are_not_unique: duplicates,
                makes_nothing_in_a_folder_that_is_gone: writes_ids,
                leaves_nothing_of_a_source_that_fails: writes,
                leaves_nothing_of_a_source_that_is_short: writes,
                leaves_nothing_of_a_source_that_is_long: writes,
                counts_what_arrives: writes,
                forgets_its_session_at_the_end: writes,
                goes_on_where_it_stopped: resumes,
                goes_on_with_nothing_when_the_session_is_nonsense: resumes,
                takes_no_file_that_is_too_large: bounded,
                takes_an_id_that_was_given_ahead: gives_ids,
            }
            replacing {
                puts_another_content_in_place: writes,
                keeps_id_name_and_place: writes,
                makes_a_file_longer_shorter_and_empty: writes,
                leaves_what_somebody_else_wrote: writes,
                makes_nothing_of_what_is_gone: writes,
                leaves_the_old_content_when_a_source_fails: writes,
                puts_the_same_content_twice: writes,
                replaces_what_it_made_itself: writes,
                makes_no_content_of_a_folder: writes_folders,
            }
            folders {
                makes_a_folder: writes,
                makes_folders_in_folders: writes,
                makes_no_folder_twice: unique_names,
                makes_no_folder_over_a_file: unique_names,
                makes_no_folder_in_one_that_is_gone: writes_folders,
                takes_an_id_that_was_given_ahead: gives_ids,
            }
            relocating {
                renames_a_file: writes,
                moves_a_file: writes,
                moves_and_renames_at_once: writes,
                renames_a_folder_with_all_below: writes,
                moves_a_folder_with_all_below: writes,
                keeps_the_id: writes_ids,
                keeps_the_content_and_its_revision: writes_ids,
                writes_over_nothing: unique_names,
                writes_over_no_folder: unique_names,
                puts_no_folder_into_itself: writes,
                finds_nothing_where_nothing_is: writes,
                changes_only_case: writes,
                leaves_what_has_changed: guards_moves,
                does_nothing_when_it_is_there_already: writes,
                leaves_the_root: writes,
                says_where_the_item_is_then: writes,
            }
            trash {
                takes_a_file_away: writes,
                takes_a_folder_away_with_all_below: writes,
                is_done_with_what_is_gone: writes,
                frees_the_name: writes,
                takes_two_of_one_name: writes,
                leaves_what_has_changed: guards_trash,
                leaves_the_root: writes,
                takes_an_empty_folder: writes_folders,
                leaves_a_folder_that_is_not_empty_any_more: guards_empty,
                is_not_seen_in_listings: writes,
                is_not_seen_in_changes: writes,
                gives_back_a_file: restores,
                gives_back_a_folder_with_all_below: restores,
                gives_back_nothing_where_nothing_is: restores,
            }
            names {
                are_kept_as_they_are: writes,
                of_somebody_else_are_told_as_they_are: always,
                that_it_cannot_hold_are_refused: writes,
                of_folders_are_kept_as_they_are: writes,
                of_the_longest_kind_are_kept: writes,
                lead_nowhere_else: writes,
                of_two_forms_stay_two_or_clash: writes,
            }
            documents {
                are_no_files: documents,
                have_no_content_of_their_own: documents,
                are_exported: documents,
                are_not_exported_as_something_else: documents,
                are_never_written_over: documents,
            }
            revisions {
                begin_with_the_current_one: revisions,
                grow_with_each_content: revisions,
                can_be_read: revisions,
                are_of_files_that_are_there: revisions,
            }
            links {
                give_the_content_without_credentials: links,
                are_not_shown: links,
            }
            limits {
                are_told_of_revisions: no_revisions,
                are_told_of_links: no_links,
                are_told_of_ids: no_given_ids,
                are_told_of_the_trash: no_restores,
                are_told_of_watching: no_watching,
                are_told_of_channels: no_channels,
                are_told_of_writing: read_only,
            }
            repeats {
                find_the_file_that_was_made: writes,
                find_the_file_that_was_made_with_an_id: gives_ids,
                find_the_content_that_was_replaced: writes,
                find_the_folder_that_was_made: writes,
                find_the_item_that_was_moved: writes,
                find_the_item_that_was_thrown_away: writes,
                get_over_a_moment_of_trouble: writes,
                wait_when_asked_to: always,
                tell_that_the_drive_is_full: writes,
                tell_that_a_person_has_to_sign_in: always,
            }
            concurrency {
                makes_one_file_of_many_creates: creates_only,
                lets_one_of_many_replaces_win: replaces_only,
                makes_one_folder_of_many: unique_names,
                makes_many_files_at_once: writes,
                reads_one_content_while_others_are_written: writes,
                lists_while_others_write: writes,
                moves_an_item_to_one_place: writes,
            }
            watching {
                returns_when_something_changes: watches,
                returns_when_something_changes_deep_below: watches,
            }
        }
    };
    (@tests ($open:path); $($group:ident { $($case:ident: $gate:ident,)* })*) => {
        async fn open() -> impl $crate::contract::World {
            $open().await
        }

        $(mod $group {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                use $crate::contract;
                contract::run(super::open().await, contract::gates::$gate, contract::$group::$case).await;
            })*
        })*
    };
    (@groups ($start:path, $open:path); $($group:ident { $($case:ident: $gate:ident,)* })*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $group() {
            use $crate::contract;
            let service = $start().await;
            $(println!("{}", stringify!($case));
            contract::run($open(&service).await, contract::gates::$gate, contract::$group::$case).await;)*
        })*
    };
}

pub(crate) use check;
