//! Public links: what their holders may do, and how they end.

use std::net::IpAddr;

use model::{Actor, Guard, LinkMode, NodeId, OnConflict, Right};

use super::harness::{ROOT, TestHub, into, named, on_each_engine, part, refused, upload};
use super::shares::{give, new};
use crate::{
    FolderRef, HubError, LinkChange, LinkRow, NewFolder, NewLink, NewShare, NodeChange, ShareChange,
    UploadPlace, UserChange, Visit,
};

const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn plain(node: NodeId, mode: LinkMode) -> NewLink {
    NewLink {
        node,
        mode,
        label: String::new(),
        password: None,
        expires_ms: None,
        most_downloads: None,
    }
}

async fn make(t: &TestHub, who: &Actor, node: NodeId, mode: LinkMode) -> LinkRow {
    t.create_link(who, plain(node, mode)).await.unwrap()
}

async fn visit(t: &TestHub, link: &LinkRow) -> Result<Visit, HubError> {
    t.visit(link.token.as_ref().unwrap(), None, IP).await
}

#[tokio::test]
async fn a_view_link_opens_its_tree_and_nothing_else() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_path(&alice, "private/public").await.id;
        let deep = t.new_path(&alice, "private/public/deep").await.id;
        let file = t.put(&alice, deep, "file", "1").await.id;
        let beside = t.put(&alice, ROOT, "beside", "2").await.id;
        let link = make(&t, &alice, folder, LinkMode::View).await;

        let Visit {
            actor, node, right, ..
        } = visit(&t, &link).await.unwrap();

        assert_eq!((node.id, node.parent, right), (folder, None, Some(Right::View)));
        assert_eq!(t.names(&actor, ROOT).await, ["deep/"]);
        assert_eq!(t.bytes_of(&actor, file).await, b"1");
        assert_eq!(t.path_of(&actor, file).await, "/public/deep/file");
        refused!(t.info(&actor, beside).await, HubError::NotFound(_));
        refused!(
            t.store(&actor, into(deep, "x"), "x").await,
            HubError::Forbidden(_)
        );
        refused!(t.delete(&actor, file, Guard::None).await, HubError::Forbidden(_));
        refused!(t.star(&actor, file, true).await, HubError::Forbidden(_));
        refused!(t.changes(&actor, None, 10).await, HubError::Forbidden(_));
        refused!(t.trash(&actor, part(10)).await, HubError::Forbidden(_));
        refused!(
            t.create_link(&actor, plain(file, LinkMode::View)).await,
            HubError::Forbidden(_)
        );
    })
    .await;
}

#[tokio::test]
async fn a_link_of_a_file_opens_no_sibling() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", "1").await.id;
        let sibling = t.put(&alice, ROOT, "sibling", "2").await.id;
        let root = t.root(&alice).await;
        let Visit { actor, .. } = visit(&t, &make(&t, &alice, file, LinkMode::Edit).await)
            .await
            .unwrap();

        assert_eq!(t.bytes_of(&actor, file).await, b"1");
        let over = upload(UploadPlace::Over(file));
        let stored = t.store(&actor, over, "new").await.unwrap().node;
        assert_eq!(stored.parent, None);
        assert_eq!(stored.version.unwrap().author, None);
        for hidden in [sibling, root] {
            refused!(t.info(&actor, hidden).await, HubError::NotFound(_));
            refused!(
                t.store(&actor, upload(UploadPlace::Over(hidden)), "x").await,
                HubError::NotFound(_)
            );
        }
        refused!(
            t.children(&actor, ROOT, (None, model::Sort::default()), part(10))
                .await,
            HubError::Conflict(_)
        );
        refused!(t.delete(&actor, file, Guard::None).await, HubError::Forbidden(_));
    })
    .await;
}

#[tokio::test]
async fn a_drop_link_takes_files_and_shows_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_path(&alice, "inbox").await.id;
        let below = t.new_path(&alice, "inbox/below").await.id;
        let file = t.put(&alice, folder, "taken", "mine").await.id;
        let Visit { actor, right, .. } = visit(&t, &make(&t, &alice, folder, LinkMode::Drop).await)
            .await
            .unwrap();
        assert_eq!(right, None);
        let inbox = |folder, name| {
            upload(UploadPlace::Inbox {
                folder,
                name: named(name),
            })
        };

        t.store(&actor, inbox(ROOT, "taken"), "theirs").await.unwrap();

        assert_eq!(t.names(&alice, folder).await, ["below/", "taken", "taken (2)"]);
        assert_eq!(t.bytes_of(&alice, file).await, b"mine");
        for id in [folder, below, file] {
            refused!(t.info(&actor, id).await, HubError::NotFound(_));
            refused!(t.open_file(&actor, id, None).await, HubError::NotFound(_));
            refused!(
                t.store(&actor, into(id, "taken"), "x").await,
                HubError::NotFound(_)
            );
            refused!(t.delete(&actor, id, Guard::None).await, HubError::NotFound(_));
        }
        let deeper = inbox(FolderRef::Id(below), "x");
        refused!(t.store(&actor, deeper, "x").await, HubError::NotFound(_));
        let new = NewFolder::In {
            folder: ROOT,
            name: named("x"),
            on_conflict: OnConflict::Fail,
        };
        refused!(t.create_folder(&actor, new).await, HubError::NotFound(_));
        refused!(
            t.create_link(&alice, plain(file, LinkMode::Drop)).await,
            HubError::Conflict(_)
        );
    })
    .await;
}

