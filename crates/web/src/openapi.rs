//! What the document says beyond its handlers: who may call, and what every refusal looks like.

use http::StatusCode;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, Content, InfoBuilder, License, OpenApi, Ref, RefOr, Response, ResponseBuilder, Tag,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{FieldProblem, Problem};

const TAGS: [(&str, &str); 14] = [
    ("auth", "Accounts, signing in and out"),
    ("account", "Your own account, sign-ins and app passwords"),
    ("nodes", "Folders and files by their ids"),
    ("folders", "Making and listing folders"),
    ("files", "Storing and reading files"),
    ("versions", "Earlier contents of a file"),
    ("trash", "Deleted folders and files"),
    ("changes", "What changed, in pages and as it happens"),
    ("jobs", "Background work"),
    ("conflicts", "Both sides of a mirror changed"),
    ("providers", "Other people's drives"),
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
    document.tags = Some(TAGS.iter().map(|(name, text)| tag(name, text)).collect());
    let components = document.components.get_or_insert_with(Components::new);
    components
        .schemas
        .insert(Problem::name().into(), Problem::schema());
    components
        .schemas
        .insert(FieldProblem::name().into(), FieldProblem::schema());
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
        for operation in operations(&mut item) {
            add_refusals(operation, &path);
            name_by_purpose(operation);
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

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
        &mut item.head,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
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

/// Adds the refusals that follow from what an operation takes.
fn add_refusals(operation: &mut Operation, path: &str) {
    let is_signed = operation.security.is_none();
    let body = operation.request_body.as_ref().map(|body| match body {
        RefOr::T(body) => body.content.keys().next().cloned().unwrap_or_default(),
        RefOr::Ref(_) => String::new(),
    });
    let mut refusals = vec![400, 500, 503];
    if is_signed {
        refusals.extend([401, 403, 429]);
    }
    if path.contains('{') {
        refusals.push(404);
    }
    match body.as_deref() {
        Some("application/json") => refusals.extend([409, 412, 413, 415, 422]),
        Some(_) => refusals.extend([408, 409, 412, 413, 415, 422, 507]),
        None if is_signed => refusals.extend([409, 412, 422]),
        None => {}
    }
    if path.starts_with("/auth/") && !is_signed {
        refusals.extend([401, 403, 409, 429]);
    }
    for status in refusals {
        let known = &mut operation.responses.responses;
        known
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(refusal(status)));
    }
}

fn refusal(status: u16) -> Response {
    let text = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
    ResponseBuilder::new()
        .description(text.unwrap_or("Refused"))
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}
