//! Decisions of the planner switched off, one at a time: the proof notices each.

use super::hunt::first_broken;
use crate::fault::{self, Fault};
use crate::plan;

/// The number of stories that have to be told until one ends badly without a decision.
fn stories_until_found(fault: Fault, most: u64) -> Option<u64> {
    let found = fault::with(fault, || first_broken(0, most, plan));
    found.map(|(story, _)| story.seed + 1)
}

/// Names a test for each decision, and the number of stories within which it has to be found out: three times as many as
/// were needed when it was written down, and a hundred at least.
macro_rules! found_out {
    ($($test:ident $fault:ident $most:literal;)*) => {
        $(
            #[test]
            fn $test() {
                assert!(stories_until_found(Fault::$fault, $most).is_some());
            }
        )*

        /// Prints the table of the document: `cargo nextest run -p sync_plan --run-ignored all table --no-capture`.
        #[test]
        #[ignore = "prints a table; checks nothing"]
        fn table() {
            for fault in [$(Fault::$fault),*] {
                let found = fault::with(fault, || first_broken(0, 30_000, plan));
                match found {
                    Some((story, broken)) => {
                        let what: String = broken.what.chars().take(60).collect();
                        println!("| {fault:?} | {} | {what} |", story.seed + 1);
                    }
                    None => println!("| {fault:?} | not found | |"),
                }
            }
        }
    };
}

found_out! {
    no_link NoLink 1000;
    link_different LinkDifferent 1000;
    link_top_only LinkTopOnly 1000;
    link_across_kinds LinkAcrossKinds 1000;
    no_compare NoCompare 1000;
    no_retie NoRetie 1000;
    no_retie_moved NoRetieMoved 1000;
    retie_ambiguous RetieAmbiguous 1000;
    delete_beats_edit DeleteBeatsEdit 1000;
    delete_beats_move DeleteBeatsMove 1000;
    no_shelter NoShelter 1000;
    nothing_dies NothingDies 1000;
    no_ancestors NoAncestors 1000;
    no_rehome NoRehome 1000;
    others_travel OthersTravel 1000;
    ignore_obstacle IgnoreObstacle 1000;
    ignore_parked IgnoreParked 1000;
    there_wins_moves ThereWinsMoves 1000;
    place_as_one PlaceAsOne 1000;
    no_moves NoMoves 1000;
    no_renames NoRenames 1000;
    rename_odd_names RenameOddNames 1000;
    temp_is_rename TempIsRename 1000;
    no_rings NoRings 1000;
    ring_reverts_here RingRevertsHere 1000;
    no_collisions NoCollisions 1000;
    collide_exact CollideExact 1000;
    newcomer_keeps_name NewcomerKeepsName 1000;
    here_keeps_name HereKeepsName 1000;
    file_keeps_name FileKeepsName 1000;
    rename_duplicates RenameDuplicates 1000;
    suffix_without_id SuffixWithoutId 1000;
    overwrite_here OverwriteHere 1000;
    overwrite_there OverwriteThere 1000;
    earlier_wins EarlierWins 1000;
    no_skew NoSkew 1000;
    believe_epoch BelieveEpoch 1000;
    equal_edits_clash EqualEditsClash 1000;
    no_writes NoWrites 1000;
    create_before_parent CreateBeforeParent 1000;
    ignore_occupied IgnoreOccupied 1000;
    place_into_itself PlaceIntoItself 1000;
    trash_full TrashFull 1000;
    ignore_crowded IgnoreCrowded 1000;
    no_temp NoTemp 1000;
    no_agree NoAgree 1000;
    agree_different AgreeDifferent 1000;
    agree_apart AgreeApart 1000;
    no_forget NoForget 1000;
    push_writes_here PushWritesHere 1000;
    pull_writes_there PullWritesThere 1000;
    leave_reverts LeaveReverts 1000;
    revert_leaves RevertLeaves 1000;
    no_capture NoCapture 1000;
    no_keeps NoKeeps 1000;
    no_ask NoAsk 1000;
    ignore_own_policy IgnoreOwnPolicy 1000;
}
