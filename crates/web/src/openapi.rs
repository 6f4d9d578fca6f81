//! What the document says beyond its handlers: who may call, and what every refusal looks like.

use http::StatusCode;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, Content, Header, InfoBuilder, License, ObjectBuilder, OpenApi, Ref, RefOr, Required,
    Response, ResponseBuilder, Tag,
};
use utoipa::{PartialSchema, ToSchema};

use crate::dialects::{self, FastApiError, FlaskError, Habit};
use crate::problem::{FieldProblem, Problem};

/// Operations whose body may be left out.
const OPTIONAL_BODIES: [&str; 6] = [
    "copy_node",
    "restore_node",
    "sign_content",
    "connector_sync",
    "complete_direct",
    "take_graph_notices",
];

const TAGS: [(&str, &str); 19] = [
    ("auth", "Accounts, signing in and out"),
    ("account", "Your own account, sign-ins and app passwords"),
    ("nodes", "Folders and files by their ids"),
    ("folders", "Making and listing folders"),
    ("files", "Storing and reading files"),
    (
        "uploads",
        "Uploads that go on where they were cut, and straight to the store",
    ),
    ("versions", "Earlier contents of a file"),
    ("trash", "Deleted folders and files"),
    ("visitors", "What the holders of public links see and do"),
    ("changes", "What changed, in pages and as it happens"),
    ("jobs", "Background work"),
    ("conflicts", "Both sides of a mirror changed"),
    ("connections", "Linked accounts, buckets and folders"),
    ("migrations", "Moving what is in one connection to another"),
    (
        "mirrors",
        "Folders that are kept in step with folders at connections",
    ),
    ("hooks", "What providers tell of changes"),
    ("admin", "Accounts of others, for administrators"),
    ("health", "How the server is"),
    ("docs", "The API's own description"),
];

/// Completes a document that the handlers made.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Cumuli")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Many clouds, one drive. Errors are RFC 9457 problem details; times are RFC 3339 UTC; sizes are \
             bytes; lists come in pages, `next_cursor` opens the next.",
        ))
        .license(Some(
            License::builder().name("MIT").identifier(Some("MIT")).build(),
        ))
        .build();
    let tags = TAGS.iter().chain(&dialects::TAGS);
    document.tags = Some(tags.map(|(name, text)| tag(name, text)).collect());
    let components = document.components.get_or_insert_with(Components::new);
    components
        .schemas
        .insert(Problem::name().into(), Problem::schema());
    components
        .schemas
        .insert(FieldProblem::name().into(), FieldProblem::schema());
    components
        .schemas
        .insert(FlaskError::name().into(), FlaskError::schema());
    for (name, scheme) in schemes() {
        components
            .security_schemes
            .insert(name.to_owned(), RefOr::T(scheme));
    }
    let ways = ["bearer", "basic", "cookie"];
    let any = || {
        ways.map(|way| SecurityRequirement::new(way, Vec::<String>::new()))
            .to_vec()
    };
    document.security = Some(any());
    let paths = std::mem::take(&mut document.paths.paths);
    for (path, mut item) in paths {
        for (is_write, operation) in operations(&mut item) {
            add_refusals(operation, is_write, &path);
            name_by_purpose(operation);
            describe_conditions(operation, is_write);
            if OPTIONAL_BODIES.contains(&operation.operation_id.as_deref().unwrap_or_default())
                && let Some(RefOr::T(body)) = &mut operation.request_body
            {
                body.required = Some(Required::False);
            }
        }
        // The router's way to write "the rest of the path" is not the document's.
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    document
}

fn tag(name: &str, text: &str) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(text.to_owned());
    tag
}

fn schemes() -> [(&'static str, SecurityScheme); 3] {
    let cookie = ApiKey::Cookie(ApiKeyValue::new("cumuli_session"));
    [
        (
            "bearer",
            SecurityScheme::Http(
                Http::builder()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format("JWT")
                    .build(),
            ),
        ),
        (
            "basic",
            SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Basic).build()),
        ),
        ("cookie", SecurityScheme::ApiKey(cookie)),
    ]
}

/// The operations of a path; `true` with those that change something.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    [
        (false, &mut item.get),
        (false, &mut item.head),
        (true, &mut item.put),
        (true, &mut item.post),
        (true, &mut item.delete),
        (true, &mut item.patch),
        (false, &mut item.options),
    ]
    .into_iter()
    .filter_map(|(is_write, operation)| Some((is_write, operation.as_mut()?)))
}

/// A handler's first line of documentation is its address, which the document says anyway; what it
/// does follows, and its first sentence is what a list of operations should show.
fn name_by_purpose(operation: &mut Operation) {
    if let Some(text) = &operation.description {
        let end = text.find(['.', ';', ':']).unwrap_or(text.len());
        let sentence = text[..end].split_whitespace().collect::<Vec<_>>().join(" ");
        operation.summary = Some(sentence);
    }
}

/// Says what the headers of conditions hold (RFC 9110 section 13.1).
fn describe_conditions(operation: &mut Operation, is_write: bool) {
    const TAGS: &str = r#"^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*"){0,63})$"#;
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let pattern = match (parameter.name.as_str(), is_write) {
            ("If-None-Match", true) => r"^\*$",
            ("If-Match" | "If-None-Match", _) => TAGS,
            _ => continue,
        };
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern));
        parameter.schema = Some(RefOr::T(text.into()));
    }
}

