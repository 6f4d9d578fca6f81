//! Bodies and queries read field by field, under each name that clients of that kind use. What no
//! field asks for is left aside, as FastAPI does.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use http::header;
use hub::FolderRef;
use model::{NodeId, NodeName};
use serde_json::Value;

use super::{Flaw, Refusal};
use crate::extract::{self, refuse_encoding};
use crate::multipart;

const NOT_UUID: &str = "Input should be a valid UUID, such as 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f";

/// The fields of a request, and what was found to be wrong with them so far.
pub(crate) struct Fields {
    place: &'static str,
    values: BTreeMap<String, Value>,
    /// Whether an empty text is a field that nobody filled in, as in forms.
    is_form: bool,
    flaws: Vec<Flaw>,
}

/// The fields of a body: JSON or either kind of form; without a body there are none.
pub(crate) struct FromBody(pub Fields);

/// The fields of a query.
pub(crate) struct FromQuery(pub Fields);

impl Fields {
    /// No fields yet.
    pub const fn empty(place: &'static str) -> Self {
        Self {
            place,
            values: BTreeMap::new(),
            is_form: true,
            flaws: Vec::new(),
        }
    }

    /// Adds a field of a form; of two of one name the later counts.
    pub fn insert(&mut self, name: String, text: String) {
        self.values.insert(name, Value::String(text));
    }

    /// The same fields, to be completed by those of a form.
    pub const fn into_body(mut self) -> Self {
        self.place = "body";
        self
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 422 with all that is wrong.
    pub fn check(self) -> Result<(), Refusal> {
        match self.flaws.is_empty() {
            true => Ok(()),
            false => Err(Refusal::Flawed(self.flaws)),
        }
    }

    /// Notes that something is wrong with a field.
    pub fn flaw(&mut self, field: &str, kind: &'static str, msg: impl Into<String>) {
        self.flaws.push(Flaw {
            kind,
            loc: vec![self.place.to_owned(), field.to_owned()],
            msg: msg.into(),
        });
    }

    /// The first of these that is there and not `null`, with the name that it has.
    fn find<'a>(&self, names: &[&'a str]) -> Option<(&'a str, Value)> {
        let mut found = names
            .iter()
            .filter_map(|name| Some((*name, self.values.get(*name)?)));
        found
            .find(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, value.clone()))
    }

    /// A text.
    pub fn text(&mut self, names: &[&str]) -> Option<String> {
        match self.find(names)? {
            (_, Value::String(text)) => Some(text),
            (name, _) => {
                self.flaw(name, "string_type", "Input should be a valid string");
                None
            }
        }
    }

    /// A text that must be there; empty, and noted, when it is not.
    pub fn required(&mut self, names: &[&str]) -> String {
        if !self.has(names) {
            self.flaw(names[0], "missing", "Field required");
        }
        self.text(names).unwrap_or_default()
    }

    /// Whether one of these is there.
    pub fn has(&self, names: &[&str]) -> bool {
        self.find(names).is_some()
    }

    /// A name of a file or folder, which must be there.
    pub fn name(&mut self, names: &[&str]) -> NodeName {
        let is_there = self.has(names);
        let text = self.required(names);
        NodeName::new(&text).unwrap_or_else(|error| {
            if is_there {
                self.flaw(names[0], "value_error", error.to_string());
            }
            NodeName::from_stored(text)
        })
    }

    /// A text that is parsed.
    fn parsed<T>(
        &mut self,
        names: &[&str],
        parse: impl FnOnce(&str) -> Result<T, (&'static str, String)>,
    ) -> Option<T> {
        let (name, value) = self.find(names)?;
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        if text.is_empty() && self.is_form {
            return None;
        }
        match parse(&text) {
            Ok(value) => Some(value),
            Err((kind, msg)) => {
                self.flaw(name, kind, msg);
                None
            }
        }
    }

    /// An id.
    pub fn node(&mut self, names: &[&str]) -> Option<NodeId> {
        self.parsed(names, |text| {
            text.parse().map_err(|_| ("uuid_parsing", NOT_UUID.to_owned()))
        })
    }

    /// A folder: an id, or `root`.
    pub fn folder(&mut self, names: &[&str]) -> Option<FolderRef> {
        self.parsed(names, folder)
    }

    /// The same before all fields came: what is wrong is not noted yet.
    pub fn folder_so_far(&self, names: &[&str]) -> Option<FolderRef> {
        let (_, value) = self.find(names)?;
        folder(value.as_str()?).ok()
    }

    /// Yes or no, in the words that Pydantic takes for it.
    pub fn flag(&mut self, names: &[&str]) -> Option<bool> {
        self.parsed(names, |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" | "t" | "y" => Ok(true),
            "false" | "0" | "off" | "no" | "f" | "n" => Ok(false),
            _ => Err((
                "bool_parsing",
                "Input should be a valid boolean, unable to interpret input".to_owned(),
            )),
        })
    }

    /// A whole number within bounds.
    pub fn number(&mut self, names: &[&str], range: RangeInclusive<u32>) -> Option<u32> {
        self.parsed(names, |text| {
            let number: i64 = text.trim().parse().map_err(|_| {
                let msg = "Input should be a valid integer, unable to parse string as an integer";
                ("int_parsing", msg.to_owned())
            })?;
            let (first, last) = (range.start(), range.end());
            if number < i64::from(*first) {
                let msg = format!("Input should be greater than or equal to {first}");
                return Err(("greater_than_equal", msg));
            }
            u32::try_from(number)
                .ok()
                .filter(|number| number <= last)
                .ok_or_else(|| {
                    let msg = format!("Input should be less than or equal to {last}");
                    ("less_than_equal", msg)
                })
        })
    }

    /// One of a few words, in any case; `-` and a space stand for `_`.
    pub fn word<T: Copy>(&mut self, names: &[&str], words: &[(&str, T)]) -> Option<T> {
        self.parsed(names, |text| {
            let text = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
                ("enum", format!("Input should be one of {}", words.join(", ")))
            })
        })
    }
}

