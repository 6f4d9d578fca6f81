//! Mirrors, what they tie together and what they have to do.

use std::collections::BTreeSet;

use model::{
    ConflictPolicy, ConnectionId, Digest, Millis, Mirror, MirrorDirection, MirrorDrift, MirrorId,
    MirrorProgress, MirrorRule, MirrorState, NodeId, SpaceId, UserId,
};

use super::database::on_each_engine;
use crate::{
    Catalog, DirtyCounts, DirtyRow, EntryContent, EntryList, EntryProof, EntryRow, IntentRow, MirrorSide,
};

pub(super) const MIRROR: MirrorId = MirrorId::from_bytes([7; 16]);
pub(super) const CONNECTION: ConnectionId = ConnectionId::from_bytes([8; 16]);
pub(super) const OWNER: UserId = UserId::from_bytes([1; 16]);
const SPACE: SpaceId = SpaceId::from_bytes([2; 16]);
const NOW: Millis = Millis(1_000_000);
const LATER: Millis = Millis(2_000_000);

/// Runs one method of a transaction and commits it.
macro_rules! run {
    ($catalog:expr, $method:ident($($argument:expr),*)) => {{
        let mut tx = $catalog.write().await.unwrap();
        let outcome = tx.$method($($argument),*).await.unwrap();
        tx.commit().await.unwrap();
        outcome
    }};
}

pub(super) fn mirror() -> Mirror {
    Mirror {
        id: MIRROR,
        number: 0,
        owner: OWNER,
        connection: CONNECTION,
        node: node(0),
        space: SPACE,
        item: "root".to_owned(),
        drive: "drive".to_owned(),
        direction: MirrorDirection::TwoWay,
        policy: ConflictPolicy::KeepBoth,
        drift: MirrorDrift::Leave,
        rules: vec![
            MirrorRule {
                pattern: "*.tmp".to_owned(),
                policy: None,
            },
            MirrorRule {
                pattern: "**/\"notes\"".to_owned(),
                policy: Some(ConflictPolicy::Manual),
            },
        ],
        most_deletes: Some(20),
        state: MirrorState::Active,
        reason: None,
        is_default: true,
        created_ms: NOW,
        progress: MirrorProgress {
            next_ms: NOW,
            ..MirrorProgress::default()
        },
    }
}

