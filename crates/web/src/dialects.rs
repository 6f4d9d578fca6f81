//! Dialects: the APIs of other systems, so that their clients need another address and nothing else.
//!
//! A dialect translates. Its routes, shapes and the wording of its refusals are its own; each act is
//! the operation that our own API calls, so no rule can differ. `docs/dialects` describes them.

mod b2_share;
mod clouddrive;
mod connector_hub;
mod fields;
mod forms;
mod lists;
mod personal_cloud;
mod views;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use hub::HubError;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::problem::{self, ApiError, Problem};
use crate::{Web, sessions, shield};

/// Which framework's habits the errors of a dialect follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// `{"detail": "…"}`, and 422 with a list of what is wrong.
    FastApi,
    /// `{"error": "…"}`.
    Flask,
}

impl Habit {
    /// Those of the dialect that an operation of the document belongs to.
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag {
            clouddrive::TAG | connector_hub::TAG | b2_share::TAG => Some(Self::FastApi),
            personal_cloud::TAG => Some(Self::Flask),
            _ => None,
        }
    }
}

/// The parts of the document that they are.
pub(crate) const TAGS: [(&str, &str); 4] = [
    (
        clouddrive::TAG,
        "Files, folders and shares as CloudDrive has them",
    ),
    (connector_hub::TAG, "What a hub of connectors tells of providers"),
    (
        b2_share::TAG,
        "Files with a public link each, as a service over B2 has them",
    ),
    (
        personal_cloud::TAG,
        "Up and down, as a personal cloud in Flask has it",
    ),
];

/// Every route of every dialect.
pub(crate) fn routes() -> OpenApiRouter<Web> {
    let fast_api = clouddrive::routes()
        .merge(connector_hub::routes())
        .merge(b2_share::routes());
    let flask = personal_cloud::routes();
    let fast_api = worded(fast_api, |routes| routes.layer(middleware::from_fn(as_fast_api)));
    let flask = worded(flask, |routes| routes.layer(middleware::from_fn(as_flask)));
    fast_api.merge(flask)
}

/// Puts a layer around routes and around what they answer to other methods.
fn worded(routes: OpenApiRouter<Web>, around: impl FnOnce(Router<Web>) -> Router<Web>) -> OpenApiRouter<Web> {
    let (routes, document) = routes.split_for_parts();
    let routes = around(routes.method_not_allowed_fallback(shield::no_such_method));
    let mut worded = OpenApiRouter::from(routes);
    *worded.get_openapi_mut() = document;
    worded
}

/// A refusal as FastAPI words it.
#[derive(Serialize, ToSchema)]
pub(crate) struct FastApiError {
    /// What happened.
    #[schema(example = "There is no such file")]
    pub detail: Detail,
}

/// In a sentence; with 422 as a list of what is wrong.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Detail {
    Sentence(String),
    Flaws(Vec<Flaw>),
}

/// A refusal as Flask programs word it.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlaskError {
    /// What happened, in a sentence.
    #[schema(example = "No file part")]
    pub error: String,
}

/// Something about a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Flaw {
    /// What kind of flaw, in the words of Pydantic.
    #[serde(rename = "type")]
    #[schema(example = "missing")]
    pub kind: &'static str,
    /// `body`, `query` or `path`, and the field.
    #[schema(example = json!(["body", "email"]))]
    pub loc: Vec<String>,
    /// What would be right.
    #[schema(example = "Field required")]
    pub msg: String,
}

/// Why a handler of a FastAPI dialect did not do what was asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// What our own API says too.
    Problem(ApiError),
    /// The request does not have the shape of this dialect.
    Flawed(Vec<Flaw>),
}

impl Refusal {
    /// One flaw of one field.
    pub fn flaw(kind: &'static str, (place, field): (&str, &str), msg: impl Into<String>) -> Self {
        Self::Flawed(vec![Flaw {
            kind,
            loc: vec![place.to_owned(), field.to_owned()],
            msg: msg.into(),
        }])
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Problem(error)
    }
}

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(error) => error.into_response(),
            Self::Flawed(flaws) => {
                let detail = Detail::Flaws(flaws);
                let reply = axum::Json(FastApiError { detail });
                (StatusCode::UNPROCESSABLE_ENTITY, reply).into_response()
            }
        }
    }
}

async fn as_fast_api(request: Request, next: Next) -> Response {
    let place = match *request.method() {
        Method::GET | Method::HEAD => "query",
        _ => "body",
    };
    let mut response = reworded(next.run(request).await, |problem| {
        let detail = match problem.status {
            422 => Detail::Flaws(flaws(problem, place)),
            401 if problem.detail == problem::sentence(sessions::SIGN_IN.to_owned()) => {
                Detail::Sentence("Not authenticated".to_owned())
            }
            _ => Detail::Sentence(phrase(problem).to_owned()),
        };
        json!(FastApiError { detail })
    });
    if response.status() == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

async fn as_flask(request: Request, next: Next) -> Response {
    reworded(next.run(request).await, |problem| {
        let error = phrase(problem).to_owned();
        json!(FlaskError { error })
    })
}

/// The same refusal, its status and headers too, with another body.
fn reworded(response: Response, say: impl FnOnce(&Problem) -> Value) -> Response {
    let (mut parts, body) = response.into_parts();
    let Some(problem) = parts.extensions.remove::<Problem>() else {
        return Response::from_parts(parts, body);
    };
    let json = HeaderValue::from_static("application/json");
    parts.headers.insert(header::CONTENT_TYPE, json);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(say(&problem).to_string()))
}

/// Frameworks of Python end no sentence.
fn phrase(problem: &Problem) -> &str {
    problem.detail.trim_end_matches('.')
}

fn flaws(problem: &Problem, place: &str) -> Vec<Flaw> {
    let flaw = |loc: Vec<String>, msg: &str| Flaw {
        kind: "value_error",
        loc,
        msg: msg.to_owned(),
    };
    if problem.errors.is_empty() {
        return vec![flaw(vec![place.to_owned()], phrase(problem))];
    }
    let fields = problem.errors.iter();
    fields
        .map(|wrong| flaw(vec![place.to_owned(), wrong.field.clone()], &wrong.detail))
        .collect()
}