fn folder(text: &str) -> Result<FolderRef, (&'static str, String)> {
    match text.parse::<extract::Folder>() {
        Ok(folder) => Ok(folder.0),
        Err(_) => Err(("uuid_parsing", format!("{NOT_UUID}, or root"))),
    }
}

/// An id that stands in the path.
///
/// # Errors
/// 422.
pub(crate) fn id(field: &str, text: &str) -> Result<NodeId, Refusal> {
    text.parse()
        .map_err(|_| Refusal::flaw("uuid_parsing", ("path", field), NOT_UUID))
}

/// A folder that stands in the path.
///
/// # Errors
/// 422.
pub(crate) fn folder_id(field: &str, text: &str) -> Result<FolderRef, Refusal> {
    folder(text).map_err(|(kind, msg)| Refusal::flaw(kind, ("path", field), msg))
}

impl<S: Send + Sync> FromRequestParts<S> for FromQuery {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut fields = Fields::empty("query");
        fields.values = pairs(parts.uri.query().unwrap_or_default())
            .ok_or_else(|| whole("query", "string_unicode", "The query should be encoded UTF-8"))?;
        Ok(Self(fields))
    }
}

impl<S: Send + Sync> FromRequest<S> for FromBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        refuse_encoding(request.headers())?;
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .map(str::to_ascii_lowercase)
            .unwrap_or_default();
        let mut fields = Fields::empty("body");
        if kind.starts_with("multipart/form-data") {
            let mut parts = multipart::open(request)?;
            while let Some((name, field)) = parts.next().await? {
                fields.insert(name, multipart::text(field).await?);
            }
            return Ok(Self(fields));
        }
        let bytes = extract::read(request).await?;
        fields.values = match kind.split(';').next().unwrap_or_default().trim() {
            _ if bytes.is_empty() => BTreeMap::new(),
            "application/json" => {
                fields.is_form = false;
                object(&bytes)?
            }
            "application/x-www-form-urlencoded" => std::str::from_utf8(&bytes)
                .ok()
                .and_then(pairs)
                .ok_or_else(|| whole("body", "string_unicode", "The form should be encoded UTF-8"))?,
            // A page of another site can send plain text without asking.
            _ => {
                let msg = "Send JSON or a form, and name it in Content-Type";
                return Err(whole("body", "model_attributes_type", msg));
            }
        };
        Ok(Self(fields))
    }
}

