//! Opens the stores that the settings describe.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use content::{
    AzureOptions, AzureStore, Backend, Content, GcsOptions, GcsStore, Keyring, LocalOptions, LocalStore,
    Memory, Patience, Quirks, S3Options, S3Store,
};

use crate::data_folder::DataFolder;
use crate::opened::clock;
use crate::settings::{Bucket, Secret, Settings, StoreSpec};

/// What is the same for all stores.
struct Common<'a> {
    settings: &'a Settings,
    memory: Memory,
}

/// Opens every store that the settings describe; new contents go to `STORAGE_BACKEND`. One that is not
/// meant for them and cannot be opened is told in the log and left out.
///
/// # Errors
/// When the store for new contents cannot be opened, or the keys to seal with are missing.
pub async fn open(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Content> {
    let common = Common {
        settings,
        memory: Memory::default(),
    };
    let mut specs = specs(settings, folder);
    let default = settings.storage_backend.as_str();
    let Some(at) = specs.iter().position(|(name, _)| name == default) else {
        bail!("STORAGE_BACKEND is `{default}`, which the settings do not describe");
    };
    let (name, spec) = specs.swap_remove(at);
    let store = common.open(&name, spec).await;
    let store = store.with_context(|| format!("the store `{name}` cannot be used"))?;
    let mut content = Content::new(store);
    for (name, spec) in specs {
        match common.open(&name, spec).await {
            Ok(store) => content = content.with(store),
            Err(error) => tracing::warn!("the store `{name}` cannot be used: {error:#}"),
        }
    }
    let secrets = settings
        .seal_keys
        .iter()
        .flatten()
        .map(|key| key.expose().as_bytes());
    Ok(match Keyring::new(secrets) {
        Some(keyring) => content.sealing(keyring, settings.seal_stores.clone()),
        None => content,
    })
}

/// All stores that the settings describe, by name.
fn specs(settings: &Settings, folder: &DataFolder) -> Vec<(String, StoreSpec)> {
    let local = StoreSpec::Local {
        folder: settings.content_folder(folder.path()),
    };
    let mut specs = vec![("local".to_owned(), local)];
    specs.extend(s3(settings).map(|bucket| ("s3".to_owned(), StoreSpec::S3(bucket))));
    specs.extend(b2(settings).map(|bucket| ("b2".to_owned(), StoreSpec::B2(bucket))));
    let wants_azure = settings.azure_container.is_some() || settings.storage_backend == "azure";
    if let Some(connection_string) = settings.azure_connection.clone().filter(|_| wants_azure) {
        let container = settings.azure_container.clone();
        let azure = StoreSpec::Azure {
            connection_string,
            container: container.unwrap_or_else(|| "cumuli".to_owned()),
            public_endpoint: settings.azure_public_endpoint.clone(),
            prefix: settings.azure_prefix.clone(),
        };
        specs.push(("azure".to_owned(), azure));
    }
    if let Some(bucket) = settings.gcs_bucket.clone() {
        let gcs = StoreSpec::Gcs {
            bucket,
            credentials: settings.gcs_credentials.clone(),
            endpoint: settings.gcs_endpoint.clone(),
            prefix: settings.gcs_prefix.clone(),
        };
        specs.push(("gcs".to_owned(), gcs));
    }
    let named = settings.stores.iter().flatten();
    specs.extend(named.map(|store| (store.name.clone(), store.spec.clone())));
    specs
}

fn s3(settings: &Settings) -> Option<Bucket> {
    Some(Bucket {
        bucket: settings.s3_bucket.clone()?,
        region: settings.s3_region.clone(),
        endpoint: settings.s3_endpoint.clone(),
        public_endpoint: settings.s3_public_endpoint.clone(),
        access_key: settings.s3_access_key.clone()?,
        secret_key: settings.s3_secret_key.clone()?,
        session_token: settings.s3_session_token.clone(),
        path_style: settings.s3_path_style,
        prefix: settings.s3_prefix.clone(),
    })
}

fn b2(settings: &Settings) -> Option<Bucket> {
    Some(Bucket {
        bucket: settings.b2_bucket.clone()?,
        region: None,
        endpoint: Some(settings.b2_endpoint.clone()?),
        public_endpoint: None,
        access_key: settings.b2_access_key.clone()?,
        secret_key: settings.b2_secret_key.clone()?,
        session_token: None,
        path_style: None,
        prefix: settings.b2_prefix.clone(),
    })
}

impl Common<'_> {
    async fn open(&self, name: &str, spec: StoreSpec) -> anyhow::Result<Arc<dyn Backend>> {
        Ok(match spec {
            StoreSpec::Local { folder } => Arc::new(self.local(&folder).await?.named(name)),
            StoreSpec::S3(bucket) => Arc::new(self.bucket(name, bucket, Quirks::Generic)?),
            StoreSpec::B2(bucket) => Arc::new(self.bucket(name, bucket, Quirks::B2)?),
            StoreSpec::Azure {
                connection_string,
                container,
                public_endpoint,
                prefix,
            } => Arc::new(AzureStore::open(AzureOptions {
                name: name.to_owned(),
                connection: secret(&connection_string),
                container,
                prefix,
                public_endpoint,
                page_origin: self.settings.public_url.clone(),
                clock: clock(),
                patience: Patience::default(),
                memory: self.memory.clone(),
            })?),
            StoreSpec::Gcs {
                bucket,
                credentials,
                endpoint,
                prefix,
            } => Arc::new(GcsStore::open(GcsOptions {
                name: name.to_owned(),
                bucket,
                prefix,
                credentials: credentials.as_deref().map(key_file).transpose()?,
                endpoint,
                public_endpoint: None,
                page_origin: self.settings.public_url.clone(),
                clock: clock(),
                patience: Patience::default(),
                memory: self.memory.clone(),
            })?),
        })
    }

    async fn local(&self, folder: &Path) -> anyhow::Result<LocalStore> {
        let options = LocalOptions {
            folder: folder.to_owned(),
            durability: match self.settings.unsafe_no_flush {
                true => content::Durability::UnsafeNone,
                false => content::Durability::Full,
            },
        };
        let store = LocalStore::open(options).await;
        store.with_context(|| format!("the folder for contents {} cannot be used", folder.display()))
    }

    fn bucket(&self, name: &str, bucket: Bucket, quirks: Quirks) -> anyhow::Result<S3Store> {
        Ok(S3Store::open(S3Options {
            name: name.to_owned(),
            endpoint: bucket.endpoint,
            public_endpoint: bucket.public_endpoint,
            region: bucket.region,
            bucket: bucket.bucket,
            prefix: bucket.prefix,
            access_key: bucket.access_key,
            secret_key: secret(&bucket.secret_key),
            session_token: bucket.session_token.as_ref().map(secret),
            path_style: bucket.path_style,
            quirks,
            page_origin: self.settings.public_url.clone(),
            patience: Patience::default(),
            memory: self.memory.clone(),
            clock: clock(),
        })?)
    }
}

/// The text of a file with the key of a service account.
fn key_file(path: &Path) -> anyhow::Result<content::Secret> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("the key file {} cannot be read", path.display()))?;
    Ok(content::Secret::new(text))
}

fn secret(secret: &Secret) -> content::Secret {
    content::Secret::new(secret.expose())
}
