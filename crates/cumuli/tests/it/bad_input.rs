//! What nobody should send: each row of these tables is sent as it stands, must get the answer that
//! it names, and must leave everything as it was.

mod auth;
mod forms;
mod ids;
mod json;
mod jwt;
mod names;
mod pages;
mod ranges;
mod tries;
mod uploads;

use crate::people::{Person, Town};
use crate::wire::{Reply, Request};

/// One request and the answer that it must get.
pub struct Row {
    name: String,
    request: Request,
    expected: Vec<u16>,
    effect: Effect,
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing that anybody could see.
    None,
    /// What it asks for.
    Done,
    /// Nothing; and it is so broken that it is refused before there is a request to be answered.
    NoneUnread,
}

/// A request that is refused, or answered without a change.
pub fn harmless(name: impl Into<String>, request: Request, expected: &[u16]) -> Row {
    Row {
        name: name.into(),
        request,
        expected: expected.to_vec(),
        effect: Effect::None,
    }
}

/// A request that looks bad and does what it asks for.
pub fn done(name: impl Into<String>, request: Request, expected: u16) -> Row {
    Row {
        effect: Effect::Done,
        ..harmless(name, request, &[expected])
    }
}

/// A request that the server refuses before it is one; the refusal may be a bare status.
pub fn unread(name: impl Into<String>, request: Request, expected: &[u16]) -> Row {
    Row {
        effect: Effect::NoneUnread,
        ..harmless(name, request, expected)
    }
}

/// Rows as one person sends them.
pub fn signed(person: &Person, rows: Vec<Row>) -> Vec<Row> {
    let sign = |row: Row| Row {
        request: row.request.bearer(&person.access),
        ..row
    };
    rows.into_iter().map(sign).collect()
}

/// Sends every row and tells all that went wrong.
pub async fn check(town: &Town, rows: Vec<Row>) {
    let mut wrong = Vec::new();
    let mut before = town.state().await;
    for row in rows {
        let reply = town.send(&row.request).await;
        let mut faults = faults(&row, &reply);
        let after = town.state().await;
        if row.effect != Effect::Done && after != before {
            faults.push(format!("it changed {before} into {after}"));
        }
        before = after;
        for fault in faults {
            wrong.push(format!("{}: {fault} ({})", row.name, shown(&reply)));
        }
    }
    let logs = town.server.logs();
    let errors = logs
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("panic"));
    wrong.extend(errors.map(|line| format!("it was logged: {line}")));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The beginning of a reply's body.
fn shown(reply: &Reply) -> String {
    reply.text().chars().take(300).collect()
}

/// A name as one segment of an address.
pub fn segment(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What is wrong with a reply, by itself and as the answer to a row.
fn faults(row: &Row, reply: &Reply) -> Vec<String> {
    let mut faults = Vec::new();
    if !row.expected.contains(&reply.status) {
        faults.push(format!("{} instead of {:?}", reply.status, row.expected));
    }
    if row.effect == Effect::NoneUnread && reply.body.is_empty() {
        return faults;
    }
    faults.extend(missing_protection(reply));
    if reply.status >= 400 && row.request.method != "HEAD" {
        faults.extend(problem_faults(reply));
    }
    faults
}

/// Headers that every reply has.
pub fn missing_protection(reply: &Reply) -> Vec<String> {
    let exact = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ];
    let mut faults = Vec::new();
    for (name, value) in exact {
        if reply.header(name) != value || reply.count(name) != 1 {
            faults.push(format!("{name} is {:?}", reply.header(name)));
        }
    }
    if !reply
        .header("content-security-policy")
        .contains("default-src 'none'")
    {
        faults.push(format!(
            "its policy is {:?}",
            reply.header("content-security-policy")
        ));
    }
    for name in ["permissions-policy", "cache-control", "x-request-id"] {
        if reply.count(name) != 1 {
            faults.push(format!("{name} is there {} times", reply.count(name)));
        }
    }
    if reply.count("server") > 0 || reply.count("x-powered-by") > 0 {
        faults.push("it says what it is made of".to_owned());
    }
    faults
}

/// What makes an error no problem report (RFC 9457), and headers that its status demands.
fn problem_faults(reply: &Reply) -> Vec<String> {
    let mut faults = Vec::new();
    let kind = reply.header("content-type");
    if kind != "application/problem+json" {
        faults.push(format!("its type is {kind:?}"));
    }
    let json = reply.json();
    for field in ["type", "title", "detail"] {
        if json[field].as_str().is_none_or(str::is_empty) {
            faults.push(format!("{field} is {}", json[field]));
        }
    }
    if json["status"] != reply.status {
        faults.push(format!("it says that its status is {}", json["status"]));
    }
    let demanded = match reply.status {
        401 => "www-authenticate",
        405 => "allow",
        416 => "content-range",
        429 => "retry-after",
        _ => return faults,
    };
    if reply.header(demanded).is_empty() {
        faults.push(format!("{demanded} is missing"));
    }
    faults
}
