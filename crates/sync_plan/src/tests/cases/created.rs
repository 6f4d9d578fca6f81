//! What came to be.

use super::check;

#[test]
fn nothing_changed_nothing_is_done() {
    check(
        "
         1 a=1 a=1 a=1",
        "
         all: a=1",
    );
}

#[test]
fn what_is_new_there_comes_here_but_in_a_push() {
    check(
        "
         1 - - a=1",
        "
         keep-both last-write manual pull pull-revert: a=1
         push push-revert: here nothing | there a=1",
    );
}

#[test]
fn what_is_new_here_goes_there_but_in_a_pull() {
    check(
        "
         1 - a=1 -",
        "
         keep-both last-write manual push push-revert: a=1
         pull pull-revert: here a=1 | there nothing",
    );
}

#[test]
fn folders_that_came_to_one_name_are_one() {
    check(
        "
         1 - d/ -
         2 - - d/
         3 - d/a=1 -
         4 - - d/b=2",
        "
         keep-both last-write manual: d/, d/a=1, d/b=2
         push push-revert: here d/, d/a=1 | there d/, d/a=1, d/b=2
         pull pull-revert: here d/, d/a=1, d/b=2 | there d/, d/b=2",
    );
}

#[test]
fn equal_files_that_came_to_one_name_are_one() {
    check(
        "
         1 - a=1 -
         2 - - a=1",
        "
         all: a=1",
    );
}

#[test]
fn different_files_that_came_to_one_name_are_both_kept_or_the_later_counts() {
    check(
        "
         1 - a.txt=1@10 -
         2 - - a.txt=2@20",
        "
         keep-both: a (1).txt=1, a.txt=2
         last-write: a.txt=2 ~CreateCreate ^1
         manual: here a.txt=1 | there a.txt=2 ?CreateCreate
         push push-revert: a.txt=1 ~CreateCreate ^2
         pull pull-revert: here a (1).txt=1, a.txt=2 | there a.txt=2",
    );
}

#[test]
fn different_files_that_came_to_one_name_at_one_time_are_both_kept() {
    check(
        "
         1 - a.txt=1@10 -
         2 - - a.txt=2@11",
        "
         keep-both last-write: a (1).txt=1, a.txt=2
         manual: here a.txt=1 | there a.txt=2 ?CreateCreate
         push push-revert: a.txt=1 ~CreateCreate ^2
         pull pull-revert: here a (1).txt=1, a.txt=2 | there a.txt=2",
    );
}

#[test]
fn a_file_here_and_a_folder_there_that_came_to_one_name_are_both_kept() {
    check(
        "
         1 - a=1 -
         2 - - a/
         3 - - a/b=2",
        "
         keep-both last-write: a (1)=1, a/, a/b=2
         manual: here a=1 | there a/, a/b=2 ?KindKind
         push push-revert: here a=1 | there a (1)=1, a/, a/b=2
         pull pull-revert: here a (1)=1, a/, a/b=2 | there a/, a/b=2",
    );
}

#[test]
fn a_folder_here_and_a_file_there_that_came_to_one_name_are_both_kept() {
    check(
        "
         1 - a/ -
         2 - a/b=2 -
         3 - - a=1",
        "
         keep-both last-write: a (3)=1, a/, a/b=2
         manual: here a/, a/b=2 | there a=1 ?KindKind
         push push-revert: here a/, a/b=2 | there a (1)/, a (1)/b=2, a=1
         pull pull-revert: here a (1)/, a (1)/b=2, a=1 | there a=1",
    );
}
