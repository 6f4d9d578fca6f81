//! Conflicts whose contents are all here: recorded once, seen by their owner alone, compared, decided anew, and back.

use catalog::{EntryContent, EntryRow};
use model::{
    Actor, ConflictId, ConflictKind, ConflictPolicy, ConnectionId, Guard, Mirror, MirrorDirection,
    MirrorDrift, MirrorId, MirrorProgress, MirrorState, Node, RemoteItem, RemoteKind, Winner,
};

use super::harness::{ROOT, TestHub, on_each_engine, on_each_engine_with, part, refused};
use crate::conflicts::{NewConflict, record};
use crate::{Between, ConflictFilter, Decision, HubError, Part, WhichConflicts, keys};

/// A mirror whose connection is gone: what is known of theirs is here.
async fn mirror(t: &TestHub, who: &Actor, folder: &Node) -> Mirror {
    let now = t.time();
    let mirror = Mirror {
        id: MirrorId::new(now, keys::random()),
        number: 0,
        owner: who.user().unwrap(),
        connection: ConnectionId::new(now, keys::random()),
        node: folder.id,
        space: folder.space,
        item: "root".to_owned(),
        drive: "drive".to_owned(),
        direction: MirrorDirection::TwoWay,
        policy: ConflictPolicy::KeepBoth,
        drift: MirrorDrift::Leave,
        rules: Vec::new(),
        most_deletes: None,
        state: MirrorState::Active,
        reason: None,
        is_default: false,
        created_ms: now,
        progress: MirrorProgress::default(),
    };
    let mut tx = t.catalog.write().await.unwrap();
    tx.create_mirror(&mirror).await.unwrap();
    tx.commit().await.unwrap();
    mirror
}

fn theirs(revision: &str) -> RemoteItem {
    RemoteItem {
        id: "item".to_owned(),
        parent: Some("root".to_owned()),
        name: "a.txt".to_owned(),
        kind: RemoteKind::File,
        size_bytes: Some(6),
        media_type: Some("text/plain".to_owned()),
        hashes: vec!["md5:aa".to_owned()],
        revision: Some(revision.to_owned()),
        tag: None,
        modified_ms: None,
        is_trashed: false,
        is_editable: true,
        details: Vec::new(),
        web_url: None,
    }
}

/// A file with three versions, ours the second and theirs the third, and the conflict that came of it.
struct Case {
    mirror: Mirror,
    file: Node,
    id: ConflictId,
}

async fn found(
    t: &TestHub,
    (mirror, before, file): (&Mirror, &Node, &Node),
    revision: &str,
) -> Option<ConflictId> {
    let row = EntryRow {
        entry: 1,
        node: Some(file.id),
        item: Some("item".to_owned()),
        content: Some(EntryContent {
            version: 1,
            size_bytes: 4,
            revision: Some("r1".to_owned()),
            ..EntryContent::default()
        }),
        has_base: true,
        ..EntryRow::default()
    };
    let there = theirs(revision);
    let new = NewConflict {
        mirror,
        row: &row,
        kind: ConflictKind::EditEdit,
        path: "a.txt",
        here: Some(before),
        there: Some(&there),
        theirs: (
            file.version.as_ref().map(|version| version.number),
            Some("bob@example.org"),
        ),
        copy: None,
        decided: Some((ConflictPolicy::LastWrite, Some(Winner::There))),
    };
    let mut tx = t.catalog.write().await.unwrap();
    let recorded = record(&mut tx, new, t.time()).await.unwrap();
    tx.commit().await.unwrap();
    recorded
}

async fn case(t: &TestHub, who: &Actor, contents: [&[u8]; 3]) -> Case {
    let folder = t.new_folder(who, ROOT, "mirrored").await;
    let mirror = mirror(t, who, &folder).await;
    t.put(who, &folder, "a.txt", contents[0]).await;
    t.pass_secs(10);
    let before = t.put(who, &folder, "a.txt", contents[1]).await;
    t.pass_secs(10);
    let file = t.put(who, &folder, "a.txt", contents[2]).await;
    let id = found(t, (&mirror, &before, &file), "r2").await.unwrap();
    Case { mirror, file, id }
}