#[tokio::test]
async fn every_end_of_a_link_looks_the_same() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "shared").await.id;
        let file = t.put(&alice, folder, "file", "1").await.id;
        let share = NewShare {
            may_share: true,
            ..new(folder, &bob, Right::View)
        };
        let share = t.share(&alice, share).await.unwrap().0.share.id;
        let of_bob = make(&t, &bob, file, LinkMode::View).await;
        let of_alice = make(&t, &alice, file, LinkMode::View).await;
        refused!(
            t.create_link(&bob, plain(file, LinkMode::Edit)).await,
            HubError::Forbidden(_)
        );
        let open = async |expected: [bool; 2]| {
            for (link, is_open) in [&of_bob, &of_alice].into_iter().zip(expected) {
                match visit(&t, link).await {
                    Ok(_) => assert!(is_open),
                    Err(HubError::NotFound("link")) => assert!(!is_open),
                    Err(error) => panic!("{error:?}"),
                }
            }
        };
        open([true, true]).await;
        // Its maker lost the right to give.
        for may_share in [false, true] {
            let change = ShareChange {
                right: None,
                may_share: Some(may_share),
            };
            t.change_share(&alice, share, change).await.unwrap();
            open([may_share, true]).await;
        }
        // Its maker's account is closed.
        for is_disabled in [true, false] {
            let change = UserChange {
                state: Some(match is_disabled {
                    true => model::UserState::Disabled,
                    false => model::UserState::Active,
                }),
                ..UserChange::default()
            };
            t.change_user(&alice, bob.user().unwrap(), change).await.unwrap();
            open([!is_disabled, true]).await;
        }
        // What it opens is in the trash.
        t.delete(&alice, folder, Guard::None).await.unwrap();
        open([false, false]).await;
        t.restore(&alice, folder, (None, None)).await.unwrap();
        open([true, true]).await;
        // It expired.
        let soon = LinkChange {
            expires_ms: Some(Some(t.time().plus_secs(60))),
            ..LinkChange::default()
        };
        t.change_link(&alice, of_alice.link.id, soon).await.unwrap();
        open([true, true]).await;
        t.pass_secs(60);
        open([true, false]).await;
        // It was revoked; the owner may revoke others' links too.
        refused!(
            t.revoke_link(&bob, of_alice.link.id).await,
            HubError::NotFound("link")
        );
        t.revoke_link(&alice, of_bob.link.id).await.unwrap();
        open([false, false]).await;
        refused!(
            t.visit("0000000000000000000000", None, IP).await,
            HubError::NotFound("link")
        );
    })
    .await;
}

#[tokio::test]
async fn a_password_is_needed_where_there_is_one_and_its_tries_are_counted() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", "1").await.id;
        let new = NewLink {
            password: Some("open sesame".to_owned()),
            ..plain(file, LinkMode::View)
        };
        let link = t.create_link(&alice, new).await.unwrap();
        let token = link.token.clone().unwrap();
        refused!(visit(&t, &link).await, HubError::LinkLocked);
        refused!(t.unlock_link(&token, "wrong", IP).await, HubError::LinkLocked);
        let pass = t.unlock_link(&token, "open sesame", IP).await.unwrap().secret;
        t.visit(&token, Some(&pass), IP).await.unwrap();

        // It is a proof for this link, for a while, and of this password.
        let mut forged = pass.clone();
        forged.replace_range(..1, if pass.starts_with('9') { "8" } else { "9" });
        refused!(t.visit(&token, Some(&forged), IP).await, HubError::LinkLocked);
        let change = |password: Option<&str>| LinkChange {
            password: Some(password.map(str::to_owned)),
            ..LinkChange::default()
        };
        t.change_link(&alice, link.link.id, change(Some("another")))
            .await
            .unwrap();
        refused!(t.visit(&token, Some(&pass), IP).await, HubError::LinkLocked);
        for _ in 0..10 {
            refused!(t.unlock_link(&token, "wrong", IP).await, HubError::LinkLocked);
        }
        refused!(
            t.unlock_link(&token, "another", IP).await,
            HubError::TooManyTries { .. }
        );
        let elsewhere: IpAddr = "198.51.100.9".parse().unwrap();
        let pass = t.unlock_link(&token, "another", elsewhere).await.unwrap().secret;
        t.pass_secs(13 * 60 * 60);
        refused!(t.visit(&token, Some(&pass), IP).await, HubError::LinkLocked);
        t.change_link(&alice, link.link.id, change(None)).await.unwrap();
        visit(&t, &link).await.unwrap();
        refused!(t.unlock_link(&token, "another", IP).await, HubError::Conflict(_));
    })
    .await;
}

