//! Photos and profiles: whose they are, and who sees them.

use model::{Actor, Right, UserId};

use super::harness::{TestHub, address, body, here, on_each_engine, on_each_engine_with, refused};
use super::pictures::{COLOURS, colour, corners, gif, is_near, is_photo, jpeg, plain, png};
use super::shares::give;
use crate::{Credential, Expected, Hub, HubError, MeChange, PHOTO_BYTES, Photo, PhotoSize};

async fn set(hub: &Hub, who: &Actor, file: &[u8]) -> Result<(), HubError> {
    hub.set_photo(who, Expected::default(), body(file))
        .await
        .map(drop)
}

async fn seen(hub: &Hub, who: &Actor, whose: &Actor) -> Result<Photo, HubError> {
    hub.photo(who, whose.user().unwrap(), PhotoSize::Medium).await
}

/// Who acts with an app password of somebody.
async fn app_of(t: &TestHub, who: &Actor, name: &str) -> Actor {
    let new = t.create_app_password(who, "app").await.unwrap();
    let credential = Credential::Basic {
        email: address(name),
        password: new.secret,
    };
    t.authenticate(&credential, &here()).await.unwrap()
}

#[tokio::test]
async fn a_photo_is_kept_in_three_sizes_and_nothing_of_the_file_is() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let id = alice.user().unwrap();
        assert_eq!(t.me(&alice).await.unwrap().user.photo_ms, None);

        let file = [png(&corners(200)), vec![0; 40_000]].concat();
        let me = t
            .set_photo(&alice, Expected::default(), body(&file))
            .await
            .unwrap();

        assert_eq!(me.user.photo_ms, Some(t.time()));
        for size in PhotoSize::ALL {
            let photo = t.photo(&alice, id, size).await.unwrap();
            assert!(is_photo(&photo.jpeg, size.edge_px()));
            assert_eq!(photo.set_ms, t.time());
        }
        assert!(t.stored().is_empty(), "{:?}", t.stored());
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn another_photo_takes_the_place_of_the_first_and_a_refused_one_does_not() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        set(&t, &alice, &png(&corners(64))).await.unwrap();
        let first = seen(&t, &alice, &alice).await.unwrap();

        let long_text = [b"no picture".to_vec(), vec![b' '; 40_000]].concat();
        refused!(set(&t, &alice, &long_text).await, HubError::UnknownPicture(_));
        refused!(
            set(&t, &alice, &gif(4, 4, 2)).await,
            HubError::Invalid { field: "photo", .. }
        );
        assert_eq!(seen(&t, &alice, &alice).await.unwrap(), first);

        set(&t, &alice, &jpeg(&plain(64, 64))).await.unwrap();
        let second = seen(&t, &alice, &alice).await.unwrap();
        assert_ne!(second.etag, first.etag);
        assert!(is_near(
            colour(&second.jpeg, (9, 9)),
            plain(1, 1).get_pixel(0, 0).0
        ));
        assert!(t.stored().is_empty(), "{:?}", t.stored());
    })
    .await;
}

#[tokio::test]
async fn a_photo_can_be_taken_away_and_set_again() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        t.remove_photo(&alice).await.unwrap();
        set(&t, &alice, &png(&corners(64))).await.unwrap();

        t.remove_photo(&alice).await.unwrap();

        refused!(seen(&t, &alice, &alice).await, HubError::NotFound("photo"));
        assert_eq!(t.me(&alice).await.unwrap().user.photo_ms, None);
        set(&t, &alice, &png(&corners(64))).await.unwrap();
        assert!(seen(&t, &alice, &alice).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn two_photos_at_once_do_not_become_a_mixture() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let id = alice.user().unwrap();
        let (red, blue) = (image::Rgb(COLOURS[0]), image::Rgb(COLOURS[2]));
        let files = [red, blue].map(|colour| png(&image::RgbImage::from_pixel(32, 32, colour)));
        let sets = files.iter().cycle().take(6).map(|file| set(&t, &alice, file));
        for outcome in futures_util::future::join_all(sets).await {
            outcome.unwrap();
        }

        let mut colours = Vec::new();
        for size in PhotoSize::ALL {
            let photo = t.photo(&alice, id, size).await.unwrap();
            colours.push(is_near(colour(&photo.jpeg, (50, 50)), COLOURS[0]));
        }
        colours.dedup();
        assert_eq!(colours.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn ten_mebibytes_are_looked_at_and_one_byte_more_is_not() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let limit = usize::try_from(PHOTO_BYTES).unwrap();
        let mut file = png(&corners(64));
        file.resize(limit, b' ');
        set(&t, &alice, &file).await.unwrap();

        file.push(b' ');
        let limit_bytes = PHOTO_BYTES;
        let outcome = set(&t, &alice, &file).await;
        assert!(matches!(outcome, Err(HubError::TooLarge { limit_bytes: told }) if told == limit_bytes));
        let expected = Expected {
            size_bytes: Some(PHOTO_BYTES + 1),
            ..Expected::default()
        };
        let announced = t.stage_photo(&alice, expected, body(b"x")).await.map(drop);
        refused!(announced, HubError::TooLarge { .. });
        assert!(t.stored().is_empty(), "{:?}", t.stored());
    })
    .await;
}

#[tokio::test]
async fn the_limits_of_files_and_spaces_are_not_those_of_photos() {
    let set_limits = |config: &mut crate::Config| {
        config.file_bytes = 20_000;
        config.quota_bytes = Some(0);
    };
    on_each_engine_with(set_limits, async |t| {
        let alice = t.user("alice").await;
        let mut file = png(&corners(64));
        file.resize(40_000, 0);
        set(&t, &alice, &file).await.unwrap();

        file.resize(usize::try_from(PHOTO_BYTES).unwrap() + 1, 0);
        refused!(set(&t, &alice, &file).await, HubError::TooLarge { .. });
    })
    .await;
}

