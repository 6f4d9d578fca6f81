//! Names of all kinds, which:

use super::{Bytes, Scene};
use crate::{RemoteError, Target};

/// Names that somebody somewhere has trouble with.
const ODD: [&str; 36] = [
    "with space.txt",
    " space first",
    "space last ",
    "two  spaces",
    ".hidden",
    "dots...and.more.",
    "100%.txt",
    "100%25.txt",
    "a+b&c=d.txt",
    "question?.txt",
    "number#1.txt",
    "semi;colon.txt",
    "back\\slash",
    "col:on",
    "st*ar",
    "pi|pe",
    "<angle>",
    "quo\"te",
    "it's",
    "back`tick",
    "dollar$HOME",
    "tilde~1",
    "at@home",
    "brackets[1]{2}(3)",
    "comma, and more",
    "exclaim!",
    "caret^",
    "tab\tin it",
    "line\nbreak",
    "ünïcödé.txt",
    "日本語.txt",
    "emoji 🦀.txt",
    "rtl \u{202e}txt.exe",
    "con.txt",
    "~$lock.docx",
    "-rf",
];

/// What is sent is what is there.
pub async fn are_kept_as_they_are(scene: &Scene) {
    let mut kept: Vec<&str> = Vec::new();
    for name in ODD {
        if scene.can().names.check(name).is_ok() {
            let made = scene.create(name, name.as_bytes()).await;
            assert_eq!(made.name, name);
            assert_eq!(scene.read(&made).await, name.as_bytes(), "{name:?}");
            kept.push(name);
        }
    }

    kept.sort_unstable();
    scene.expect_names(&scene.root, &kept).await;
    for name in kept {
        let item = scene.need(name).await;
        assert_eq!(scene.read(&item).await, name.as_bytes(), "{name:?}");
    }
}

/// The other way.
pub async fn of_somebody_else_are_told_as_they_are(scene: &Scene) {
    let mut given: Vec<&str> = Vec::new();
    for name in ODD {
        if scene.can().names.check(name).is_ok() {
            scene.world.write(name, name.as_bytes()).await;
            given.push(name);
        }
    }

    given.sort_unstable();
    scene.expect_names(&scene.root, &given).await;
    let mut mirror = super::Mirror::default();
    mirror.catch_up(scene).await;
    for name in given {
        let item = mirror.at(scene, name).expect("told");
        assert_eq!(scene.read(item).await, name.as_bytes(), "{name:?}");
    }
}

/// Before anything is sent, and nothing else instead.
pub async fn that_it_cannot_hold_are_refused(scene: &Scene) {
    let rules = scene.can().names;
    let long = "n".repeat(rules.longest + 1);
    let file = scene.given("file.txt", b"content").await;
    for name in ODD.into_iter().chain(["", ".", "..", "a/b", &long]) {
        if rules.check(name).is_ok() {
            continue;
        }
        let made = scene.try_create(&scene.root, name, &Bytes(b"no".to_vec())).await;
        assert!(matches!(made, Err(RemoteError::Name(_))), "{name:?}: {made:?}");
        let folder = scene.drive.make_folder(&scene.root, name, None).await;
        assert!(
            matches!(folder, Err(RemoteError::Name(_))),
            "{name:?}: {folder:?}"
        );
        let moved = scene
            .drive
            .relocate(&file.id, super::relocating::to_name(name))
            .await;
        assert!(matches!(moved, Err(RemoteError::Name(_))), "{name:?}: {moved:?}");
    }
    scene.expect_tree(&[("file.txt", b"content")]).await;
}

/// And what is in them is found.
pub async fn of_folders_are_kept_as_they_are(scene: &Scene) {
    for name in ODD {
        if scene.can().names.check(name).is_err() {
            continue;
        }
        let folder = scene
            .drive
            .make_folder(&scene.root, name, None)
            .await
            .unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
        assert_eq!(folder.name, name);
        scene.create_in(&folder.id, "in 1%.txt", name.as_bytes()).await;
        scene.expect_names(&folder.id, &["in 1%.txt"]).await;
    }
}

/// At the limit.
pub async fn of_the_longest_kind_are_kept(scene: &Scene) {
    let rules = scene.can().names;
    // No path of a provider is shorter than this.
    let name = "n".repeat(rules.longest.min(200));
    let wide = "ü".repeat(rules.longest.min(200) / 2);
    for name in [&name, &wide] {
        let made = scene.create(name, b"long").await;
        assert_eq!(made.name, *name);
        assert_eq!(scene.need(name).await.id, made.id);
    }
}

/// A name that looks like a path is a name, or none.
pub async fn lead_nowhere_else(scene: &Scene) {
    let folder = scene.given_folder("folder").await;
    for name in [
        "../up.txt",
        "..",
        "a/../../up.txt",
        "/etc/up.txt",
        "in/up.txt",
        "..\\up.txt",
    ] {
        let target = Target::Create {
            parent: &folder.id,
            name,
            id: None,
        };
        match scene.send(target, &Bytes(b"up".to_vec())).await {
            Ok(made) => {
                assert_eq!(made.item.name, name);
                assert_eq!(made.item.parent.as_ref(), Some(&folder.id));
            }
            Err(RemoteError::Name(_)) => {}
            Err(other) => panic!("{name:?}: {other:?}"),
        }
    }
    scene.expect_names(&scene.root, &["folder"]).await;
}

/// Composed and not, large and small: nothing is written over.
pub async fn of_two_forms_stay_two_or_clash(scene: &Scene) {
    for (one, other) in [
        ("caf\u{e9}.txt", "cafe\u{301}.txt"),
        ("case.txt", "CASE.txt"),
        ("stra\u{df}e", "STRASSE"),
    ] {
        let first = scene.create(one, b"one").await;
        match scene
            .try_create(&scene.root, other, &Bytes(b"other".to_vec()))
            .await
        {
            Ok(second) => {
                assert_ne!(first.id, second.item.id);
                assert_eq!(scene.read(&second.item).await, b"other");
            }
            Err(RemoteError::Exists) => {}
            Err(error) => panic!("{other:?}: {error:?}"),
        }
        assert_eq!(scene.read(&first).await, b"one");
    }
}
