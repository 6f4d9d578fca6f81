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
/// were needed when it was written down, and three hundred at least.
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
    no_link NoLink 300;
    link_different LinkDifferent 600;
    link_top_only LinkTopOnly 5000;
    link_across_kinds LinkAcrossKinds 300;
    no_compare NoCompare 300;
    no_retie NoRetie 300;
    no_retie_moved NoRetieMoved 400;
    retie_ambiguous RetieAmbiguous 300;
    delete_beats_edit DeleteBeatsEdit 300;
    delete_beats_move DeleteBeatsMove 300;
    no_shelter NoShelter 300;
    nothing_dies NothingDies 300;
    no_ancestors NoAncestors 400;
    others_travel OthersTravel 300;
    ignore_obstacle IgnoreObstacle 300;
    ignore_parked IgnoreParked 300;
    there_wins_moves ThereWinsMoves 300;
    place_as_one PlaceAsOne 400;
    no_moves NoMoves 300;
    no_renames NoRenames 300;
    rename_odd_names RenameOddNames 2600;
    temp_is_rename TempIsRename 400;
    no_rings NoRings 16_300;
    ring_reverts_here RingRevertsHere 1800;
    no_collisions NoCollisions 300;
    collide_exact CollideExact 300;
    newcomer_keeps_name NewcomerKeepsName 300;
    here_keeps_name HereKeepsName 1000;
    file_keeps_name FileKeepsName 1900;
    rename_duplicates RenameDuplicates 500;
    suffix_without_id SuffixWithoutId 300;
    overwrite_here OverwriteHere 1600;
    overwrite_there OverwriteThere 1600;
    earlier_wins EarlierWins 1600;
    no_skew NoSkew 3100;
    believe_epoch BelieveEpoch 5700;
    equal_edits_clash EqualEditsClash 300;
    no_writes NoWrites 300;
    create_before_parent CreateBeforeParent 300;
    ignore_occupied IgnoreOccupied 300;
    place_into_itself PlaceIntoItself 1300;
    trash_full TrashFull 300;
    ignore_crowded IgnoreCrowded 700;
    no_temp NoTemp 600;
    no_agree NoAgree 300;
    agree_different AgreeDifferent 300;
    agree_apart AgreeApart 300;
    no_forget NoForget 300;
    push_writes_here PushWritesHere 300;
    pull_writes_there PullWritesThere 300;
    leave_reverts LeaveReverts 300;
    revert_leaves RevertLeaves 300;
    no_capture NoCapture 300;
    no_keeps NoKeeps 300;
    no_ask NoAsk 300;
    ignore_own_policy IgnoreOwnPolicy 2100;
}
