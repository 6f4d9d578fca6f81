//! The same handles by HTTP, for tests in other languages and for trying things by hand:
//!
//! - `POST /_fake/faults` a [`Fault`] as JSON, `DELETE /_fake/faults` forgets the script
//! - `POST /_fake/release {"name"}` lets go of who is held
//! - `GET /_fake/requests`, `GET /_fake/sums` of them, `GET /_fake/violations`
//! - `POST /_fake/clock {"advance_ms"}` moves the clock and replies with `{"now_ms"}`
//! - `POST /_fake/reset` forgets script and record; files stay
//! - `GET /_fake/switches`, `POST /_fake/switches` those to change: what a provider can be told to do differently

use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Core, Fault, Seen, Sums};

/// What a provider can be told to do differently. Cheap to clone; all clones are one set.
#[derive(Debug, Clone, Default)]
pub struct Switches<T>(Arc<Mutex<T>>);

impl<T: Clone> Switches<T> {
    /// These to begin with.
    #[must_use]
    pub fn new(switches: T) -> Self {
        Self(Arc::new(Mutex::new(switches)))
    }

    /// As they are now.
    #[must_use]
    pub fn get(&self) -> T {
        self.lock().clone()
    }

    /// Changes them from now on.
    pub fn set(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

/// The routes of this module. A provider adds its own.
pub fn router<T>(core: Core, switches: Switches<T>) -> Router
where
    T: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    let switching = Router::new()
        .route("/_fake/switches", get(switches_are::<T>).post(switch::<T>))
        .with_state(switches);
    Router::new()
        .route("/_fake/faults", post(add_fault).delete(clear_faults))
        .route("/_fake/release", post(release))
        .route("/_fake/requests", get(requests))
        .route("/_fake/sums", get(sums))
        .route("/_fake/violations", get(violations))
        .route("/_fake/clock", post(advance))
        .route("/_fake/reset", post(reset))
        .with_state(core)
        .merge(switching)
}

async fn add_fault(State(core): State<Core>, Json(fault): Json<Fault>) -> StatusCode {
    core.faults.push(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(core): State<Core>) -> StatusCode {
    core.faults.clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Release {
    name: String,
}

async fn release(State(core): State<Core>, Json(release): Json<Release>) -> StatusCode {
    core.faults.release(&release.name);
    StatusCode::NO_CONTENT
}

async fn requests(State(core): State<Core>) -> Json<Vec<Seen>> {
    Json(core.record.requests())
}

async fn sums(State(core): State<Core>) -> Json<Sums> {
    Json(core.record.sums())
}

async fn violations(State(core): State<Core>) -> Json<Vec<String>> {
    Json(core.record.violations())
}

#[derive(Deserialize)]
struct Advance {
    advance_ms: i64,
}

async fn advance(State(core): State<Core>, Json(advance): Json<Advance>) -> Json<Value> {
    core.clock.advance(advance.advance_ms);
    Json(json!({"now_ms": core.clock.now()}))
}

async fn reset(State(core): State<Core>) -> StatusCode {
    core.faults.clear();
    core.record.clear();
    StatusCode::NO_CONTENT
}

async fn switches_are<T: Clone + Serialize>(State(switches): State<Switches<T>>) -> Json<T> {
    Json(switches.get())
}

async fn switch<T>(State(switches): State<Switches<T>>, Json(change): Json<Value>) -> Result<Json<T>, String>
where
    T: Clone + Serialize + DeserializeOwned,
{
    let mut all = serde_json::to_value(switches.get()).map_err(|error| error.to_string())?;
    let (Some(all_of), Value::Object(change)) = (all.as_object_mut(), change) else {
        return Err("switches are a JSON object".to_owned());
    };
    all_of.extend(change);
    let changed: T = serde_json::from_value(all).map_err(|error| error.to_string())?;
    switches.set(|switches| *switches = changed.clone());
    Ok(Json(changed))
}
