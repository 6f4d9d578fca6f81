//! Somebody else in a bucket, who goes to the service itself with requests of their own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use outbound::azure::{AzureDialect, Connection, with_query};
use outbound::s3::{Credentials, Signer};
use outbound::{Body, Call, Client, Dialect, Patience, Reason, Refusal, Secret, decoded, encoded, parse_xml};
use reqwest::Method;

use super::emulators::azurite::Azurite;
use super::emulators::moto::Moto;
use super::emulators::s3s::S3s;
use crate::contract::Tree;

/// What stands for a folder, behind its path, where keys that end with a `/` are not listed.
pub const PLAIN_MARK: &str = "/.cumuli-folder";

const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Somebody with keys to the bucket.
pub struct Hand {
    client: Client,
    bucket: String,
    /// What listings are asked with besides.
    list: &'static [(&'static str, &'static str)],
    page: &'static str,
    mark: &'static str,
    next: &'static str,
    prefix: String,
    /// What stands for a folder, behind its path.
    pub folder_mark: &'static str,
}

/// For a service that believes everybody.
struct Anybody;

#[async_trait]
impl Dialect for Anybody {
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason> {
        let proof = "AWS4-HMAC-SHA256 Credential=a/20210304/us-east-1/s3/aws4_request, \
                     SignedHeaders=host, Signature=a";
        call.set_header("authorization", proof);
        Ok(())
    }

    fn code(&self, _: &Refusal) -> Option<String> {
        None
    }

    fn is_passing(&self, _: &str) -> bool {
        false
    }

    fn is_full(&self, _: &str) -> bool {
        false
    }

    fn help(&self, _: &Refusal) -> Option<String> {
        None
    }
}

fn client(dialect: Arc<dyn Dialect>) -> Client {
    Client::new("hand", dialect, Arc::new(super::world::now), Patience::default()).expect("a client")
}

impl Hand {
    /// In the bucket of `moto`.
    pub fn on_moto(moto: &Moto, prefix: &str) -> Self {
        Self {
            client: client(Arc::new(Anybody)),
            bucket: format!("{}/{}", moto.endpoint(), S3s::BUCKET),
            list: &[("list-type", "2"), ("encoding-type", "url")],
            page: "Contents",
            mark: "continuation-token",
            next: "NextContinuationToken",
            prefix: prefix.to_owned(),
            folder_mark: "/",
        }
    }

    /// In the bucket of `s3s`, with its keys.
    pub fn on_s3s(s3s: &S3s, prefix: &str) -> Self {
        let credentials = Credentials {
            access_key: S3s::ACCESS_KEY.to_owned(),
            secret_key: Secret::new(S3s::SECRET_KEY),
            session_token: None,
        };
        let signer = Signer::new(credentials, Arc::new(super::world::now), "us-east-1".to_owned());
        Self {
            client: client(Arc::new(signer)),
            bucket: format!("{}/{}", s3s.endpoint(), S3s::BUCKET),
            list: &[("list-type", "2")],
            page: "Contents",
            mark: "continuation-token",
            next: "NextContinuationToken",
            prefix: prefix.to_owned(),
            folder_mark: PLAIN_MARK,
        }
    }

    /// Makes the bucket, which keeps versions or does not.
    pub async fn make_bucket(&self, keeps_versions: bool) {
        self.ask(Method::PUT, self.bucket.clone(), b"").await;
        if keeps_versions {
            let versions = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
            self.ask(Method::PUT, format!("{}?versioning", self.bucket), versions)
                .await;
        }
    }

    /// In the container of Azurite.
    pub fn on_azurite(azurite: &Azurite, prefix: &str) -> Self {
        let connection = Connection::parse(&azurite.connection()).expect("a connection");
        let dialect = AzureDialect {
            account: connection.account,
            credential: connection.credential,
            clock: Arc::new(super::world::now),
        };
        Self {
            client: client(Arc::new(dialect)),
            bucket: format!("{}/{}", azurite.endpoint(), Azurite::CONTAINER),
            list: &[("restype", "container"), ("comp", "list")],
            page: "Blob",
            mark: "marker",
            next: "NextMarker",
            prefix: prefix.to_owned(),
            folder_mark: "/",
        }
    }

