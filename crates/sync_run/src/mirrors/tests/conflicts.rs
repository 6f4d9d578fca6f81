//! Conflicts between a real hub and a real folder: found, told, decided each way, and decided back.

use std::fs;
use std::time::{Duration, SystemTime};

use hub::{Between, ConflictFilter, ConflictRow, Decision, HubError, MirrorSettings, WhichConflicts};
use model::{Conflict, ConflictKind, ConflictPolicy, Guard, Winner};

use super::World;

fn manual() -> MirrorSettings {
    MirrorSettings {
        policy: ConflictPolicy::Manual,
        ..MirrorSettings::default()
    }
}

fn by(policy: ConflictPolicy) -> Decision {
    Decision {
        policy,
        winner: None,
        notes: None,
        again: false,
    }
}

fn wins(winner: Winner) -> Decision {
    Decision {
        winner: Some(winner),
        ..by(ConflictPolicy::Manual)
    }
}

fn again(decision: Decision) -> Decision {
    Decision {
        again: true,
        ..decision
    }
}

impl World {
    async fn all_conflicts(&self, resolved: Option<bool>) -> Vec<Conflict> {
        let filter = ConflictFilter {
            resolved,
            mirror: Some(self.mirror.id),
        };
        let part = hub::Part {
            limit: 100,
            cursor: None,
        };
        let page = self.hub.conflicts(&self.ada, filter, part).await.unwrap();
        page.items.into_iter().map(|row| row.conflict).collect()
    }

    /// The one conflict that there is.
    async fn conflict(&self) -> Conflict {
        let mut all = self.all_conflicts(None).await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    async fn decide(&self, decision: Decision) -> Result<ConflictRow, HubError> {
        let id = self.conflict().await.id;
        self.hub.resolve_conflict(&self.ada, id, decision).await
    }

    async fn undo(&self) -> Result<ConflictRow, HubError> {
        let id = self.conflict().await.id;
        self.hub.undo_conflict(&self.ada, id).await
    }

    /// What `a.txt` has here, and what it has there.
    async fn both(&self) -> (String, String) {
        let here = self.read(&self.node("a.txt").await).await;
        let there = fs::read(self.there("a.txt")).unwrap();
        (
            String::from_utf8(here).unwrap(),
            String::from_utf8(there).unwrap(),
        )
    }

    /// All contents that versions of `a.txt` have, the newest first.
    async fn history(&self) -> Vec<String> {
        let node = self.node("a.txt").await;
        let part = hub::Part {
            limit: 100,
            cursor: None,
        };
        let mut all = Vec::new();
        for version in self.hub.versions(&self.ada, node.id, part).await.unwrap().items {
            let download = self
                .hub
                .open_file(&self.ada, node.id, Some(version.number))
                .await
                .unwrap();
            let body = self
                .hub
                .read_content(&download, 0..version.size_bytes)
                .await
                .unwrap();
            let pieces: Vec<bytes::Bytes> = futures_util::TryStreamExt::try_collect(body).await.unwrap();
            all.push(String::from_utf8(pieces.concat()).unwrap());
        }
        all
    }

    fn names_there(&self) -> Vec<String> {
        self.tree_there().into_keys().collect()
    }
}

const OURS: &str = "one\nours\nthree\n";
const THEIRS: &str = "one\nit is theirs\nthree\n";

/// Both sides change `a.txt`, which both have.
async fn clash(settings: MirrorSettings) -> World {
    let world = World::start(settings).await;
    world.put("a.txt", b"one\ntwo\nthree\n").await;
    world.settle().await;
    world.put("a.txt", OURS.as_bytes()).await;
    fs::write(world.there("a.txt"), THEIRS).unwrap();
    world.settle().await;
    world
}

fn pair(here: &str, there: &str) -> (String, String) {
    (here.to_owned(), there.to_owned())
}

#[tokio::test]
async fn what_waits_for_a_person_stays_on_both_sides_and_is_told() {
    let world = clash(manual()).await;
    assert_eq!(world.both().await, pair(OURS, THEIRS));
    let conflict = world.conflict().await;
    assert_eq!(conflict.kind, ConflictKind::EditEdit);
    assert_eq!(conflict.path, "a.txt");
    assert_eq!(conflict.resolution, None);
    assert_eq!(world.hub.count_conflicts(&world.ada).await.unwrap(), (1, 0));

    let told = world.hub.conflict_preview(&world.ada, conflict.id).await.unwrap();
    let text: Vec<&str> = told.timeline.iter().map(|told| told.text.as_str()).collect();
    let said = |part: &str| text.iter().position(|text| text.contains(part));
    let agreed = said("last agreed on this content, version 1 here, 14 bytes").unwrap();
    let ours = said("ada@example.org changed it here through the API: version 2, 15 bytes.").unwrap();
    let theirs = said("It was changed at").unwrap();
    let found = said("both had changed it").unwrap();
    assert!(
        agreed < ours && agreed < theirs && ours < found && theirs < found,
        "{text:?}"
    );
    assert!(text[theirs].contains("(a folder)"), "{text:?}");
    let (here, there) = (told.here.unwrap(), told.there.unwrap());
    assert!(here.is_text && there.is_text);
    assert_eq!((here.size_bytes, there.size_bytes), (Some(15), Some(23)));
    assert_eq!(
        (told.base.unwrap().problem, here.problem, there.problem),
        (None, None, None)
    );

    let diff = world
        .hub
        .compare_conflict(&world.ada, conflict.id, Between::HereThere)
        .await
        .unwrap();
    assert_eq!((diff.added, diff.removed, diff.is_cut), (1, 1, false));
    assert_eq!(
        diff.unified.unwrap(),
        "--- here\n+++ there\n@@ -1,3 +1,3 @@\n one\n-ours\n+it is theirs\n three\n"
    );
    let diff = world
        .hub
        .compare_conflict(&world.ada, conflict.id, Between::BaseHere)
        .await
        .unwrap();
    assert!(diff.unified.unwrap().contains("-two\n+ours\n"));
}

#[tokio::test]
async fn ours_wins_and_theirs_is_kept() {
    let world = clash(manual()).await;
    let row = world.decide(wins(Winner::Here)).await.unwrap();
    assert_eq!(row.conflict.resolution.unwrap().winner, Some(Winner::Here));
    assert_eq!(world.both().await, pair(OURS, THEIRS), "not yet there");
    // Until it is on its way, it can be taken back.
    let row = world.undo().await.unwrap();
    assert_eq!(row.conflict.resolution, None);
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, THEIRS));

    world.decide(wins(Winner::Here)).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, OURS));
    assert!(world.history().await.contains(&THEIRS.to_owned()));
    assert!(
        matches!(world.undo().await, Err(HubError::Conflict(_))),
        "it has reached the provider"
    );

    // Another mind: theirs after all.
    let refused = world.decide(wins(Winner::There)).await;
    assert!(matches!(refused, Err(HubError::Conflict(_))));
    world.decide(again(wins(Winner::There))).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(THEIRS, THEIRS));
    // That was a change here only, and is taken back by one.
    let row = world.undo().await.unwrap();
    assert_eq!(row.conflict.resolution.unwrap().winner, Some(Winner::Here));
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, OURS));
    assert_eq!(world.all_conflicts(Some(false)).await, []);
}

