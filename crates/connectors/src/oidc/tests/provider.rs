//! A provider on a port of this machine: real connections, real keys, and answers that a test picks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a provider answers at one of its addresses.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, headers beyond the necessary, body.
    Says(u16, &'static str, Vec<u8>),
    /// Takes the request and then says nothing.
    Nothing,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub path: String,
    /// Header lines in lower case up to the colon.
    pub head: String,
    pub body: String,
}

type Log = Arc<Mutex<(BTreeMap<String, Reply>, Vec<Asked>)>>;

/// The provider. Gone when dropped.
pub(crate) struct Provider {
    pub address: String,
    log: Log,
    server: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Provider {
    /// A provider that answers nothing but 404 yet.
    pub async fn bare() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let log = Log::default();
        let server = tokio::spawn(serve(listener, Arc::clone(&log)));
        Self { address, log, server }
    }

    /// A provider with a discovery document and these keys.
    pub async fn with(keys: &[&Key]) -> Self {
        let provider = Self::bare().await;
        provider.says(DISCOVERY, &provider.document());
        provider.signs_with(keys);
        provider
    }

    /// Its discovery document.
    pub fn document(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.address);
        json!({
            "issuer": self.address,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
            "userinfo_endpoint": at("/userinfo"),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        })
    }

    /// Has these keys from now on.
    pub fn signs_with(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
        self.says(KEYS, &json!({ "keys": keys }));
    }

    /// Answers JSON at an address.
    pub fn says(&self, path: &str, answer: &Value) {
        let headers = "Content-Type: application/json\r\n";
        self.answers(path, Reply::Says(200, headers, answer.to_string().into_bytes()));
    }

    pub fn answers(&self, path: &str, reply: Reply) {
        self.log.lock().unwrap().0.insert(path.to_owned(), reply);
    }

    /// The requests that came to an address.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.log.lock().unwrap().1.clone();
        asked.into_iter().filter(|asked| asked.path == path).collect()
    }
}

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/keys";
pub(crate) const TOKEN: &str = "/token";
pub(crate) const USERINFO: &str = "/userinfo";

async fn serve(listener: TcpListener, log: Log) {
    let mut connections = Vec::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.push(tokio::spawn(answer(connection, Arc::clone(&log))));
    }
}

/// One request, one reply, and the end of the connection.
async fn answer(mut connection: TcpStream, log: Log) -> Option<()> {
    let mut bytes = Vec::new();
    let head_bytes = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head_bytes].to_vec()).ok()?;
    let (line, headers) = text.split_once("\r\n")?;
    let head: String = headers
        .lines()
        .filter_map(|line| line.split_once(':'))
        .fold(String::new(), |all, (name, value)| {
            all + &name.to_ascii_lowercase() + ":" + value + "\n"
        });
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    while bytes.len() < head_bytes + 4 + length.unwrap_or(0) {
        connection.read_buf(&mut bytes).await.ok()?;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let asked = Asked {
        body: String::from_utf8(bytes.split_off(head_bytes + 4)).ok()?,
        head,
        path: path.clone(),
    };
    let reply = {
        let mut log = log.lock().unwrap();
        log.1.push(asked);
        log.0.get(&path).cloned()
    };
    match reply.unwrap_or(Reply::Says(404, "", Vec::new())) {
        Reply::Says(status, headers, body) => {
            let head = format!(
                "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
                body.len()
            );
            connection.write_all(head.as_bytes()).await.ok()?;
            connection.write_all(&body).await.ok()
        }
        Reply::Nothing => {
            // Until the other side gives up.
            connection.read_buf(&mut bytes).await.ok().map(drop)
        }
    }
}

/// A key that a provider signs with.
pub(crate) struct Key {
    name: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair, &'static str, &'static dyn RsaEncoding),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub fn rsa(name: &'static str) -> Self {
        Self::of(name, Pair::Rsa(rsa(), "RS256", &RSA_PKCS1_SHA256))
    }

    pub fn rsa_pss(name: &'static str) -> Self {
        Self::of(name, Pair::Rsa(rsa(), "PS256", &RSA_PSS_SHA256))
    }

    pub fn p256(name: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::of(name, Pair::P256(pair))
    }

    pub fn ed25519(name: &'static str) -> Self {
        Self::of(name, Pair::Ed25519(Ed25519KeyPair::generate().unwrap()))
    }

    const fn of(name: &'static str, pair: Pair) -> Self {
        Self { name, pair }
    }

    pub const fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_, algorithm, _) => algorithm,
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// What the provider shows of it.
    pub fn public(&self) -> Value {
        let mut key = match &self.pair {
            Pair::Rsa(pair, ..) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": base64(public.modulus().big_endian_without_leading_zero()),
                    "e": base64(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref())})
            }
        };
        key["kid"] = self.name.into();
        key["alg"] = self.algorithm().into();
        key["use"] = "sig".into();
        key
    }

    /// A token with the usual header.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": self.name, "typ": "JWT"});
        self.sign_as(&header, claims)
    }

    /// A token with a header of its own.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair, _, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            Pair::P256(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", base64(&signature))
    }
}

fn rsa() -> RsaKeyPair {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is signed: a header and claims.
pub(crate) fn message(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        base64(header.to_string().as_bytes()),
        base64(claims.to_string().as_bytes())
    )
}

/// A token signed with a secret that both sides know.
pub(crate) fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!(
        "{message}.{}",
        base64(hmac::sign(&key, message.as_bytes()).as_ref())
    )
}

/// The digest of a verifier, as the provider computes it.
pub(crate) fn s256(verifier: &str) -> String {
    base64(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref())
}