fn node(number: u32) -> NodeId {
    let mut bytes = [9; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    NodeId::from_bytes(bytes)
}

fn entry(number: u32) -> EntryRow {
    EntryRow {
        entry: u64::from(number),
        node: Some(node(number)),
        item: Some(format!("item {number}")),
        ..EntryRow::default()
    }
}

/// An entry with all that one can have.
fn full(number: u32) -> EntryRow {
    EntryRow {
        parent: Some(0),
        names: Some(("Ää:".to_owned(), "Ää：".to_owned())),
        content: Some(EntryContent {
            version: 3,
            digest: Some(Digest([5; 32])),
            size_bytes: 12,
            revision: Some("r1".to_owned()),
            there_bytes: Some(13),
            there_hashes: vec!["md5:00".to_owned(), "sha1:11".to_owned()],
        }),
        has_base: true,
        is_parked: true,
        is_skipped: true,
        taint_until: Some(LATER),
        late_calls: Some("what may still come".to_owned()),
        attempts: 4,
        next_ms: Some(NOW),
        error: Some("no".to_owned()),
        proof: EntryProof::Rewritten,
        proven_ms: Some(NOW),
        ..entry(number)
    }
}

fn numbers(rows: &[EntryRow]) -> BTreeSet<u64> {
    rows.iter().map(|row| row.entry).collect()
}

async fn begun(catalog: &Catalog) {
    run!(catalog, create_mirror(&mirror()));
}

#[tokio::test]
async fn a_mirror_comes_back_as_it_was_and_as_it_was_changed() {
    on_each_engine(|catalog| async move {
        let number = run!(catalog, create_mirror(&mirror()));
        let mut made = Mirror { number, ..mirror() };
        assert_eq!(run!(catalog, mirror(MIRROR)), Some(made.clone()));

        made.connection = ConnectionId::from_bytes([3; 16]);
        made.node = node(5);
        made.item = "other".to_owned();
        made.drive = "another".to_owned();
        made.direction = MirrorDirection::Pull;
        made.policy = ConflictPolicy::LastWrite;
        made.drift = MirrorDrift::Revert;
        made.rules = Vec::new();
        made.most_deletes = None;
        made.state = MirrorState::Trouble;
        made.reason = Some("why".to_owned());
        made.is_default = false;
        made.progress = MirrorProgress {
            here_seq: 1,
            there_seq: 2,
            is_complete: true,
            began_ms: Some(Millis(3)),
            in_step_ms: Some(Millis(4)),
            behind_ms: Some(Millis(5)),
            next_ms: Millis(6),
            failures: 7,
        };
        run!(catalog, put_mirror(&made));
        assert_eq!(run!(catalog, lock_mirror(MIRROR)), Some(made.clone()));
        assert!(run!(catalog, remove_mirror(MIRROR)));
        assert!(!run!(catalog, remove_mirror(MIRROR)));
        assert_eq!(run!(catalog, mirror(MIRROR)), None);
    })
    .await;
}

#[tokio::test]
async fn mirrors_are_listed_by_what_they_belong_to() {
    on_each_engine(|catalog| async move {
        let mut all = Vec::new();
        for number in 1..=3_u8 {
            let mut made = Mirror {
                id: MirrorId::from_bytes([number; 16]),
                is_default: number == 3,
                ..mirror()
            };
            made.progress.next_ms = Millis(i64::from(10 - number));
            made.state = match number {
                2 => MirrorState::Paused,
                _ => MirrorState::Active,
            };
            made.number = run!(catalog, create_mirror(&made));
            all.push(made);
        }

        assert_eq!(run!(catalog, mirrors(Some(OWNER), 0, 2)), all[..2]);
        assert_eq!(run!(catalog, mirrors(Some(OWNER), all[1].number, 2)), all[2..]);
        assert_eq!(run!(catalog, mirrors(None, 0, 10)), all);
        assert_eq!(
            run!(catalog, mirrors(Some(UserId::from_bytes([9; 16])), 0, 10)),
            []
        );
        assert_eq!(run!(catalog, mirrors_of_connection(CONNECTION)), all);
        assert_eq!(run!(catalog, mirrors_of_space(SPACE)), all);
        assert!(run!(catalog, has_mirrors(CONNECTION)));
        assert!(!run!(catalog, has_mirrors(ConnectionId::from_bytes([1; 16]))));
        assert_eq!(run!(catalog, count_mirrors(OWNER)), 3);
        assert_eq!(run!(catalog, count_mirrors(UserId::from_bytes([9; 16]))), 0);
        let due = run!(catalog, due_mirrors(Millis(9), 10));
        assert_eq!(due, [all[2].clone(), all[0].clone()]);
        assert_eq!(run!(catalog, due_mirrors(Millis(6), 10)), []);
        // Its connection is not there.
        assert_eq!(run!(catalog, default_mirror(OWNER, "google")), None);
    })
    .await;
}

#[tokio::test]
async fn what_is_trashed_counts_within_a_window() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        let at = |ms: i64| (Millis(ms), 100);

        assert_eq!(run!(catalog, note_trashed(MIRROR, at(1000), 3)), 3);
        assert_eq!(run!(catalog, note_trashed(MIRROR, at(1099), 4)), 7);
        assert_eq!(run!(catalog, note_trashed(MIRROR, at(1100), 5)), 5);
        assert_eq!(run!(catalog, note_trashed(MIRROR, at(1150), 0)), 5);
        // A clock that was set back.
        assert_eq!(run!(catalog, note_trashed(MIRROR, at(10), 2)), 2);
    })
    .await;
}

