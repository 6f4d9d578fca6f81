//! What was deleted, and what was in it.

use super::check;

#[test]
fn what_was_deleted_there_goes_here() {
    check(
        "
         1 a=1 a=1 -",
        "
         keep-both last-write manual pull pull-revert: nothing
         push: here a=1 | there nothing
         push-revert: a=1",
    );
}

#[test]
fn what_was_deleted_here_goes_there() {
    check(
        "
         1 a=1 - a=1",
        "
         keep-both last-write manual push push-revert: nothing
         pull: here nothing | there a=1
         pull-revert: a=1",
    );
}

#[test]
fn what_was_edited_here_and_deleted_there_survives() {
    check(
        "
         1 a=1 a=2 -",
        "
         keep-both last-write push push-revert: a=2
         manual: here a=2 | there nothing ?EditDelete
         pull pull-revert: here a=2 | there nothing",
    );
}

#[test]
fn what_was_deleted_here_and_edited_there_survives() {
    check(
        "
         1 a=1 - a=2",
        "
         keep-both last-write pull pull-revert: a=2
         manual: here nothing | there a=2 ?DeleteEdit
         push push-revert: nothing ^2",
    );
}

#[test]
fn a_file_that_was_moved_here_and_deleted_there_survives() {
    check(
        "
         1 a=1 b=1 -",
        "
         keep-both last-write push push-revert: b=1
         manual: here b=1 | there nothing ?EditDelete
         pull pull-revert: nothing",
    );
}

#[test]
fn a_file_that_was_deleted_here_and_moved_there_survives() {
    check(
        "
         1 a=1 - b=1",
        "
         keep-both last-write pull pull-revert: b=1
         manual: here nothing | there b=1 ?DeleteEdit
         push push-revert: nothing",
    );
}

#[test]
fn a_folder_that_was_moved_here_and_deleted_there_survives_with_what_is_in_it() {
    check(
        "
         1 d/ e/ -
         2 d/a=1 e/a=1 -",
        "
         keep-both last-write push push-revert: e/, e/a=1
         manual: here e/, e/a=1 | there nothing ?EditDelete
         pull pull-revert: nothing",
    );
}

#[test]
fn a_folder_that_was_deleted_here_and_moved_there_survives_with_what_is_in_it() {
    check(
        "
         1 d/ - e/
         2 d/a=1 - e/a=1",
        "
         keep-both last-write pull pull-revert: e/, e/a=1
         manual: here nothing | there e/, e/a=1 ?DeleteEdit
         push push-revert: nothing",
    );
}

#[test]
fn what_was_deleted_on_both_sides_is_forgotten() {
    check(
        "
         1 a=1 - -",
        "
         all: nothing",
    );
}

#[test]
fn a_folder_that_was_deleted_here_comes_back_for_what_is_new_in_it() {
    check(
        "
         1 d/ - d/
         2 d/a=1 - d/a=1
         3 - - d/b=2",
        "
         keep-both last-write manual: d/, d/b=2
         push: here nothing | there d/, d/b=2
         push-revert: nothing ^2
         pull: here d/, d/b=2 | there d/, d/a=1, d/b=2
         pull-revert: d/, d/a=1, d/b=2",
    );
}

#[test]
fn a_folder_that_was_deleted_there_comes_back_for_what_is_new_in_it() {
    check(
        "
         1 d/ d/ -
         2 d/a=1 d/a=1 -
         3 - d/b=2 -",
        "
         keep-both last-write manual: d/, d/b=2
         push: here d/, d/a=1, d/b=2 | there d/, d/b=2
         push-revert: d/, d/a=1, d/b=2
         pull pull-revert: here d/, d/b=2 | there nothing",
    );
}

#[test]
fn a_folder_that_was_deleted_here_comes_back_for_what_was_edited_in_it() {
    check(
        "
         1 d/ - d/
         2 d/a=1 - d/a=1
         3 d/b=1 - d/b=2",
        "
         keep-both last-write: d/, d/b=2
         manual: here nothing | there d/, d/b=2 ?DeleteEdit
         push push-revert: nothing ^2
         pull: here d/, d/b=2 | there d/, d/a=1, d/b=2
         pull-revert: d/, d/a=1, d/b=2",
    );
}

#[test]
fn a_folder_that_was_deleted_there_comes_back_for_what_was_edited_in_it() {
    check(
        "
         1 d/ d/ -
         2 d/a=1 d/a=1 -
         3 d/b=1 d/b=2 -",
        "
         keep-both last-write: d/, d/b=2
         manual: here d/, d/b=2 | there nothing ?EditDelete
         push: here d/, d/a=1, d/b=2 | there d/, d/b=2
         push-revert: d/, d/a=1, d/b=2
         pull pull-revert: here d/, d/b=2 | there nothing",
    );
}
