//! Clients of other systems, who changed nothing but the address.

mod b2_share;
mod clouddrive;
mod connector_hub;
mod personal_cloud;
mod refusals;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::harness::{Client, Engine, Reply, Server};

/// A text of a JSON object.
#[track_caller]
fn text(json: &Value, name: &str) -> String {
    let text = json[name].as_str();
    text.unwrap_or_else(|| panic!("no text {name:?} in {json}"))
        .to_owned()
}

/// The names of nodes.
fn names(list: &Value) -> Vec<&str> {
    let nodes = list.as_array().unwrap().iter();
    nodes.map(|node| node["name"].as_str().unwrap()).collect()
}

/// A form whose one part is a file.
fn file(name: &str, content: impl Into<Vec<u8>>) -> Form {
    Form::new().part("file", Part::bytes(content.into()).file_name(name.to_owned()))
}

/// Sends a form.
async fn post_form(client: &Client, path: &str, form: Form) -> Reply {
    client
        .send(client.request(Method::POST, path).multipart(form))
        .await
}

/// What an address of the server holds, for somebody who proves nothing.
async fn opened(server: &Server, url: &str) -> Reply {
    let path = url.strip_prefix(server.address());
    let path = path.unwrap_or_else(|| panic!("{url} is not of {}", server.address()));
    server.client().get(path).await
}

/// Runs a flow on a server with two people on it.
async fn on_a_server(flow: impl AsyncFn(Server, Client, Client)) {
    let server = Server::on(Engine::strictest()).start().await;
    let alice = server.user("alice@example.org").await;
    let bob = server.user("bob@example.org").await;
    flow(server, alice, bob).await;
}