#[tokio::test]
async fn theirs_wins_and_that_is_taken_back() {
    let world = clash(manual()).await;
    let decision = Decision {
        notes: Some("  asked Bob  ".to_owned()),
        ..wins(Winner::There)
    };
    let row = world.decide(decision.clone()).await.unwrap();
    assert_eq!(
        row.conflict.resolution.unwrap().notes.as_deref(),
        Some("asked Bob")
    );
    world.decide(decision).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(THEIRS, THEIRS));
    assert!(world.history().await.contains(&OURS.to_owned()));

    let row = world.undo().await.unwrap();
    assert_eq!(row.conflict.resolution, None);
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, THEIRS), "it waits again");
    let told = world
        .hub
        .conflict_preview(&world.ada, row.conflict.id)
        .await
        .unwrap();
    let text: Vec<&str> = told.timeline.iter().map(|told| told.text.as_str()).collect();
    assert!(
        text.iter().any(|text| text.ends_with("They noted: asked Bob")),
        "{text:?}"
    );
    assert!(text.last().unwrap().ends_with("took that back."), "{text:?}");
    assert!(
        matches!(world.undo().await, Err(HubError::Conflict(_))),
        "there is nothing left to take back"
    );
}

#[tokio::test]
async fn both_are_kept_and_that_is_taken_back() {
    let world = clash(manual()).await;
    let row = world.decide(by(ConflictPolicy::KeepBoth)).await.unwrap();
    assert!(row.conflict.copy.is_some());
    world.settle().await;
    let copy = format!("a (conflict {}).txt", row.conflict.number);
    let here = world.tree_here().await;
    world.expect(
        &here,
        &[(&copy, Some(OURS.as_bytes())), ("a.txt", Some(THEIRS.as_bytes()))],
    );

    world.undo().await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, THEIRS));
    assert_eq!(world.names_there(), ["a.txt"]);
    world.decide(by(ConflictPolicy::KeepBoth)).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(THEIRS, THEIRS));
    assert_eq!(world.names_there().len(), 2);
}