#[tokio::test]
async fn entries_come_back_as_they_were_by_number_node_and_item() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        let first = run!(catalog, new_entries(MIRROR, 3));
        assert_eq!(run!(catalog, new_entries(MIRROR, 1)), first + 3);
        let bare = EntryRow {
            entry: 3,
            ..EntryRow::default()
        };
        let rows = [full(1), entry(2), bare];
        run!(catalog, put_entries(MIRROR, &rows));

        let mut found = run!(catalog, entries(MIRROR, &[3, 1, 2, 9]));
        found.sort_by_key(|row| row.entry);
        assert_eq!(found, rows);
        assert_eq!(
            run!(catalog, entries_of_nodes(MIRROR, &[node(1), node(7)])),
            [full(1)]
        );
        assert_eq!(
            run!(catalog, entries_of_items(MIRROR, &["item 2", "item"])),
            [entry(2)]
        );
        assert_eq!(run!(catalog, entries(MirrorId::from_bytes([1; 16]), &[1])), []);

        let plain = EntryRow {
            has_base: true,
            ..entry(1)
        };
        run!(catalog, put_entries(MIRROR, std::slice::from_ref(&plain)));
        assert_eq!(run!(catalog, entries(MIRROR, &[1])), [plain]);
    })
    .await;
}

#[tokio::test]
async fn any_number_of_entries_goes_in_and_comes_out_and_those_with_a_base_are_counted() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        let based = |number: u32| EntryRow {
            has_base: number.is_multiple_of(2),
            ..entry(number)
        };
        let rows: Vec<EntryRow> = (1..=300).map(based).collect();
        run!(catalog, put_entries(MIRROR, &rows));
        let all: Vec<u64> = (1..=300).collect();
        let nodes: Vec<NodeId> = (1..=300).map(node).collect();
        let items: Vec<String> = (1..=300).map(|number| format!("item {number}")).collect();
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let wanted: BTreeSet<u64> = all.iter().copied().collect();

        assert_eq!(numbers(&run!(catalog, entries(MIRROR, &all))), wanted);
        assert_eq!(numbers(&run!(catalog, entries_of_nodes(MIRROR, &nodes))), wanted);
        assert_eq!(numbers(&run!(catalog, entries_of_items(MIRROR, &items))), wanted);
        assert_eq!(run!(catalog, count_entries(MIRROR)), 150);
        // Written once more they do not count twice; removed they do not count any more.
        run!(catalog, put_entries(MIRROR, &rows));
        assert_eq!(run!(catalog, count_entries(MIRROR)), 150);
        run!(catalog, remove_entries(MIRROR, &all[..200]));
        assert_eq!(run!(catalog, count_entries(MIRROR)), 50);
        assert_eq!(run!(catalog, entries(MIRROR, &all)).len(), 100);
        let page = run!(catalog, all_entries(MIRROR, 250, 10));
        assert_eq!(numbers(&page), (251..=260).collect());
    })
    .await;
}

#[tokio::test]
async fn a_node_may_go_from_one_entry_to_another_in_one_list() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        run!(catalog, put_entries(MIRROR, &[entry(1), entry(2)]));
        let left = EntryRow {
            node: None,
            ..entry(2)
        };
        let gone = EntryRow {
            node: None,
            item: None,
            ..entry(1)
        };
        let taken = EntryRow {
            entry: 3,
            item: None,
            ..entry(2)
        };
        run!(
            catalog,
            put_entries(MIRROR, &[taken.clone(), left.clone(), gone.clone()])
        );

        assert_eq!(
            run!(catalog, entries_of_nodes(MIRROR, &[node(1), node(2)])),
            [taken]
        );
        assert_eq!(run!(catalog, entries(MIRROR, &[1])), [gone]);
        assert_eq!(run!(catalog, entries(MIRROR, &[2])), [left]);
    })
    .await;
}

#[tokio::test]
async fn one_node_or_item_is_in_one_entry_of_a_mirror_only() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        run!(catalog, put_entries(MIRROR, &[entry(1)]));
        for twice in [
            EntryRow {
                item: None,
                entry: 2,
                ..entry(1)
            },
            EntryRow {
                node: None,
                entry: 2,
                ..entry(1)
            },
        ] {
            let mut tx = catalog.write().await.unwrap();
            assert!(tx.put_entries(MIRROR, &[twice]).await.is_err());
        }
        run!(catalog, put_entries(MirrorId::from_bytes([1; 16]), &[entry(1)]));
    })
    .await;
}

