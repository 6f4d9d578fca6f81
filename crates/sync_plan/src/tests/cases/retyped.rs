//! What came to the place of something else.

use super::check;

#[test]
fn a_file_that_became_a_folder_there_is_that_here() {
    check(
        "
         1 a=1 a=1 -
         2 - - a/
         3 - - a/b=2",
        "
         keep-both last-write manual pull pull-revert: a/, a/b=2
         push: here a=1 | there a/, a/b=2
         push-revert: here a=1 | there a (1)=1, a/, a/b=2",
    );
}

#[test]
fn a_file_that_became_a_folder_here_is_that_there() {
    check(
        "
         1 a=1 - a=1
         2 - a/ -
         3 - a/b=2 -",
        "
         keep-both last-write manual push push-revert: a/, a/b=2
         pull: here a/, a/b=2 | there a=1
         pull-revert: here a (2)/, a (2)/b=2, a=1 | there a=1",
    );
}

#[test]
fn a_folder_that_became_a_file_there_is_that_here() {
    check(
        "
         1 a/ a/ -
         2 a/b=1 a/b=1 -
         3 - - a=2",
        "
         keep-both last-write manual pull pull-revert: a=2
         push: here a/, a/b=1 | there a=2
         push-revert: here a/, a/b=1 | there a (1)/, a (1)/b=1, a=2",
    );
}

#[test]
fn an_edited_file_survives_beside_the_folder_that_it_became_there() {
    check(
        "
         1 a.txt=1 a.txt=2 -
         2 - - a.txt/",
        "
         keep-both last-write: a (1).txt=2, a.txt/
         manual: here a (2).txt/, a.txt=2 | there a.txt/ ?EditDelete
         push push-revert: here a.txt=2 | there a (1).txt=2, a.txt/
         pull pull-revert: here a (66).txt=2, a.txt/ | there a.txt/",
    );
}

#[test]
fn an_edited_file_survives_beside_the_folder_that_it_became_here() {
    check(
        "
         1 a.txt=1 - a.txt=2
         2 - a.txt/ -",
        "
         keep-both last-write: a (1).txt=2, a.txt/
         manual: here a.txt/ | there a (2).txt/, a.txt=2 ?DeleteEdit
         push push-revert: a.txt/ ^2
         pull pull-revert: here a (2).txt/, a.txt=2 | there a.txt=2",
    );
}

#[test]
fn a_moved_file_survives_where_it_is_beside_the_folder_that_it_became() {
    check(
        "
         1 a=1 b=1 -
         2 - - a/",
        "
         keep-both last-write: a/, b=1
         manual: here a/, b=1 | there a/ ?EditDelete
         push push-revert: here b=1 | there a/, b=1
         pull pull-revert: a/",
    );
}

#[test]
fn what_became_something_else_there_and_was_deleted_here_is_that() {
    check(
        "
         1 a=1 - -
         2 - - a/",
        "
         keep-both last-write manual pull pull-revert: a/
         push push-revert: here nothing | there a/",
    );
}

#[test]
fn what_became_the_same_folder_on_both_sides_is_one() {
    check(
        "
         1 a=1 - -
         2 - a/ -
         3 - - a/",
        "
         all: a/",
    );
}

#[test]
fn what_was_created_here_where_something_is_moved_to_there_gets_another_name() {
    check(
        "
         1 a.txt=1 a.txt=1 b.txt=1
         2 - b.txt=2 -",
        "
         keep-both last-write manual: b (2).txt=2, b.txt=1
         push: here a.txt=1, b.txt=2 | there b (2).txt=2, b.txt=1
         push-revert: a.txt=1, b.txt=2
         pull pull-revert: here b (2).txt=2, b.txt=1 | there b.txt=1",
    );
}

#[test]
fn what_is_moved_here_to_where_something_was_created_there_gets_another_name() {
    check(
        "
         1 a.txt=1 b.txt=1 a.txt=1
         2 - - b.txt=2",
        "
         keep-both last-write manual: b (1).txt=1, b.txt=2
         push push-revert: here b.txt=1 | there b (1).txt=1, b.txt=2
         pull: here b (1).txt=1, b.txt=2 | there a.txt=1, b.txt=2
         pull-revert: a.txt=1, b.txt=2",
    );
}

#[test]
fn what_was_created_here_in_the_place_of_something_deleted_there_is_another() {
    check(
        "
         1 a.txt=1 a.txt=1 -
         2 - - a.txt=2",
        "
         keep-both last-write manual pull pull-revert: a.txt=2
         push: here a.txt=1 | there a.txt=2
         push-revert: a.txt=1 ~EditEdit ^2",
    );
}

#[test]
fn what_was_written_anew_over_its_place_here_is_an_edit() {
    check(
        "
         1 a.txt=1 - a.txt=1
         2 - a.txt=2 -",
        "
         keep-both last-write manual push push-revert: a.txt=2
         pull: here a.txt=2 | there a.txt=1
         pull-revert: a.txt=1",
    );
}

#[test]
fn what_was_written_anew_here_and_edited_there_is_in_conflict() {
    check(
        "
         1 a.txt=1 - a.txt=3@20
         2 - a.txt=2@10 -",
        "
         keep-both: a (conflict 2026-11-21 1).txt=2, a.txt=3 ~EditEdit
         last-write: a.txt=3 ~EditEdit ^2
         manual: here a.txt=2 | there a.txt=3 ?EditEdit
         push push-revert: a.txt=2 ~EditEdit ^3
         pull pull-revert: here a (conflict 2026-11-21 1).txt=2, a.txt=3 | there a.txt=3 ~EditEdit",
    );
}

#[test]
fn what_was_moved_here_with_another_in_its_place_and_edited_there_is_both() {
    check(
        "
         1 a.txt=1 b.txt=1 a.txt=3
         2 - a.txt=2 -",
        "
         keep-both last-write manual: a.txt=2, b.txt=3
         push: here a.txt=2, b.txt=1 | there a.txt=2, b.txt=3
         push-revert: a.txt=2, b.txt=1 ~EditEdit ^3
         pull: here a.txt=2, b.txt=3 | there a.txt=3
         pull-revert: here a (2).txt=2, a.txt=3 | there a.txt=3",
    );
}

#[test]
fn a_file_and_a_folder_that_took_the_place_of_another_collide() {
    check(
        "
         1 a=1 - -
         2 - a=2 -
         3 - - a/",
        "
         keep-both last-write: a (2)=2, a/
         manual: here a=2 | there a/ ?KindKind
         push push-revert: here a=2 | there a (2)=2, a/
         pull pull-revert: here a (2)=2, a/ | there a/",
    );
}
