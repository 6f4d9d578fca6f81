use std::sync::Arc;
use std::time::SystemTime;

use model::Millis;

use super::emulators::azurite::Azurite;
use crate::contract::{self, Service};
use crate::{AzureOptions, AzureStore, Backend, Memory, Patience, Secret};

fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    Millis(i64::try_from(since.as_millis()).expect("before long"))
}

fn options(azurite: &Azurite) -> AzureOptions {
    AzureOptions {
        name: "azure".to_owned(),
        connection: Secret::new(azurite.connection()),
        container: Azurite::CONTAINER.to_owned(),
        prefix: "some/where".to_owned(),
        public_endpoint: None,
        page_origin: None,
        clock: Arc::new(now),
        patience: Patience::default(),
        memory: Memory::default(),
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let azurite = Azurite::start();
    let store = AzureStore::open(options(&azurite)).expect("options");
    store.probe().await.expect("probe");

    let azure = Service {
        // Nothing that Azure signs says how long a block may be.
        binds_part_lengths: false,
        ..Service::STRICT
    };
    contract::check_on(&store, azure).await;
}
