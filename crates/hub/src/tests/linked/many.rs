//! How many mirrors a person may have.

use model::{Actor, ConnectionId, Mirror, MirrorId, NodePath, SpaceId};

use super::super::harness::{TestHub, on_each_engine_with};
use crate::{HubError, MirrorFolder, MirrorSettings, NewMirror, RemoteFolder};

async fn add(t: &TestHub, who: &Actor, connection: ConnectionId, name: &str) -> Result<Mirror, HubError> {
    let here: NodePath = format!("/{name}").parse().unwrap();
    let there = RemoteFolder::Path {
        path: format!("/{name}"),
        makes: true,
    };
    let new = NewMirror {
        folder: MirrorFolder::Path(here),
        connection,
        remote: there,
        settings: MirrorSettings::default(),
        is_paused: false,
    };
    t.create_mirror(who, new).await
}

#[tokio::test]
async fn a_person_has_a_thousand_mirrors_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let roots = vec![folder.path().canonicalize().unwrap()];
    let set = move |config: &mut crate::Config| config.directory_roots = roots.clone();
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let place = tempfile::tempdir_in(folder.path()).unwrap();
        let new = crate::NewConnection {
            endpoint: crate::Endpoint::Directory {
                path: place.path().to_str().unwrap().to_owned(),
                is_read_only: false,
            },
            credentials: crate::Credentials::None,
            label: String::new(),
            is_servers: false,
        };
        let connection = t.connect(&ada, new).await.unwrap().connection.id;
        let first = add(&t, &ada, connection, "first").await.unwrap();
        let mut tx = t.catalog.write().await.unwrap();
        for number in 0..998_u16 {
            let mut random = [0; 10];
            random[..2].copy_from_slice(&number.to_be_bytes());
            let other = Mirror {
                id: MirrorId::new(t.time(), random),
                connection: ConnectionId::from_bytes([7; 16]),
                space: SpaceId::from_bytes([7; 16]),
                ..first.clone()
            };
            tx.create_mirror(&other).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(t.mirrors(&ada).await.unwrap().len(), 999);

        add(&t, &ada, connection, "last").await.unwrap();
        assert_eq!(t.mirrors(&Actor::Worker).await.unwrap().len(), 1000);
        let refused = add(&t, &ada, connection, "one more").await;
        assert!(
            matches!(refused, Err(HubError::Conflict(why)) if why.contains("1,000")),
            "{refused:?}"
        );
        t.remove_mirror(&ada, first.id).await.unwrap();
        add(&t, &ada, connection, "one more").await.unwrap();
    })
    .await;
}