fn wins(winner: Winner) -> Decision {
    Decision {
        policy: ConflictPolicy::Manual,
        winner: Some(winner),
        notes: None,
        again: true,
    }
}

fn keep_both() -> Decision {
    Decision {
        policy: ConflictPolicy::KeepBoth,
        winner: None,
        ..wins(Winner::Here)
    }
}

const TEXTS: [&[u8]; 3] = [b"base", b"ours!", b"theirs"];

#[tokio::test]
async fn a_conflict_is_recorded_once_and_is_its_owners_alone() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let alice = t.user("alice").await;
        let case = case(&t, &alice, TEXTS).await;
        let Case { mirror, file, id } = &case;
        let row = t.conflict(&alice, *id).await.unwrap();
        assert_eq!(row.provider, "the provider");
        let conflict = row.conflict;
        assert_eq!(conflict.there.unwrap().author.as_deref(), Some("bob@example.org"));
        assert_eq!(
            (conflict.base.unwrap().version, conflict.here.unwrap().version),
            (Some(1), Some(2))
        );

        let before = Node {
            version: t.versions(&alice, file.id, part(10)).await.unwrap().items.pop(),
            ..file.clone()
        };
        assert!(
            found(&t, (mirror, &before, file), "r2").await.is_some(),
            "ours is another one"
        );
        assert_eq!(
            found(&t, (mirror, &before, file), "r2").await,
            None,
            "it is known"
        );
        assert!(
            found(&t, (mirror, &before, file), "r3").await.is_some(),
            "theirs is another one"
        );
        assert_eq!(t.count_conflicts(&alice).await.unwrap(), (0, 3));

        come_in_pages(&t, &alice, mirror).await;
        for stranger in [admin, t.user("bob").await, Actor::Worker] {
            refused!(t.conflict(&stranger, *id).await, HubError::NotFound("conflict"));
            refused!(
                t.conflict_preview(&stranger, *id).await,
                HubError::NotFound("conflict")
            );
            let compared = t.compare_conflict(&stranger, *id, Between::HereThere).await;
            refused!(compared, HubError::NotFound("conflict"));
            let decided = t.resolve_conflict(&stranger, *id, wins(Winner::Here)).await;
            refused!(decided, HubError::NotFound("conflict"));
            refused!(
                t.undo_conflict(&stranger, *id).await,
                HubError::NotFound("conflict")
            );
        }
        let bob = t.user("bobby").await;
        assert_eq!(
            t.conflicts(&bob, ConflictFilter::default(), part(10))
                .await
                .unwrap()
                .items,
            []
        );
        let which = WhichConflicts::OpenOf(mirror.id);
        refused!(
            t.resolve_conflicts(&bob, which, keep_both()).await,
            HubError::NotFound("mirror")
        );
    })
    .await;
}

