//! Both ways.

use std::fs;

use hub::MirrorSettings;
use model::Guard;

use super::World;

#[tokio::test]
async fn what_is_on_either_side_comes_to_the_other() {
    let world = World::with(MirrorSettings::default(), |there| {
        fs::create_dir_all(there.join("theirs/deep")).unwrap();
        fs::write(there.join("theirs/deep/a.txt"), b"a").unwrap();
        fs::write(there.join("same.txt"), b"same").unwrap();
    })
    .await;
    world.put("ours/b.txt", b"bb").await;
    world.put("same.txt", b"same").await;
    world.settle().await;

    let here = world.tree_here().await;
    world.expect(
        &here,
        &[
            ("ours", None),
            ("ours/b.txt", Some(b"bb")),
            ("same.txt", Some(b"same")),
            ("theirs", None),
            ("theirs/deep", None),
            ("theirs/deep/a.txt", Some(b"a")),
        ],
    );
}

#[tokio::test]
async fn edits_moves_and_deletes_come_to_the_other_side() {
    let world = World::start(MirrorSettings::default()).await;
    for name in ["edit", "rename", "move", "delete"] {
        world.put(&format!("here/{name}"), name.as_bytes()).await;
        fs::create_dir_all(world.there("there")).unwrap();
        fs::write(world.there(&format!("there/{name}")), name.as_bytes()).unwrap();
    }
    world.settle().await;

    world.put("here/edit", b"edited").await;
    world
        .hub
        .delete(&world.ada, world.node("here/delete").await.id, Guard::None)
        .await
        .unwrap();
    fs::write(world.there("there/edit"), b"edited").unwrap();
    fs::rename(world.there("there/rename"), world.there("there/renamed")).unwrap();
    fs::rename(world.there("there/move"), world.there("moved")).unwrap();
    fs::remove_file(world.there("there/delete")).unwrap();
    world.settle().await;

    let here = world.tree_here().await;
    world.expect(
        &here,
        &[
            ("here", None),
            ("here/edit", Some(b"edited")),
            ("here/move", Some(b"move")),
            ("here/rename", Some(b"rename")),
            ("moved", Some(b"move")),
            ("there", None),
            ("there/edit", Some(b"edited")),
            ("there/renamed", Some(b"rename")),
        ],
    );
}

#[tokio::test]
async fn a_mirror_that_failed_goes_on_as_soon_as_its_connection_works_again() {
    let world = World::start(MirrorSettings::default()).await;
    world.put("first.txt", b"first").await;
    world.settle().await;
    let away = world.folder.path().join("away");
    fs::rename(world.there(""), &away).unwrap();
    world.put("second.txt", b"second").await;
    world.settle().await;
    let failures = async || {
        let row = world.hub.mirror(&world.ada, world.mirror.id).await.unwrap();
        row.mirror.progress.failures
    };
    assert!(failures().await > 0);

    fs::rename(&away, world.there("")).unwrap();
    let connection = world.mirror.connection;
    world.hub.check_connection(&world.ada, connection).await.unwrap();
    world.runner.run_until_idle().await.unwrap();

    assert_eq!(failures().await, 0);
    assert_eq!(fs::read(world.there("second.txt")).unwrap(), b"second");
}

#[tokio::test]
async fn a_paused_mirror_of_what_could_not_be_looked_at_yet_is_looked_at_soon() {
    let world = World::made(MirrorSettings::default(), true, |there| {
        fs::write(there.join("a.txt"), b"a").unwrap();
        fs::write(there.join("b.txt"), b"b").unwrap();
    })
    .await;
    let (there, away) = (world.there(""), world.folder.path().join("away"));
    fs::rename(&there, &away).unwrap();
    world.runner.run_until_idle().await.unwrap();
    fs::rename(&away, &there).unwrap();
    for _ in 0..5 {
        world.pass_secs(61);
        world.runner.run_until_idle().await.unwrap();
    }

    let row = world.hub.mirror(&world.ada, world.mirror.id).await.unwrap();
    assert_eq!((row.counts.due, row.linked), (3, 0), "{row:?}");
    assert!(world.tree_here().await.is_empty(), "nothing is done");
}