#[tokio::test]
async fn downloads_are_counted_up_to_the_limit_however_many_come_at_once() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", "1").await.id;
        let new = NewLink {
            most_downloads: Some(3),
            ..plain(file, LinkMode::View)
        };
        let row = t.create_link(&alice, new).await.unwrap();
        let outcomes = futures_util::future::join_all((0..20).map(|_| t.count_download(&row.link))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
        refused!(visit(&t, &row).await, HubError::NotFound("link"));
        let more = LinkChange {
            most_downloads: Some(None),
            ..LinkChange::default()
        };
        t.change_link(&alice, row.link.id, more).await.unwrap();
        let seen = visit(&t, &row).await.unwrap().link;
        assert_eq!(seen.downloads, 3);
    })
    .await;
}

#[tokio::test]
async fn only_its_maker_sees_a_link_s_address_again() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "shared").await.id;
        let share = NewShare {
            may_share: true,
            ..new(folder, &bob, Right::View)
        };
        t.share(&alice, share).await.unwrap();
        let mine = make(&t, &alice, folder, LinkMode::View).await;
        t.tick();
        let theirs = make(&t, &bob, folder, LinkMode::View).await;
        assert_ne!(mine.token, theirs.token);
        assert_eq!(mine.token.as_ref().unwrap().len(), 22);

        let of_alice = t.node_links(&alice, folder).await.unwrap();
        let tokens: Vec<_> = of_alice.iter().map(|row| row.token.clone()).collect();
        assert_eq!(tokens, [mine.token.clone(), None]);
        let of_bob = t.node_links(&bob, folder).await.unwrap();
        let tokens: Vec<_> = of_bob.iter().map(|row| row.token.clone()).collect();
        assert_eq!(tokens, [theirs.token]);
        let listed = t.links(&alice, part(10)).await.unwrap().items;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].token, mine.token);
        refused!(t.link(&bob, mine.link.id).await, HubError::NotFound("link"));
        let carol = t.user("carol").await;
        give(&t, &alice, folder, &carol, Right::Edit).await;
        refused!(t.node_links(&carol, folder).await, HubError::Forbidden(_));
    })
    .await;
}

#[tokio::test]
async fn a_signed_address_holds_for_its_time_and_as_long_as_its_signer_may_look() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let file = t.put(&alice, ROOT, "file", "1").await.id;
        let share = give(&t, &alice, file, &bob, Right::View).await;
        let sign = async |who: &Actor, secs| t.sign_download(who, (file, None), (secs, false)).await;
        let signed = sign(&bob, None).await.unwrap();
        t.put(&alice, ROOT, "file", "22").await;
        let opened = t.open_signed(&signed.secret).await.unwrap();
        assert_eq!(opened.download.version.size_bytes, 1);

        for wrong in [
            "",
            "x",
            "x.y",
            &signed.secret[1..],
            &format!("{}A", signed.secret),
        ] {
            refused!(t.open_signed(wrong).await, HubError::Forbidden(_));
        }
        for secs in [0, 901, u32::MAX] {
            refused!(sign(&bob, Some(secs)).await, HubError::Invalid { .. });
        }
        t.pass_secs(299);
        t.open_signed(&signed.secret).await.unwrap();
        t.pass_secs(1);
        refused!(t.open_signed(&signed.secret).await, HubError::Forbidden(_));

        let signed = sign(&bob, None).await.unwrap();
        t.revoke_share(&alice, share).await.unwrap();
        refused!(t.open_signed(&signed.secret).await, HubError::NotFound(_));
        let signed = sign(&alice, Some(900)).await.unwrap();
        t.log_out_everywhere(&alice).await.unwrap();
        refused!(t.open_signed(&signed.secret).await, HubError::Forbidden(_));
    })
    .await;
}

#[tokio::test]
async fn an_edit_link_of_a_folder_is_for_all_below_it_but_not_for_itself() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_path(&alice, "ours").await.id;
        let link = make(&t, &alice, folder, LinkMode::Edit).await;
        let Visit { actor, .. } = visit(&t, &link).await.unwrap();
        let file = t.put(&actor, ROOT, "file", "1").await.id;
        let made = t.new_path(&actor, "a/b").await.id;
        assert_eq!(t.path_of(&alice, made).await, "/ours/a/b");
        let into_b = NodeChange {
            folder: Some(FolderRef::Id(made)),
            ..NodeChange::default()
        };
        t.change_node(&actor, file, into_b).await.unwrap();
        t.delete(&actor, file, Guard::None).await.unwrap();
        refused!(
            t.delete(&actor, folder, Guard::None).await,
            HubError::Forbidden(_)
        );
        refused!(t.purge(&actor, file).await, HubError::NotFound(_));
        // Weakened, it is weaker at once, in what was opened before too.
        let weaker = LinkChange {
            mode: Some(LinkMode::View),
            ..LinkChange::default()
        };
        t.change_link(&alice, link.link.id, weaker).await.unwrap();
        refused!(
            t.store(&actor, into(made, "x"), "x").await,
            HubError::Forbidden(_)
        );
    })
    .await;
}