#[tokio::test]
async fn what_was_merged_by_hand_counts() {
    let world = clash(manual()).await;
    world.put("a.txt", b"merged").await;
    world.settle().await;
    assert_eq!(world.both().await, pair("merged", THEIRS), "it still waits");
    assert_eq!(
        world.all_conflicts(None).await.len(),
        1,
        "and is no other conflict"
    );
    world.decide(by(ConflictPolicy::Manual)).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair("merged", "merged"));
    let history = world.history().await;
    for kept in [OURS, THEIRS] {
        assert!(history.contains(&kept.to_owned()), "{history:?}");
    }
}

#[tokio::test]
async fn the_later_change_counts() {
    for (is_theirs_later, expected) in [(true, THEIRS), (false, OURS)] {
        let world = World::start(manual()).await;
        world.put("a.txt", b"one\ntwo\nthree\n").await;
        world.settle().await;
        let ours = world.put("a.txt", OURS.as_bytes()).await;
        fs::write(world.there("a.txt"), THEIRS).unwrap();
        let at_ms = u64::try_from(ours.modified_ms.0).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms);
        let at = match is_theirs_later {
            true => at + Duration::from_secs(60),
            false => at - Duration::from_secs(60),
        };
        let file = fs::File::options()
            .write(true)
            .open(world.there("a.txt"))
            .unwrap();
        file.set_modified(at).unwrap();
        world.settle().await;
        world.decide(by(ConflictPolicy::LastWrite)).await.unwrap();
        world.settle().await;
        assert_eq!(world.both().await, pair(expected, expected));
    }
}

#[tokio::test]
async fn what_was_edited_here_and_deleted_there_lives_or_goes() {
    let edit_delete = async || {
        let world = World::start(manual()).await;
        world.put("a.txt", b"one").await;
        world.settle().await;
        world.put("a.txt", OURS.as_bytes()).await;
        fs::remove_file(world.there("a.txt")).unwrap();
        world.settle().await;
        assert_eq!(world.conflict().await.kind, ConflictKind::EditDelete);
        assert!(!world.there("a.txt").exists());
        world
    };
    let world = edit_delete().await;
    // A deletion wins only when somebody says so.
    world.decide(by(ConflictPolicy::LastWrite)).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, OURS));
    assert!(
        matches!(world.undo().await, Err(HubError::Conflict(_))),
        "it is there by now"
    );

    let world = edit_delete().await;
    world.decide(wins(Winner::There)).await.unwrap();
    world.settle().await;
    assert!(world.tree_here().await.is_empty());
    let row = world.undo().await.unwrap();
    assert_eq!(row.conflict.resolution, None);
    world.settle().await;
    assert_eq!(world.tree_here().await["a.txt"].as_deref(), Some(OURS.as_bytes()));
    assert!(!world.there("a.txt").exists(), "it waits again");
    world.decide(wins(Winner::Here)).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, OURS));
}

#[tokio::test]
async fn what_was_deleted_here_and_edited_there_lives_or_goes() {
    let delete_edit = async || {
        let world = World::start(manual()).await;
        let file = world.put("a.txt", b"one").await;
        world.settle().await;
        world.hub.delete(&world.ada, file.id, Guard::None).await.unwrap();
        fs::write(world.there("a.txt"), THEIRS).unwrap();
        world.settle().await;
        assert_eq!(world.conflict().await.kind, ConflictKind::DeleteEdit);
        assert!(world.tree_here().await.is_empty());
        world
    };
    let world = delete_edit().await;
    world.decide(by(ConflictPolicy::KeepBoth)).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(THEIRS, THEIRS));
    assert!(
        world.history().await.contains(&"one".to_owned()),
        "the same file came back"
    );
    world.undo().await.unwrap();
    world.settle().await;
    assert!(world.tree_here().await.is_empty());
    assert!(world.there("a.txt").exists());

    world.decide(wins(Winner::Here)).await.unwrap();
    world.settle().await;
    assert!(world.tree_here().await.is_empty());
    assert!(world.tree_there().is_empty());
}