#[tokio::test]
async fn entries_are_listed_by_their_folder_their_trouble_and_their_proof() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        let within = |number, parent| EntryRow {
            parent: Some(parent),
            ..entry(number)
        };
        let proven = |number, at| EntryRow {
            proven_ms: at,
            is_parked: false,
            is_skipped: false,
            error: None,
            parent: None,
            ..full(number)
        };
        let rows = [
            within(1, 0),
            within(2, 5),
            within(3, 5),
            EntryRow {
                parent: None,
                ..full(4)
            },
            proven(5, None),
            EntryRow {
                is_folder: true,
                ..proven(6, Some(LATER))
            },
        ];
        run!(catalog, put_entries(MIRROR, &rows));

        assert_eq!(run!(catalog, remembered_folders(MIRROR, (NOW, 9), 2)), rows[5..]);
        assert_eq!(run!(catalog, remembered_folders(MIRROR, (LATER, 6), 2)), []);
        assert_eq!(run!(catalog, entries_in((MIRROR, 5), 0, 10)), rows[1..3]);
        assert_eq!(run!(catalog, entries_in((MIRROR, 5), 2, 10)), rows[2..3]);
        assert_eq!(run!(catalog, entries_in((MIRROR, 0), 0, 10)), rows[..1]);
        for list in [EntryList::Failed, EntryList::Parked, EntryList::Skipped] {
            assert_eq!(run!(catalog, listed_entries((MIRROR, list), 0, 10)), rows[3..4]);
            assert_eq!(run!(catalog, count_listed_entries(MIRROR, list)), 1);
            assert_eq!(run!(catalog, listed_entries((MIRROR, list), 4, 10)), []);
        }
        let old = run!(catalog, entries_by_proof(MIRROR, LATER, 10));
        assert_eq!(old, [rows[4].clone(), rows[3].clone()]);
        assert_eq!(
            run!(catalog, entries_by_proof(MIRROR, Millis(LATER.0 + 1), 10)).len(),
            3
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_marked_while_it_is_looked_at_stays_dirty() {
    on_each_engine(|catalog| async move {
        run!(catalog, mark_dirty(MIRROR, &[(2, 1), (1, 0), (2, 4)], NOW));
        let due = run!(catalog, dirty_due(MIRROR, NOW, 10));
        let row = |entry, flags| DirtyRow {
            entry,
            generation: 1,
            flags,
            since_ms: NOW,
            ..DirtyRow::default()
        };
        assert_eq!(due, [row(1, 0), row(2, 5)]);

        run!(catalog, mark_dirty(MIRROR, &[(2, 2)], LATER));
        let stale = DirtyRow {
            next_ms: Some(LATER),
            ..due[1].clone()
        };
        assert!(!run!(catalog, put_dirty(MIRROR, &stale)));
        run!(catalog, clear_dirty(MIRROR, &[(1, 1), (2, 1)]));
        let again = DirtyRow {
            generation: 2,
            ..row(2, 7)
        };
        assert_eq!(
            run!(catalog, dirty(MIRROR, &[1, 2, 3])),
            std::slice::from_ref(&again)
        );
        run!(catalog, clear_dirty(MIRROR, &[(2, 2)]));
        assert_eq!(run!(catalog, dirty(MIRROR, &[2])), []);
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_due_in_its_time_or_when_it_is_marked_again() {
    on_each_engine(|catalog| async move {
        run!(catalog, mark_dirty(MIRROR, &[(1, 1), (2, 0)], NOW));
        assert_eq!(run!(catalog, next_dirty_ms(MIRROR)), Some(Millis(0)));
        let waits = DirtyRow {
            entry: 1,
            generation: 1,
            flags: 1,
            mark: Some("m".to_owned()),
            since_ms: NOW,
            next_ms: Some(LATER),
            ..DirtyRow::default()
        };
        assert!(run!(catalog, put_dirty(MIRROR, &waits)));
        let entries = |rows: Vec<DirtyRow>| rows.iter().map(|row| row.entry).collect::<Vec<_>>();

        assert_eq!(entries(run!(catalog, dirty_due(MIRROR, NOW, 10))), [2]);
        assert_eq!(entries(run!(catalog, dirty_due(MIRROR, LATER, 10))), [2, 1]);
        let counts = run!(catalog, dirty_counts(MIRROR));
        assert_eq!((counts.due, counts.waiting, counts.to_trash), (1, 1, 0));
        run!(catalog, clear_dirty(MIRROR, &[(2, 1)]));
        assert_eq!(run!(catalog, next_dirty_ms(MIRROR)), Some(LATER));
        // A listing goes on where it was, unless it is asked for anew.
        run!(catalog, mark_dirty(MIRROR, &[(1, 4)], LATER));
        let [row] = run!(catalog, dirty_due(MIRROR, NOW, 10)).try_into().unwrap();
        assert_eq!(
            (row.mark.as_deref(), row.flags, row.since_ms),
            (Some("m"), 5, NOW)
        );
        run!(catalog, mark_dirty(MIRROR, &[(1, 1)], LATER));
        let [row] = run!(catalog, dirty_due(MIRROR, NOW, 10)).try_into().unwrap();
        assert_eq!((row.mark, row.generation), (None, 3));
        run!(catalog, clear_dirty(MIRROR, &[(1, 3)]));
        assert_eq!(run!(catalog, next_dirty_ms(MIRROR)), None);
        assert_eq!(run!(catalog, dirty_counts(MIRROR)), DirtyCounts::default());
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_trashed_waits_to_be_approved_and_goes_deepest_first() {
    on_each_engine(|catalog| async move {
        run!(
            catalog,
            mark_dirty(MIRROR, &[(1, 0), (2, 0), (3, 0), (4, 0)], NOW)
        );
        for (entry, side) in [
            (1, MirrorSide::Here),
            (2, MirrorSide::There),
            (3, MirrorSide::There),
        ] {
            let marked = DirtyRow {
                entry,
                generation: 1,
                trash: Some(side),
                depth: u32::try_from(entry % 3).unwrap(),
                ..DirtyRow::default()
            };
            assert!(run!(catalog, put_dirty(MIRROR, &marked)));
        }
        let entries = |rows: Vec<DirtyRow>| rows.iter().map(|row| row.entry).collect::<Vec<_>>();

        assert_eq!(entries(run!(catalog, dirty_due(MIRROR, LATER, 10))), [4]);
        assert_eq!(entries(run!(catalog, to_trash(MIRROR, NOW, 10))), [2, 1, 3]);
        assert_eq!(run!(catalog, count_to_trash(MIRROR)), (3, 0));
        // What changes is looked at again before anything happens to it.
        run!(catalog, mark_dirty(MIRROR, &[(3, 0)], NOW));
        assert_eq!(run!(catalog, count_to_trash(MIRROR)), (2, 0));
        assert_eq!(entries(run!(catalog, dirty_due(MIRROR, LATER, 10))), [3, 4]);

        assert_eq!(run!(catalog, approve_trash(MIRROR)), 2);
        assert_eq!(run!(catalog, approve_trash(MIRROR)), 0);
        assert_eq!(run!(catalog, count_to_trash(MIRROR)), (0, 2));
        let mut failed = run!(catalog, to_trash(MIRROR, NOW, 1)).remove(0);
        assert_eq!(
            (failed.entry, failed.trash, failed.is_approved),
            (2, Some(MirrorSide::There), true)
        );
        failed.next_ms = Some(LATER);
        assert!(run!(catalog, put_dirty(MIRROR, &failed)));
        assert_eq!(entries(run!(catalog, to_trash(MIRROR, NOW, 10))), [1]);
        run!(catalog, clear_dirty(MIRROR, &[(1, 1), (3, 2), (4, 1)]));
        assert_eq!(run!(catalog, next_dirty_ms(MIRROR)), Some(LATER));

        assert_eq!(run!(catalog, reject_trash(MIRROR)), 1);
        assert_eq!(run!(catalog, count_to_trash(MIRROR)), (0, 0));
        let [row] = run!(catalog, dirty_due(MIRROR, NOW, 10)).try_into().unwrap();
        assert_eq!((row.entry, row.is_approved, row.generation), (2, false, 2));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_begun_is_known_until_it_ended() {
    on_each_engine(|catalog| async move {
        let intent = |entry: u64| IntentRow {
            entry,
            op: "{\"op\":1}".to_owned(),
            session: None,
            attempts: 1,
            began_ms: NOW,
        };
        run!(catalog, put_intent(MIRROR, &intent(2)));
        run!(catalog, put_intent(MIRROR, &intent(1)));
        assert_eq!(run!(catalog, intents(MIRROR, 10)), [intent(1), intent(2)]);
        assert!(run!(catalog, keep_session(MIRROR, 2, Some(b"sealed"))));
        assert!(!run!(catalog, keep_session(MIRROR, 3, None)));
        let kept = run!(catalog, intent(MIRROR, 2)).unwrap();
        assert_eq!(kept.session.as_deref(), Some(b"sealed".as_slice()));
        let again = IntentRow {
            attempts: 2,
            ..intent(2)
        };
        run!(catalog, put_intent(MIRROR, &again));
        assert_eq!(run!(catalog, intent(MIRROR, 2)), Some(again));
        assert!(run!(catalog, remove_intent(MIRROR, 2)));
        assert!(!run!(catalog, remove_intent(MIRROR, 2)));
        assert_eq!(run!(catalog, intent(MIRROR, 2)), None);
    })
    .await;
}

#[tokio::test]
async fn what_happened_is_told_newest_first_and_the_oldest_is_forgotten() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        for number in 1..=5 {
            let detail = format!("{{\"number\":{number}}}");
            run!(
                catalog,
                add_mirror_event(MIRROR, Millis(number), ("put", &detail))
            );
        }
        let told = async |before, limit| {
            let events = run!(catalog, mirror_events(MIRROR, before, limit));
            events.iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        assert_eq!(told(None, 3).await, [5, 4, 3]);
        assert_eq!(told(Some(3), 3).await, [2, 1]);
        assert_eq!(run!(catalog, prune_mirror_events(MIRROR, 2)), 3);
        assert_eq!(told(None, 10).await, [5, 4]);
        run!(catalog, add_mirror_event(MIRROR, NOW, ("put", "{}")));
        assert_eq!(told(None, 1).await, [6]);
        // Of a mirror that is gone nothing is told any more.
        run!(
            catalog,
            add_mirror_event(MirrorId::from_bytes([1; 16]), NOW, ("put", "{}"))
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_mirror_that_is_gone_left_is_found_and_forgotten() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        let other = MirrorId::from_bytes([6; 16]);
        run!(catalog, put_entries(other, &[entry(1)]));
        let rows: Vec<EntryRow> = (1..=5).map(entry).collect();
        run!(catalog, put_entries(MIRROR, &rows));
        run!(catalog, mark_dirty(MIRROR, &[(1, 0)], NOW));
        run!(catalog, add_mirror_event(MIRROR, NOW, ("put", "{}")));
        assert!(run!(catalog, remove_mirror(MIRROR)));

        assert_eq!(run!(catalog, next_with_mirror_rows(None)), Some(other));
        assert_eq!(run!(catalog, next_with_mirror_rows(Some(other))), Some(MIRROR));
        assert_eq!(run!(catalog, forget_mirror_rows(MIRROR, 3)), 5);
        assert_eq!(run!(catalog, forget_mirror_rows(MIRROR, 3)), 2);
        assert_eq!(run!(catalog, forget_mirror_rows(MIRROR, 3)), 0);
        assert_eq!(run!(catalog, next_with_mirror_rows(Some(other))), None);
        assert_eq!(run!(catalog, entries(other, &[1])), [entry(1)]);
    })
    .await;
}