/// Adds the refusals that follow from what an operation takes.
fn add_refusals(operation: &mut Operation, is_write: bool, path: &str) {
    let is_signed = operation.security.is_none();
    let body = operation.request_body.as_ref().map(|body| match body {
        RefOr::T(body) => body.content.keys().next().cloned().unwrap_or_default(),
        RefOr::Ref(_) => String::new(),
    });
    let parameters = operation.parameters.iter().flatten();
    let is_conditional = parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter.name.as_str()),
            RefOr::Ref(_) => None,
        })
        .any(|name| matches!(name, "If-Match" | "If-None-Match"));
    let mut refusals = vec![400, 414, 431, 500, 503];
    if is_signed {
        refusals.extend([401, 403, 429]);
    }
    if is_signed && is_write {
        refusals.extend([409, 507]);
    }
    if path.contains('{') {
        refusals.push(404);
    }
    if is_conditional {
        refusals.push(412);
    }
    match body.as_deref() {
        Some("application/json") => refusals.extend([413, 415, 422]),
        Some(_) => refusals.extend([408, 413, 415, 422]),
        None => {}
    }
    if (path.starts_with("/auth/") || matches!(path, "/user" | "/login")) && is_write && !is_signed {
        refusals.extend([401, 403, 409, 429, 507]);
    }
    if is_visit(path) {
        refusals.extend([401, 429]);
    }
    if is_visit(path) && is_write {
        refusals.extend([403, 409, 507]);
    }
    let mut tags = operation.tags.iter().flatten();
    let habit = tags.find_map(|tag| Habit::of_tag(tag));
    for status in refusals {
        let known = &mut operation.responses.responses;
        known
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(refusal(status, habit)));
    }
}

/// Whether a path leads through a public link, which may have a password.
fn is_visit(path: &str) -> bool {
    path.starts_with("/s/{token}/") || path.starts_with("/share/")
}

/// How a refusal looks; those of a dialect follow its habit, unless no dialect gets to see the request.
fn refusal(status: u16, habit: Option<Habit>) -> Response {
    let text = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let (kind, schema) = match habit.filter(|_| status != 414) {
        None => ("application/problem+json", Problem::name()),
        Some(Habit::FastApi) => ("application/json", FastApiError::name()),
        Some(Habit::Flask) => ("application/json", FlaskError::name()),
    };
    let schema = RefOr::Ref(Ref::from_schema_name(schema));
    let refusal = ResponseBuilder::new()
        .description(text.unwrap_or("Refused"))
        .content(kind, Content::new(Some(schema)));
    match status {
        // Refused while it is being read, before there is a request to be answered.
        431 => ResponseBuilder::new().description("The head of the request holds more than 32 KiB"),
        401 => refusal.header("WWW-Authenticate", header("The way to prove who you are")),
        429 => refusal.header(
            "Retry-After",
            header("Seconds after which trying again makes sense"),
        ),
        _ => refusal,
    }
    .build()
}

fn header(description: &str) -> Header {
    let mut header = Header::new(String::schema());
    header.description = Some(description.to_owned());
    header
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    /// Everything that is called `key` in a document, wherever it is.
    fn all<'a>(key: &str, value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get(key));
                fields.values().for_each(|inner| all(key, inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| all(key, inner, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Whether it is a refusal in the words of a dialect.
    fn is_worded(operation: &Value, response: &Value) -> bool {
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        let expected = match crate::dialects::Habit::of_tag(tag) {
            None => return false,
            Some(crate::dialects::Habit::FastApi) => "#/components/schemas/FastApiError",
            Some(crate::dialects::Habit::Flask) => "#/components/schemas/FlaskError",
        };
        response.pointer("/content/application~1json/schema/$ref") == Some(&Value::from(expected))
    }

    fn document() -> Value {
        serde_json::to_value(crate::document()).expect("a document is JSON")
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut references = Vec::new();
        all("$ref", &document, &mut references);
        assert!(references.len() > 100, "{}", references.len());
        for reference in references {
            let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
            let target = pointer.and_then(|pointer| document.pointer(pointer));
            assert!(target.is_some(), "{reference} leads nowhere");
        }
    }

    #[test]
    fn every_operation_says_what_it_does_and_whom_it_refuses() {
        let document = document();
        let mut ids = BTreeSet::new();
        let paths = document["paths"].as_object().expect("paths");
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("operations") {
                let name = format!("{method} {path}");
                for field in ["summary", "description", "operationId"] {
                    assert!(
                        operation[field].as_str().is_some_and(|text| !text.is_empty()),
                        "{name}: {field}"
                    );
                }
                assert!(
                    ids.insert(operation["operationId"].to_string()),
                    "{name} has the id of another"
                );
                let responses = operation["responses"].as_object().expect("responses");
                let is_public = operation.get("security").is_some();
                assert_eq!(
                    responses.contains_key("401"),
                    !is_public
                        || matches!(path.as_str(), "/user" | "/login")
                        || super::is_visit(path)
                        || path.starts_with("/auth/") && (method == "post" || path.ends_with("/callback")),
                    "{name}"
                );
                for (status, response) in responses {
                    let is_problem = response.pointer("/content/application~1problem+json").is_some()
                        || is_worded(operation, response);
                    let is_refusal = status.as_str() >= "400";
                    assert!(
                        is_problem == is_refusal || method == "head" || status == "431",
                        "{name}: {status}"
                    );
                }
            }
        }
    }
}