#[tokio::test]
async fn people_see_each_other_while_they_share_something() {
    on_each_engine(async |t| {
        t.user("admin").await;
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        for who in [&alice, &bob] {
            set(&t, who, &png(&corners(64))).await.unwrap();
        }
        let folder = t.new_path(&alice, "folder").await.id;
        refused!(seen(&t, &bob, &alice).await, HubError::NotFound("user"));

        let share = give(&t, &alice, folder, &bob, Right::View).await;

        for (who, whose, name) in [(&alice, &bob, "bob"), (&bob, &alice, "alice")] {
            let id = whose.user().unwrap();
            assert!(seen(&t, who, whose).await.is_ok());
            let person = t.profile(who, id).await.unwrap();
            assert_eq!((person.email, person.has_photo), (address(name), true));
        }
        t.revoke_share(&alice, share).await.unwrap();
        for (who, whose) in [(&alice, &bob), (&bob, &alice)] {
            refused!(seen(&t, who, whose).await, HubError::NotFound("user"));
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_given_something_further_sees_giver_and_owner_and_not_the_others() {
    on_each_engine(async |t| {
        t.user("admin").await;
        let alice = t.user("alice").await;
        let (bob, carol) = (t.user("bob").await, t.user("carol").await);
        let folder = t.new_path(&alice, "folder").await.id;
        let new = crate::NewShare {
            may_share: true,
            ..super::shares::new(folder, &bob, Right::Edit)
        };
        t.share(&alice, new).await.unwrap();
        give(&t, &alice, folder, &carol, Right::View).await;
        let dave = t.user("dave").await;
        give(&t, &bob, folder, &dave, Right::View).await;

        for whose in [&alice, &bob] {
            assert!(t.profile(&dave, whose.user().unwrap()).await.is_ok());
            assert!(t.profile(whose, dave.user().unwrap()).await.is_ok());
        }
        refused!(
            t.profile(&carol, dave.user().unwrap()).await,
            HubError::NotFound("user")
        );
        refused!(
            t.profile(&carol, bob.user().unwrap()).await,
            HubError::NotFound("user")
        );
    })
    .await;
}

#[tokio::test]
async fn a_stranger_learns_nothing_and_an_administrator_sees_everybody() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let (alice, mallory) = (t.user("alice").await, t.user("mallory").await);
        let id = alice.user().unwrap();
        set(&t, &alice, &png(&corners(64))).await.unwrap();
        let nobody = UserId::new(t.time(), [7; 10]);

        let words = [
            t.photo(&mallory, id, PhotoSize::Small)
                .await
                .unwrap_err()
                .to_string(),
            t.photo(&mallory, nobody, PhotoSize::Small)
                .await
                .unwrap_err()
                .to_string(),
            t.profile(&mallory, id).await.unwrap_err().to_string(),
            t.profile(&mallory, nobody).await.unwrap_err().to_string(),
            t.profile(&admin, nobody).await.unwrap_err().to_string(),
        ];
        assert!(words.iter().all(|word| *word == words[0]), "{words:?}");
        assert!(seen(&t, &admin, &alice).await.is_ok());
        assert_eq!(t.profile(&admin, id).await.unwrap().email, address("alice"));
        // A program of the administrator's is a person without office.
        let app = app_of(&t, &admin, "admin").await;
        refused!(t.profile(&app, id).await, HubError::NotFound("user"));
    })
    .await;
}

#[tokio::test]
async fn a_program_shows_a_photo_and_does_not_change_it() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let app = app_of(&t, &alice, "alice").await;
        let file = png(&corners(64));
        set(&t, &alice, &file).await.unwrap();

        assert!(seen(&t, &app, &alice).await.is_ok());
        refused!(set(&t, &app, &file).await, HubError::Forbidden(_));
        refused!(t.remove_photo(&app).await, HubError::Forbidden(_));
        refused!(set(&t, &Actor::Worker, &file).await, HubError::Forbidden(_));
        refused!(seen(&t, &Actor::Worker, &alice).await, HubError::Forbidden(_));
    })
    .await;
}

#[tokio::test]
async fn a_language_is_a_tag_or_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let change = |locale: Option<&str>| MeChange {
            locale: Some(locale.map(str::to_owned)),
            ..MeChange::default()
        };
        let longest = "abcdefgh-12345678-12345678-12345678";
        for tag in ["en", "pt-BR", "zh-Hant-TW", "de-CH-1996", "tlh", longest] {
            let me = t.change_me(&alice, change(Some(tag))).await.unwrap();
            assert_eq!(me.user.locale.as_deref(), Some(tag));
        }
        for wrong in [
            "",
            "e",
            "1n",
            "en_US",
            "en-",
            "-en",
            "en--US",
            "ën",
            "en\0",
            "en US",
            "en-123456789",
        ] {
            refused!(
                t.change_me(&alice, change(Some(wrong))).await,
                HubError::Invalid { field: "locale", .. }
            );
        }
        refused!(
            t.change_me(&alice, change(Some(&format!("{longest}-1")))).await,
            HubError::Invalid { field: "locale", .. }
        );

        let named = MeChange {
            full_name: Some("Alice".to_owned()),
            ..MeChange::default()
        };
        let me = t.change_me(&alice, named).await.unwrap().user;
        assert_eq!(
            (me.full_name.as_str(), me.locale.as_deref()),
            ("Alice", Some(longest))
        );
        let me = t.change_me(&alice, change(None)).await.unwrap().user;
        assert_eq!((me.full_name.as_str(), me.locale), ("Alice", None));
    })
    .await;
}