fn object(bytes: &[u8]) -> Result<BTreeMap<String, Value>, Refusal> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields.into_iter().collect()),
        Ok(_) => {
            let msg = "Input should be a valid dictionary or object to extract fields from";
            Err(whole("body", "model_attributes_type", msg))
        }
        Err(_) => Err(whole("body", "json_invalid", "JSON decode error")),
    }
}

fn whole(place: &str, kind: &'static str, msg: &str) -> Refusal {
    Refusal::Flawed(vec![Flaw {
        kind,
        loc: vec![place.to_owned()],
        msg: msg.to_owned(),
    }])
}

/// The pairs of a query or a form (`application/x-www-form-urlencoded`); `None` for what is not UTF-8.
fn pairs(text: &str) -> Option<BTreeMap<String, Value>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(name)?, Value::String(decoded(value)?)))
    });
    pairs.collect()
}

fn decoded(text: &str) -> Option<String> {
    let is_hex = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| *byte == b'%').filter(is_hex);
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let plain = if *byte == b'+' { b' ' } else { *byte };
        decoded.push(code.unwrap_or(plain));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[(&str, &str)]>) {
        let expected = expected.map(|pairs| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
                .collect()
        });
        assert_eq!(pairs(text), expected, "{text}");
    }

    #[test]
    fn pairs_are_decoded_once() {
        check("", Some(&[]));
        check("a=1&b=2", Some(&[("a", "1"), ("b", "2")]));
        check("a=1&a=2", Some(&[("a", "2")]));
        check("a+b=c+d%2B%26", Some(&[("a b", "c d+&")]));
        check("p=%2541", Some(&[("p", "%41")]));
        check("p=100%&q=%zz%2", Some(&[("p", "100%"), ("q", "%zz%2")]));
        check("p=a=b#c&&", Some(&[("p", "a=b#c")]));
        check("name=%C3%A4", Some(&[("name", "ä")]));
        check("name=%C3", None);
        check("p=%+1", Some(&[("p", "% 1")]));
    }

    #[test]
    fn a_field_is_found_under_any_of_its_names() {
        let mut fields = Fields::empty("body");
        fields.insert("new_name".into(), "x".into());
        fields.values.insert("name".into(), Value::Null);
        assert_eq!(fields.text(&["name", "new_name"]).as_deref(), Some("x"));
        assert!(fields.check().is_ok());
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut fields = Fields::empty("body");
        fields.values.insert("name".into(), Value::from(3));
        fields.insert("limit".into(), "0".into());
        fields.insert("flag".into(), "perhaps".into());
        fields.insert("id".into(), "1".into());
        fields.required(&["email"]);
        fields.text(&["name"]);
        fields.number(&["limit"], 1..=10);
        fields.flag(&["flag"]);
        fields.node(&["id"]);
        fields.word(&["flag"], &[("asc", 1), ("desc", 2)]);
        let Err(Refusal::Flawed(flaws)) = fields.check() else {
            panic!("all is well");
        };
        let kinds: Vec<&str> = flaws.iter().map(|flaw| flaw.kind).collect();
        assert_eq!(
            kinds,
            [
                "missing",
                "string_type",
                "greater_than_equal",
                "bool_parsing",
                "uuid_parsing",
                "enum"
            ]
        );
        assert_eq!(flaws[0].loc, ["body", "email"]);
        assert_eq!(flaws[5].msg, "Input should be one of 'asc', 'desc'");
    }
}
