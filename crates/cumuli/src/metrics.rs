//! Metrics in the words of Prometheus: what the crates count, and the process itself.

use std::fmt::Write as _;
use std::fs;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use rustix::process::{Resource, getrlimit};

#[cfg(test)]
mod tests;

/// Bounds of the buckets of every duration, in seconds.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
/// How often recorded durations are sorted into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);
/// The media type of Prometheus's text format.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is counted in this process. A clone is another handle.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    started_secs: f64,
}

impl Metrics {
    /// Begins to count. Once per process.
    ///
    /// # Errors
    /// When something counts already.
    pub fn start() -> anyhow::Result<Self> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .context("the buckets are wrong")?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("metrics are set up already")?;
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            handle,
            started_secs: started.as_secs_f64(),
        })
    }

    /// The metrics of this moment.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        let process = Process::of_this();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let uptime_secs = (now.as_secs_f64() - self.started_secs).max(0.0);
        for (name, kind, help, value) in [
            (
                "process_resident_memory_bytes",
                "gauge",
                "Memory of the process that is in RAM.",
                process.resident_bytes,
            ),
            (
                "process_open_fds",
                "gauge",
                "Open files and connections.",
                process.open_files,
            ),
            (
                "process_max_fds",
                "gauge",
                "Files and connections that may be open.",
                process.most_files,
            ),
            (
                "process_cpu_seconds_total",
                "counter",
                "Time on a processor.",
                process.cpu_secs,
            ),
            (
                "process_start_time_seconds",
                "gauge",
                "When the process began, since 1970.",
                Some(self.started_secs),
            ),
            (
                "cumuli_uptime_seconds",
                "gauge",
                "How long the server has run.",
                Some(uptime_secs),
            ),
        ] {
            if let Some(value) = value {
                let _ = write!(
                    text,
                    "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n"
                );
            }
        }
        let _ = write!(
            text,
            "# HELP cumuli_build_info The running version.\n# TYPE cumuli_build_info gauge\n\
             cumuli_build_info{{version=\"{}\"}} 1\n",
            env!("CARGO_PKG_VERSION")
        );
        text
    }

    /// Sorts recorded durations into their buckets until `end`, so that they do not pile up while
    /// nobody asks.
    pub async fn tidy_until(&self, end: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(UPKEEP);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                _ = ticks.tick() => self.handle.run_upkeep(),
            }
        }
    }

    /// `GET /metrics` and nothing else, for an address of its own.
    pub fn router(self) -> Router {
        Router::new().route("/metrics", get(metrics)).with_state(self)
    }
}

async fn metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], metrics.render())
}

/// What the kernel says of this process; nothing where it does not say.
struct Process {
    resident_bytes: Option<f64>,
    open_files: Option<f64>,
    most_files: Option<f64>,
    cpu_secs: Option<f64>,
}

impl Process {
    fn of_this() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let limit = getrlimit(Resource::Nofile).current;
        Self {
            resident_bytes: resident_bytes(&status),
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|entries| entries.count() as f64),
            most_files: limit.map(|limit| limit as f64),
            cpu_secs: cpu_ticks(&stat).map(|ticks| ticks / rustix::param::clock_ticks_per_second() as f64),
        }
    }
}

/// `VmRSS` of `/proc/self/status` (proc(5)), which is in KiB.
fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

/// `utime` and `stime` of `/proc/self/stat`: fields 14 and 15 (proc(5)). The name in field 2 may
/// hold blanks and ends with the last parenthesis.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}
