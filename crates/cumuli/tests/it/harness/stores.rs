//! Servers whose contents are in an object store: a stand-in of its own for each.

use std::path::PathBuf;

use super::emulators::azurite::Azurite;
use super::emulators::s3s::S3s;
use super::{Builder, Engine, Server};

/// Settings by which a server reaches the bucket of a stand-in at `endpoint`.
pub fn s3_settings(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("S3_BUCKET_NAME", S3s::BUCKET.to_owned()),
        ("AWS_ACCESS_KEY_ID", S3s::ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", S3s::SECRET_KEY.to_owned()),
        ("CUMULI_S3_ENDPOINT", endpoint.to_owned()),
    ]
}

/// Settings by which a server reaches the container of a stand-in.
pub fn azure_settings(azurite: &Azurite) -> Vec<(&'static str, String)> {
    vec![
        ("AZURE_STORAGE_CONNECTION_STRING", azurite.connection()),
        ("CUMULI_AZURE_CONTAINER", Azurite::CONTAINER.to_owned()),
    ]
}

/// The folder in which a bucket's blobs are files, by their keys.
pub fn blobs_of(s3s: &S3s) -> PathBuf {
    s3s.folder.path().join(S3s::BUCKET).join("blobs")
}

impl Server {
    /// A server to be set up whose contents are in the bucket.
    pub fn on_s3(engine: Engine, s3s: &S3s) -> Builder {
        Self::on(engine)
            .set_all(s3_settings(&s3s.endpoint()))
            .set("STORAGE_BACKEND", "s3")
    }
}

impl Builder {
    /// Sets several settings.
    pub fn set_all(self, settings: Vec<(&'static str, String)>) -> Self {
        let set = |builder: Self, (name, text): (&str, String)| builder.set(name, text);
        settings.into_iter().fold(self, set)
    }
}