    async fn ask(&self, method: Method, url: String, bytes: &[u8]) -> Bytes {
        let call = Call::new(method, url)
            .with_header("x-ms-blob-type", "BlockBlob")
            .with_body(Body::from(Bytes::copy_from_slice(bytes)));
        let answer = self.client.fetch(&call, MOST_BYTES).await;
        answer.unwrap_or_else(|failure| panic!("{failure}")).body
    }

    fn url(&self, key: &str) -> String {
        format!("{}/{}", self.bucket, encoded(key, "/"))
    }

    /// All keys below the drive's prefix, those of the trash too.
    pub async fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut mark = String::new();
        loop {
            let mut query = self.list.to_vec();
            query.push(("prefix", &self.prefix));
            if !mark.is_empty() {
                query.push((self.mark, &mark));
            }
            let url = with_query(&self.bucket, query.into_iter());
            let listing = parse_xml(&self.ask(Method::GET, url, b"").await).expect("a listing");
            let objects = listing.child("Blobs").unwrap_or(&listing).all(self.page);
            let is_encoded = listing.text_of("EncodingType") == Some("url");
            keys.extend(objects.map(|object| {
                let key = object.text_of("Key").or(object.text_of("Name")).expect("a key");
                match is_encoded {
                    true => decoded(&key.replace('+', "%20")).expect("a key"),
                    false => key.to_owned(),
                }
            }));
            mark = listing.text_of(self.next).unwrap_or_default().to_owned();
            if mark.is_empty() {
                return keys;
            }
        }
    }

    /// The object of that key, which is there.
    pub async fn get(&self, key: &str) -> Vec<u8> {
        self.ask(Method::GET, self.url(key), b"").await.to_vec()
    }

    /// The object of that key, unless it went since it was listed: what was cut may still be on its way.
    async fn find(&self, key: &str) -> Option<Vec<u8>> {
        let mut call = Call::new(Method::GET, self.url(key)).with_header("x-ms-blob-type", "BlockBlob");
        call.also_good = &[404];
        let answer = self.client.fetch(&call, MOST_BYTES).await;
        let answer = answer.unwrap_or_else(|failure| panic!("{failure}"));
        (answer.status != 404).then(|| answer.body.to_vec())
    }

    /// Writes an object.
    pub async fn put(&self, path: &str, bytes: &[u8]) {
        self.ask(Method::PUT, self.url(&format!("{}{path}", self.prefix)), bytes)
            .await;
    }

    async fn delete(&self, key: &str) {
        self.ask(Method::DELETE, self.url(key), b"").await;
    }

    /// Keys of a file, or of all that is below a folder, without the prefix.
    async fn at(&self, path: &str) -> Vec<String> {
        let below = format!("{path}/");
        let keys = self.keys().await.into_iter();
        let paths = keys.filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned));
        paths
            .filter(|key| *key == path || key.starts_with(&below))
            .collect()
    }

    pub async fn relocate(&self, from: &str, to: &str) {
        for path in self.at(from).await {
            let key = format!("{}{path}", self.prefix);
            let bytes = self.get(&key).await;
            self.put(&path.replacen(from, to, 1), &bytes).await;
            self.delete(&key).await;
        }
    }

    pub async fn remove(&self, path: &str) {
        for path in self.at(path).await {
            self.delete(&format!("{}{path}", self.prefix)).await;
        }
    }

    pub async fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        for key in self.keys().await {
            let path = key.strip_prefix(&self.prefix).expect("below the prefix");
            if path.starts_with(".cumuli-trash/") {
                continue;
            }
            match path.strip_suffix(self.folder_mark) {
                Some(folder) => {
                    tree.insert(folder.to_owned(), None);
                }
                None => {
                    if let Some(bytes) = self.find(&key).await {
                        tree.insert(path.to_owned(), Some(bytes));
                    }
                }
            }
        }
        tree
    }
}