async fn come_in_pages(t: &TestHub, alice: &Actor, mirror: &Mirror) {
    let all = ConflictFilter::default();
    let mut numbers = Vec::new();
    let mut cursor = None;
    loop {
        let page = t.conflicts(alice, all, Part { limit: 2, cursor }).await.unwrap();
        numbers.extend(page.items.iter().map(|row| row.conflict.number));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(numbers.len() == 3 && numbers.is_sorted_by(|newer, older| newer > older));
    let open = ConflictFilter {
        resolved: Some(false),
        mirror: Some(mirror.id),
    };
    assert_eq!(t.conflicts(alice, open, part(10)).await.unwrap().items, []);
}

#[tokio::test]
async fn contents_that_are_kept_are_chosen_and_chosen_back() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let Case { file, id, .. } = case(&t, &alice, TEXTS).await;
        let unasked = Decision {
            again: false,
            ..wins(Winner::Here)
        };
        refused!(
            t.resolve_conflict(&alice, id, unasked).await,
            HubError::Conflict(_)
        );

        t.resolve_conflict(&alice, id, wins(Winner::Here)).await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"ours!");
        let row = t.undo_conflict(&alice, id).await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"theirs");
        let holds = row.conflict.resolution.unwrap();
        assert_eq!(
            (holds.policy, holds.by),
            (ConflictPolicy::LastWrite, None),
            "the mirror's own holds again"
        );
        refused!(t.undo_conflict(&alice, id).await, HubError::Conflict(_));

        let row = t.resolve_conflict(&alice, id, keep_both()).await.unwrap();
        let copy = row.conflict.copy.unwrap();
        assert_eq!(t.bytes_of(&alice, copy).await, b"ours!");
        assert_eq!(
            t.path_of(&alice, copy).await,
            format!("/mirrored/a (conflict {}).txt", row.conflict.number)
        );
        // Somebody goes on in the file beside: that is ours then.
        let name = t.info(&alice, copy).await.unwrap().node.name;
        let folder = file.parent.unwrap();
        t.put(&alice, folder, name.as_str(), "ours, and more").await;
        t.resolve_conflict(&alice, id, wins(Winner::Here)).await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"ours, and more");
        assert_eq!(t.names(&alice, folder).await, ["a.txt"]);
        t.undo_conflict(&alice, id).await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"theirs");
        assert_eq!(t.bytes_of(&alice, copy).await, b"ours, and more");

        t.resolve_conflict(&alice, id, wins(Winner::Here)).await.unwrap();
        t.put(&alice, folder, "a.txt", "gone on").await;
        refused!(t.undo_conflict(&alice, id).await, HubError::Conflict(_));
        assert_eq!(t.bytes_of(&alice, file.id).await, b"gone on");

        let told = t.conflict_preview(&alice, id).await.unwrap().timeline;
        let took_back = told
            .iter()
            .filter(|told| told.text.ends_with("took that back."))
            .count();
        assert_eq!(took_back, 2, "{told:?}");
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_kept_cannot_be_chosen() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let Case { file, id, .. } = case(&t, &alice, TEXTS).await;
        t.remove_version(&alice, file.id, 2).await.unwrap();
        refused!(
            t.resolve_conflict(&alice, id, wins(Winner::Here)).await,
            HubError::Conflict(_)
        );
        let told = t.conflict_preview(&alice, id).await.unwrap();
        assert!(told.here.unwrap().problem.unwrap().contains("not kept"));
        t.delete(&alice, file.id, Guard::None).await.unwrap();
        refused!(
            t.resolve_conflict(&alice, id, wins(Winner::Here)).await,
            HubError::Conflict(_)
        );
        assert!(
            t.conflict_preview(&alice, id)
                .await
                .unwrap()
                .there
                .unwrap()
                .is_text,
            "it lies in the trash"
        );
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_decision_takes_room_like_every_version() {
    on_each_engine_with(
        |config| config.quota_bytes = Some(18),
        async |t| {
            let alice = t.user("alice").await;
            let Case { file, id, .. } = case(&t, &alice, TEXTS).await;
            let refusal = t.resolve_conflict(&alice, id, wins(Winner::Here)).await;
            refused!(refusal, HubError::QuotaExceeded { free_bytes: 3 });
            refused!(
                t.resolve_conflict(&alice, id, keep_both()).await,
                HubError::QuotaExceeded { .. }
            );
            assert_eq!(t.bytes_of(&alice, file.id).await, b"theirs");
            t.check_sound().await;
        },
    )
    .await;
}

