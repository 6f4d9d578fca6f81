//! What was edited, moved or renamed.

use super::check;

#[test]
fn an_edit_there_comes_here() {
    check(
        "
         1 a=1 a=1 a=2",
        "
         keep-both last-write manual pull pull-revert: a=2
         push: here a=1 | there a=2
         push-revert: a=1 ~EditEdit ^2",
    );
}

#[test]
fn an_edit_here_goes_there() {
    check(
        "
         1 a=1 a=2 a=1",
        "
         keep-both last-write manual push push-revert: a=2
         pull: here a=2 | there a=1
         pull-revert: a=1",
    );
}

#[test]
fn equal_edits_are_no_conflict() {
    check(
        "
         1 a=1 a=2 a=2",
        "
         all: a=2",
    );
}

#[test]
fn different_edits_are_both_kept_or_the_later_counts() {
    check(
        "
         1 a.txt=1 a.txt=2@10 a.txt=3@20",
        "
         keep-both: a (conflict 2026-11-21 1).txt=2, a.txt=3 ~EditEdit
         last-write: a.txt=3 ~EditEdit ^2
         manual: here a.txt=2 | there a.txt=3 ?EditEdit
         push push-revert: a.txt=2 ~EditEdit ^3
         pull pull-revert: here a (conflict 2026-11-21 1).txt=2, a.txt=3 | there a.txt=3 ~EditEdit",
    );
}

#[test]
fn a_later_edit_here_counts_where_the_later_counts() {
    check(
        "
         1 a.txt=1 a.txt=2@20 a.txt=3@10",
        "
         keep-both: a (conflict 2026-11-21 1).txt=2, a.txt=3 ~EditEdit
         last-write push push-revert: a.txt=2 ~EditEdit ^3
         manual: here a.txt=2 | there a.txt=3 ?EditEdit
         pull pull-revert: here a (conflict 2026-11-21 1).txt=2, a.txt=3 | there a.txt=3 ~EditEdit",
    );
}

#[test]
fn different_edits_at_one_time_are_both_kept() {
    check(
        "
         1 a.txt=1 a.txt=2@10 a.txt=3@12",
        "
         keep-both last-write: a (conflict 2026-11-21 1).txt=2, a.txt=3 ~EditEdit
         manual: here a.txt=2 | there a.txt=3 ?EditEdit
         push push-revert: a.txt=2 ~EditEdit ^3
         pull pull-revert: here a (conflict 2026-11-21 1).txt=2, a.txt=3 | there a.txt=3 ~EditEdit",
    );
}

#[test]
fn an_edit_here_and_a_move_there_both_apply() {
    check(
        "
         1 d/ d/ d/
         2 a=1 a=2 d/a=1",
        "
         keep-both last-write manual: d/, d/a=2
         push: here a=2, d/ | there d/, d/a=2
         push-revert: a=2, d/
         pull: here d/, d/a=2 | there d/, d/a=1
         pull-revert: d/, d/a=1",
    );
}

#[test]
fn a_move_here_and_an_edit_there_both_apply() {
    check(
        "
         1 d/ d/ d/
         2 a=1 d/a=1 a=2",
        "
         keep-both last-write manual: d/, d/a=2
         push: here d/, d/a=1 | there d/, d/a=2
         push-revert: d/, d/a=1 ~EditEdit ^2
         pull: here d/, d/a=2 | there a=2, d/
         pull-revert: a=2, d/",
    );
}

#[test]
fn the_same_move_on_both_sides_is_agreed() {
    check(
        "
         1 a=1 b=1 b=1",
        "
         all: b=1",
    );
}

#[test]
fn a_rename_here_and_a_move_there_both_apply() {
    check(
        "
         1 d/ d/ d/
         2 a=1 b=1 d/a=1",
        "
         keep-both last-write manual: d/, d/b=1
         push: here b=1, d/ | there d/, d/b=1
         push-revert: b=1, d/
         pull: here d/, d/b=1 | there d/, d/a=1
         pull-revert: d/, d/a=1",
    );
}

#[test]
fn a_move_here_and_a_rename_there_both_apply() {
    check(
        "
         1 d/ d/ d/
         2 a=1 d/a=1 b=1",
        "
         keep-both last-write manual: d/, d/b=1
         push: here d/, d/a=1 | there d/, d/b=1
         push-revert: d/, d/a=1
         pull: here d/, d/b=1 | there b=1, d/
         pull-revert: b=1, d/",
    );
}

#[test]
fn two_renames_of_one_file_end_with_that_of_here() {
    check(
        "
         1 a=1 b=1 c=1",
        "
         keep-both last-write manual push push-revert: b=1
         pull pull-revert: c=1",
    );
}

#[test]
fn moves_that_put_folders_into_each_other_end_with_that_of_here() {
    check(
        "
         1 a/ b/a/ a/
         2 b/ b/ a/b/",
        "
         keep-both last-write manual push push-revert: b/, b/a/
         pull pull-revert: a/, a/b/",
    );
}

#[test]
fn a_move_there_comes_here() {
    check(
        "
         1 d/ d/ d/
         2 a=1 a=1 d/a=1",
        "
         keep-both last-write manual pull pull-revert: d/, d/a=1
         push: here a=1, d/ | there d/, d/a=1
         push-revert: a=1, d/",
    );
}

#[test]
fn a_move_here_goes_there() {
    check(
        "
         1 d/ d/ d/
         2 a=1 d/a=1 a=1",
        "
         keep-both last-write manual push push-revert: d/, d/a=1
         pull: here d/, d/a=1 | there a=1, d/
         pull-revert: a=1, d/",
    );
}

#[test]
fn what_is_new_or_edited_in_a_folder_follows_its_move() {
    check(
        "
         1 d/ e/ d/
         2 d/a=1 e/a=1 d/a=2
         3 - - d/b=3",
        "
         keep-both last-write manual: e/, e/a=2, e/b=3
         push: here e/, e/a=1 | there e/, e/a=2, e/b=3
         push-revert: here e/, e/a=1 | there e/, e/a=1, e/b=3 ~EditEdit ^2
         pull: here e/, e/a=2, e/b=3 | there d/, d/a=2, d/b=3
         pull-revert: d/, d/a=2, d/b=3",
    );
}

#[test]
fn what_is_edited_here_in_a_folder_follows_its_move_there() {
    check(
        "
         1 d/ d/ e/
         2 d/a=1 d/a=2 e/a=1
         3 - d/b=3 -",
        "
         keep-both last-write manual: e/, e/a=2, e/b=3
         push: here d/, d/a=2, d/b=3 | there e/, e/a=2, e/b=3
         push-revert: d/, d/a=2, d/b=3
         pull: here e/, e/a=2, e/b=3 | there e/, e/a=1
         pull-revert: here e/, e/a=1, e/b=3 | there e/, e/a=1",
    );
}