#[tokio::test]
async fn what_the_mirror_decided_is_decided_anew_and_back() {
    let world = clash(MirrorSettings::default()).await;
    let conflict = world.conflict().await;
    let done = conflict.resolution.clone().unwrap();
    assert_eq!(
        (done.policy, done.winner, done.by),
        (ConflictPolicy::KeepBoth, None, None)
    );
    let copy = conflict.copy.unwrap();
    assert_eq!(world.both().await, pair(THEIRS, THEIRS));
    assert_eq!(world.names_there().len(), 2);

    world.decide(again(wins(Winner::Here))).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, OURS));
    assert_eq!(
        world.names_there(),
        ["a.txt"],
        "the one beside is in the trash, here and there"
    );

    world.undo().await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(THEIRS, THEIRS));
    assert_eq!(world.names_there().len(), 2);
    let back = world.hub.info(&world.ada, copy).await.unwrap().node;
    assert_eq!(world.read(&back).await, OURS.as_bytes());

    // Once more, and the mirror's own decision is taken back: a person is to decide.
    let row = world.undo().await.unwrap();
    assert_eq!(row.conflict.resolution, None);
    world.settle().await;
    assert_eq!(world.both().await, pair(OURS, THEIRS));
    assert_eq!(world.names_there(), ["a.txt"]);
    world.decide(wins(Winner::There)).await.unwrap();
    world.settle().await;
    assert_eq!(world.both().await, pair(THEIRS, THEIRS));
}

#[tokio::test]
async fn two_files_of_one_name_are_told_apart_by_a_person() {
    for (winner, expected) in [
        (Some(Winner::Here), OURS),
        (Some(Winner::There), THEIRS),
        (None, THEIRS),
    ] {
        let world = World::with(manual(), |there| fs::write(there.join("a.txt"), THEIRS).unwrap()).await;
        world.put("a.txt", OURS.as_bytes()).await;
        world.settle().await;
        assert_eq!(world.both().await, pair(OURS, THEIRS));
        assert_eq!(world.conflict().await.kind, ConflictKind::CreateCreate);
        let decision = winner.map_or_else(|| by(ConflictPolicy::KeepBoth), wins);
        world.decide(decision).await.unwrap();
        world.settle().await;
        assert_eq!(world.both().await, pair(expected, expected));
        assert_eq!(world.names_there().len(), if winner.is_some() { 1 } else { 2 });
        if winner.is_some() {
            let history = world.history().await;
            assert!(
                history.contains(&OURS.to_owned()) && history.contains(&THEIRS.to_owned()),
                "{history:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_and_a_folder_of_one_name_are_both_kept() {
    let world = World::with(manual(), |there| {
        fs::create_dir(there.join("a.txt")).unwrap();
        fs::write(there.join("a.txt/in"), THEIRS).unwrap();
    })
    .await;
    world.put("a.txt", OURS.as_bytes()).await;
    world.settle().await;
    let open = world.all_conflicts(Some(false)).await;
    assert!(
        !open.is_empty() && open.iter().all(|open| open.kind == ConflictKind::KindKind),
        "{open:?}"
    );
    let refused = world
        .hub
        .resolve_conflict(&world.ada, open[0].id, wins(Winner::Here))
        .await;
    assert!(matches!(refused, Err(HubError::Conflict(_))));
    let which = WhichConflicts::OpenOf(world.mirror.id);
    let many = world
        .hub
        .resolve_conflicts(&world.ada, which, by(ConflictPolicy::KeepBoth))
        .await
        .unwrap();
    for (_, outcome) in many.outcomes {
        outcome.unwrap();
    }
    world.settle().await;
    let here = world.tree_here().await;
    assert_eq!(here, world.tree_there());
    let contents: Vec<&[u8]> = here.values().flatten().map(Vec::as_slice).collect();
    assert_eq!(contents.len(), 2, "{here:?}");
    assert!(contents.contains(&OURS.as_bytes()) && contents.contains(&THEIRS.as_bytes()));
    assert_eq!(world.all_conflicts(Some(false)).await, []);
}

#[tokio::test]
async fn many_are_decided_at_once_and_each_by_itself() {
    let world = World::start(manual()).await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        world.put(name, b"one").await;
    }
    world.settle().await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        world.put(name, OURS.as_bytes()).await;
        fs::write(world.there(name), THEIRS).unwrap();
    }
    world.settle().await;
    assert_eq!(world.all_conflicts(Some(false)).await.len(), 3);
    let gone = world.node("b.txt").await.id;
    world.hub.delete(&world.ada, gone, Guard::None).await.unwrap();

    let which = WhichConflicts::OpenOf(world.mirror.id);
    let many = world
        .hub
        .resolve_conflicts(&world.ada, which, wins(Winner::There))
        .await
        .unwrap();
    let failed = many
        .outcomes
        .iter()
        .filter(|(_, outcome)| outcome.is_err())
        .count();
    assert_eq!((many.outcomes.len(), failed, many.has_more), (3, 1, false));
    world.settle().await;
    let here = world.tree_here().await;
    for name in ["a.txt", "c.txt"] {
        assert_eq!(here[name].as_deref(), Some(THEIRS.as_bytes()));
    }
}
