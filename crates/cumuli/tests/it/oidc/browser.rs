//! What a browser does of itself: it keeps cookies, follows redirects and sends forms.

use crate::wire::{self, Reply, Request};

/// A browser, and what people type into forms with it.
pub struct Browser {
    /// The address that people use, and the host behind it.
    server: (String, String),
    cookies: Vec<Cookie>,
    /// Addresses that it asked for, the last one last.
    pub visited: Vec<String>,
}

struct Cookie {
    origin: String,
    path: String,
    name: String,
    value: String,
}

impl Browser {
    /// A fresh one. What is at the public address is found at `host`.
    pub fn new(public_url: &str, host: &str) -> Self {
        Self {
            server: (public_url.to_owned(), host.to_owned()),
            cookies: Vec::new(),
            visited: Vec::new(),
        }
    }

    /// Asks for an address of the server, and goes where it is sent; types `login` into forms. Answers what
    /// comes of the callback, or else where it ends.
    pub async fn sign_in(&mut self, path: &str, login: &str) -> Reply {
        let mut url = format!("{}{path}", self.server.0);
        for _ in 0..20 {
            match self.step(&url, login).await {
                (_, Some(next)) if !url.contains("/callback?") => url = next,
                (reply, _) => return reply,
            }
        }
        panic!("it never ends: {:?}", self.visited);
    }

    /// The same at a provider, up to the way back. Answers the code that it would bring.
    pub async fn code(&mut self, path: &str, login: &str) -> String {
        let mut url = format!("{}{path}", self.server.0);
        while !url.contains("/callback?") {
            let (reply, next) = self.step(&url, login).await;
            url = next.unwrap_or_else(|| panic!("{url}: {} {}", reply.status, reply.text()));
        }
        let query = url.split_once("code=").expect("a code").1;
        query.split('&').next().unwrap().to_owned()
    }

    /// Asks for an address, and fills the form in that may be there. Answers what came, and where it sends.
    async fn step(&mut self, url: &str, login: &str) -> (Reply, Option<String>) {
        let mut reply = self.get(url).await;
        if reply.text().contains("name=\"prompt\"") {
            reply = self.send_form(url, &reply.text(), login).await;
        }
        let next = (reply.status == 303).then(|| absolute(url, reply.header("location")));
        (reply, next)
    }

    /// The same, but says no when the provider asks.
    pub async fn refuse(&mut self, path: &str) -> Reply {
        let begun = self.get(&format!("{}{path}", self.server.0)).await.expect(303);
        let asked = begun.header("location").to_owned();
        let interaction = self.get(&asked).await.expect(303);
        let interaction = absolute(&asked, interaction.header("location"));
        let aborted = self.get(&format!("{interaction}/abort")).await.expect(303);
        let resumed = absolute(&asked, aborted.header("location"));
        let back = self.get(&resumed).await.expect(303);
        self.get(&absolute(&asked, back.header("location"))).await
    }

    /// Asks for an address as a person does.
    pub async fn get(&mut self, url: &str) -> Reply {
        let (_, target) = split(url);
        let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
        self.send(url, Request::get(&target).header("Accept", accept))
            .await
    }

    async fn send_form(&mut self, url: &str, page: &str, login: &str) -> Reply {
        let attribute = |start: &str| {
            let rest = &page[page.find(start).expect(start) + start.len()..];
            rest[..rest.find('"').unwrap()].to_owned()
        };
        let action = absolute(url, &attribute("action=\""));
        let prompt = attribute("name=\"prompt\" value=\"");
        let (_, target) = split(&action);
        let form = Request::new("POST", &target)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("prompt={prompt}&login={login}&password=any"));
        self.send(&action, form).await
    }

    async fn send(&mut self, url: &str, request: Request) -> Reply {
        self.visited.push(url.to_owned());
        let (origin, target) = split(url);
        let cookies = self.cookies_for(&origin, &target);
        let (public, host) = &self.server;
        let host = match origin == *public {
            true => host.clone(),
            false => origin.strip_prefix("http://").unwrap().to_owned(),
        };
        let name = origin.split_once("://").unwrap().1.to_owned();
        let mut request = request.header("Host", name);
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies);
        }
        let reply = wire::send(&host, &request).await;
        for (_, line) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.keep(&origin, line);
        }
        reply
    }

    /// What is sent along to an address.
    fn cookies_for(&self, origin: &str, target: &str) -> String {
        let fitting = self
            .cookies
            .iter()
            .filter(|cookie| cookie.origin == origin && target.starts_with(&cookie.path));
        let pairs: Vec<String> = fitting
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, origin: &str, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut path = "/";
        let mut is_over = value.is_empty();
        for part in parts {
            match part.split_once('=') {
                Some((key, value)) if key.eq_ignore_ascii_case("path") => path = value,
                Some((key, "0")) if key.eq_ignore_ascii_case("max-age") => is_over = true,
                _ => {}
            }
        }
        self.cookies
            .retain(|cookie| !(cookie.origin == origin && cookie.name == name && cookie.path == path));
        if !is_over {
            self.cookies.push(Cookie {
                origin: origin.to_owned(),
                path: path.to_owned(),
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
    }

    /// The names of the cookies that it keeps of the server.
    pub fn cookie_names(&self) -> Vec<&str> {
        let own = self
            .cookies
            .iter()
            .filter(|cookie| cookie.origin == self.server.0);
        own.map(|cookie| cookie.name.as_str()).collect()
    }
}

/// Scheme and host; the rest.
fn split(url: &str) -> (String, String) {
    let start = url.find("://").unwrap() + 3;
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let target = url[end..].split('#').next().unwrap();
    let target = if target.is_empty() { "/" } else { target };
    (url[..end].to_owned(), target.to_owned())
}

fn absolute(base: &str, place: &str) -> String {
    match place.contains("://") && !place.starts_with('/') {
        true => place.to_owned(),
        false => split(base).0 + place,
    }
}
