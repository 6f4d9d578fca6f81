//! Linked drives, on fakes that are real HTTP servers.

mod browsing;
mod channels;
mod linking;
mod many;
mod migrating;
mod observing;
mod pacing;
mod refreshing;
mod telling;

use connectors::{OAuth, OAuthOptions, OAuthProvider};
use fake_clouds::drive::{DriveFake, DriveOptions};
use fake_clouds::graph::{GraphFake, GraphOptions};
use futures_util::TryStreamExt;
use model::{Actor, ConnectionId};

use super::harness::{TestHub, here, part};
use crate::{Begun, CameBack, Config, ConnectionRow, HubError, LinkProvider, ProviderAnswer, RemotePage};

const CALLBACK: &str = "http://localhost:8000/auth/callback";

/// Both clouds, and the settings that lead to them.
struct Clouds {
    google: DriveFake,
    microsoft: GraphFake,
}

impl Clouds {
    async fn start() -> Self {
        let clouds = Self {
            google: DriveFake::start(DriveOptions::default()).await,
            microsoft: GraphFake::start(GraphOptions::default()).await,
        };
        // Who is signed in at Microsoft, and consents where nobody is named.
        clouds.microsoft.account("ada@outlook.com").sign_in_next();
        clouds
    }

    fn settings(&self) -> impl Fn(&mut Config) + use<> {
        let google = DriveOptions::default();
        let at = self.google.url();
        let google = provider(
            ("google", "Google Drive", at.clone()),
            OAuthOptions {
                provider: OAuthProvider::Google,
                client_id: google.client_id,
                client_secret: google.client_secret,
                auth_url: format!("{at}/o/oauth2/v2/auth"),
                token_url: format!("{at}/token"),
                revoke_url: Some(format!("{at}/revoke")),
                scopes: Vec::new(),
                patience: None,
                pause: None,
            },
        );
        let microsoft = GraphOptions::default();
        let microsoft = provider(
            ("onedrive", "Microsoft OneDrive", self.microsoft.graph_url()),
            OAuthOptions {
                provider: OAuthProvider::Microsoft,
                client_id: microsoft.client_id,
                client_secret: microsoft.client_secret,
                auth_url: self.microsoft.auth_url(),
                token_url: self.microsoft.token_url(),
                revoke_url: None,
                scopes: Vec::new(),
                patience: None,
                pause: None,
            },
        );
        move |config| config.link_providers = vec![google.clone(), microsoft.clone()]
    }

    /// How often Google was asked for tokens.
    fn times_asked(&self) -> usize {
        let asked = |seen: &&fake_clouds::Seen| seen.path == "/token";
        self.google.requests().iter().filter(asked).count()
    }
}

fn provider(
    (name, title, api_url): (&'static str, &'static str, String),
    options: OAuthOptions,
) -> LinkProvider {
    LinkProvider {
        name,
        title,
        oauth: OAuth::new(options.clone()).unwrap(),
        options,
        redirect_uri: CALLBACK.to_owned(),
        api_url,
        secret_ends: None,
    }
}

/// What a browser brings back from a provider where its person agrees at once.
async fn consent(begun: &Begun) -> ProviderAnswer {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = browser.get(&begun.url).send().await.unwrap();
    let place = answer.headers()["location"].to_str().unwrap();
    let place = reqwest::Url::parse(place).unwrap();
    assert!(place.as_str().starts_with(CALLBACK), "{place}");
    let said = |name: &str| {
        let mut pairs = place.query_pairs();
        pairs
            .find(|(is, _)| is == name)
            .map(|(_, value)| value.into_owned())
    };
    ProviderAnswer {
        code: said("code"),
        state: said("state"),
        issuer: None,
        error: said("error"),
    }
}

/// Links a drive as a browser does.
async fn link(t: &TestHub, who: &Actor, provider: &str) -> Result<ConnectionRow, HubError> {
    link_again(t, who, provider, None).await
}

async fn link_again(
    t: &TestHub,
    who: &Actor,
    provider: &str,
    connection: Option<ConnectionId>,
) -> Result<ConnectionRow, HubError> {
    let begun = t.begin_link(who, provider, connection, "/#/connections").await?;
    let answer = consent(&begun).await;
    match t
        .come_back(provider, &answer, Some(&begun.question), &here())
        .await?
    {
        CameBack::Linked(linked) => Ok(linked.row),
        CameBack::SignedIn(_) => panic!("it signed in rather than linked"),
    }
}

/// Looks at what is due now.
async fn look(t: &TestHub) {
    t.do_jobs().await;
}

async fn page(t: &TestHub, who: &Actor, id: ConnectionId, folder: Option<&str>) -> RemotePage {
    t.remote_items(who, (id, folder), part(1000)).await.unwrap()
}

async fn names(t: &TestHub, who: &Actor, id: ConnectionId, folder: Option<&str>) -> Vec<String> {
    let page = page(t, who, id, folder).await;
    page.items.into_iter().map(|item| item.name).collect()
}

async fn read(t: &TestHub, who: &Actor, id: ConnectionId, item: &str) -> Result<Vec<u8>, HubError> {
    let download = t.open_remote(who, (id, item), None, None).await?;
    let bytes: Vec<bytes::Bytes> = download.stream.try_collect().await.map_err(HubError::Body)?;
    Ok(bytes.concat())
}