#[tokio::test]
async fn of_two_decisions_at_once_one_holds() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let Case { file, id, .. } = case(&t, &alice, TEXTS).await;
        t.resolve_conflict(&alice, id, wins(Winner::Here)).await.unwrap();
        t.undo_conflict(&alice, id).await.unwrap();
        let (one, other) = tokio::join!(
            t.resolve_conflict(&alice, id, wins(Winner::Here)),
            t.undo_conflict(&alice, id),
        );
        assert!(one.is_ok());
        // Whichever came first: either there was something to take back, or there was not yet.
        let expected: &[u8] = if other.is_ok() { b"theirs" } else { b"ours!" };
        assert_eq!(t.bytes_of(&alice, file.id).await, expected);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn texts_are_compared_and_pictures_measured() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let picture = super::pictures::png(&super::pictures::plain(3, 2));
        let long: Vec<u8> = (0..100_000)
            .flat_map(|line| format!("{line}\n").into_bytes())
            .collect();
        let other: Vec<u8> = (0..100_000)
            .flat_map(|line| format!("{}\n", line + 200_000).into_bytes())
            .collect();
        let texts = case(&t, &alice, [b"a\n", &long, &other]).await;
        let compared = t
            .compare_conflict(&alice, texts.id, Between::HereThere)
            .await
            .unwrap();
        assert_eq!(
            (compared.added, compared.removed, compared.is_cut),
            (100_000, 100_000, true)
        );
        assert!(compared.unified.unwrap().len() <= 256 << 10);

        let bob = t.user("bob").await;
        let huge = vec![b'x'; (1 << 20) + 1];
        let pictures = case(&t, &bob, [b"a\n", &picture, &huge]).await;
        let told = t.conflict_preview(&bob, pictures.id).await.unwrap();
        assert_eq!(told.here.unwrap().size_px, Some((3, 2)));
        let there = told.there.unwrap();
        assert_eq!((there.is_text, there.size_bytes), (false, Some((1 << 20) + 1)));
        let compared = t
            .compare_conflict(&bob, pictures.id, Between::HereThere)
            .await
            .unwrap();
        assert_eq!(compared.unified, None);
        assert!(compared.reason.unwrap().contains("only texts"));
    })
    .await;
}

#[tokio::test]
async fn what_was_brought_back_from_under_ours_is_theirs() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_folder(&alice, ROOT, "mirrored").await;
        let mirror = mirror(&t, &alice, &folder).await;
        let file = t.put(&alice, &folder, "a.txt", "ours!").await;
        let copy = t.put(&alice, &folder, "a (overwritten).txt", "theirs").await;
        let row = EntryRow {
            entry: 1,
            node: Some(file.id),
            ..EntryRow::default()
        };
        let new = NewConflict {
            mirror: &mirror,
            row: &row,
            kind: ConflictKind::Overwrote,
            path: "a.txt",
            here: Some(&file),
            there: Some(&theirs("r2")),
            theirs: (None, None),
            copy: Some(copy.id),
            decided: Some((ConflictPolicy::KeepBoth, None)),
        };
        let mut tx = t.catalog.write().await.unwrap();
        let id = record(&mut tx, new, t.time()).await.unwrap().unwrap();
        tx.commit().await.unwrap();

        let compared = t.compare_conflict(&alice, id, Between::HereThere).await.unwrap();
        assert!(
            compared
                .unified
                .unwrap()
                .contains("-ours!\n\\ No newline at end of file\n+theirs\n")
        );
        t.resolve_conflict(&alice, id, wins(Winner::There)).await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"theirs");
        assert_eq!(t.names(&alice, &folder).await, ["a.txt"]);
        t.undo_conflict(&alice, id).await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"ours!");
        assert_eq!(t.bytes_of(&alice, copy.id).await, b"theirs");
        t.resolve_conflict(&alice, id, wins(Winner::Here)).await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"ours!");
        assert_eq!(t.names(&alice, &folder).await, ["a.txt"]);
        t.check_sound().await;
    })
    .await;
}
