//! `cumuli serve`: wires the parts together, serves until it is told to end, and ends in order.

mod notify;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use catalog::Engine;
use hub::Hub;
use sync_run::Runner;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use web::WebConfig;

use super::{print, runtime, worker};
use crate::listen::{self, Ended, Limits, Shutdown};
use crate::metrics::Metrics;
use crate::opened::{Opened, Purpose, SetupCode};
use crate::settings::{Loaded, Secret, Settings};
use notify::State;

/// How long the end waits for the last changes to be archived; the next start goes on with them.
const ARCHIVE_WAIT: Duration = Duration::from_secs(10);

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli serve\n      on this machine, for this machine, with everything in ./cumuli-data\n  \
    cumuli serve --listen 0.0.0.0:8000 --data /srv/cumuli\n      for the network\n  \
    DATABASE_URL=postgresql://cumuli@db.example.org/cumuli SECRET_KEY_FILE=/run/secrets/key cumuli serve\n      \
    one of many nodes\n\n\
    Every flag is a setting: docs/settings.md explains them. SIGTERM and Ctrl-C let running requests end; a \
    second one ends at once.";

/// How often to look whether new contents go to another store.
const FOLLOW_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// Serves.
///
/// # Errors
/// When a part does not start, in a sentence that says which.
pub fn run(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let settings = &loaded.settings;
    crate::logs::start(&settings.log, settings.log_style())?;
    for warning in loaded.warnings() {
        tracing::warn!("{warning}");
    }
    if let Err(room) = listen::make_room(settings.max_connections) {
        tracing::warn!(
            "only {room} of {} connections fit into this process's limit of open files",
            settings.max_connections
        );
    }
    runtime()?.block_on(serve(&loaded))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(loaded: &Loaded) -> anyhow::Result<()> {
    let settings = &loaded.settings;
    let shutdown = Shutdown::new();
    let signals = tokio::spawn(shutdown.clone().on_signals());
    // Addresses first: that one is taken shows before anything is opened or changed.
    let main = listen::bind(settings.listen)?;
    let side = settings.metrics_listen.map(listen::bind).transpose()?;
    let metrics = Metrics::start()?;
    let mut opened = Opened::open(loaded, Purpose::Serving).await?;
    if opened.engine == Engine::Postgres && settings.secret_key.is_none() {
        tracing::warn!("several nodes need the same SECRET_KEY; this one made its own");
    }
    if opened.engine == Engine::Postgres && settings.token_key.is_none() {
        tracing::warn!("several nodes need the same TOKEN_ENCRYPTION_KEY; this one made its own");
    }
    tracing::info!("{}", opened.migrated_sentence());

    let router = web::router(opened.hub.clone(), web_config(settings, &metrics));
    let address = main.local_addr()?;
    let limits = Limits::of(settings);
    let tidying = tokio::spawn({
        let (metrics, shutdown) = (metrics.clone(), shutdown.clone());
        async move { metrics.tidy_until(shutdown.begun()).await }
    });
    let side = side
        .map(|side| serve_metrics(side, metrics, &limits, &shutdown))
        .transpose()?;
    announce(address, opened.setup_code.as_ref());
    let code = opened
        .setup_code
        .take()
        .map(|code| forget_when_used(code, opened.hub.clone(), &shutdown));
    let jobs = run_jobs(settings, &opened.hub, &shutdown);
    let moves = follow_moves(&opened.hub, &shutdown);
    let ended = listen::serve(main, router, limits, shutdown.clone()).await;

    notify::tell(State::Stopping);
    shutdown.begin();
    for task in [Some(tidying), side, code, jobs, Some(moves)]
        .into_iter()
        .flatten()
    {
        task.await?;
    }
    archive_last(&opened).await;
    opened.close().await;
    signals.abort();
    match ended {
        Ended::Drained => tracing::info!("ended; every request came to its end"),
        Ended::Cut(count) => tracing::warn!(count, "ended; connections were cut"),
    }
    Ok(())
}

/// Lets the store know the last changes too, unless it takes its time.
async fn archive_last(opened: &Opened) {
    opened.tasks.close();
    opened.tasks.wait().await;
    match tokio::time::timeout(ARCHIVE_WAIT, opened.hub.archive_last()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last changes are not in the archive yet"),
        Err(_) => tracing::warn!("the last changes are not in the archive yet: the store took too long"),
    }
}

/// Does background jobs until the end begins; what is in hand is then put down and due again.
fn run_jobs(settings: &Settings, hub: &Hub, shutdown: &Shutdown) -> Option<JoinHandle<()>> {
    let workers = usize::try_from(settings.workers)
        .ok()
        .filter(|count| *count > 0)?;
    let runner = Runner::new(hub.clone(), worker::name()).with_workers(workers);
    let (stop, hub) = (shutdown.token(), hub.clone());
    Some(tokio::spawn(async move {
        worker::bury(&hub).await;
        runner.run(stop).await;
    }))
}

/// Learns within seconds that another node, or a command, sends new contents to another store.
fn follow_moves(hub: &Hub, shutdown: &Shutdown) -> JoinHandle<()> {
    let (hub, shutdown) = (hub.clone(), shutdown.clone());
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(FOLLOW_EVERY);
        loop {
            tokio::select! {
                () = shutdown.begun() => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = hub.follow_moves().await {
                tracing::warn!(%error, "whether contents are moved could not be looked up");
            }
        }
    })
}

fn web_config(settings: &Settings, metrics: &Metrics) -> WebConfig {
    let metrics = metrics.clone();
    WebConfig {
        public_url: settings.public_url.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
        cors_origins: settings.cors_origins.clone(),
        metrics: Some(Arc::new(move || metrics.render())),
        metrics_token: settings
            .metrics_token
            .as_ref()
            .map(|token| token.expose().to_owned()),
        page_folder: settings.page_dir.clone(),
    }
}

fn serve_metrics(
    listener: TcpListener,
    metrics: Metrics,
    limits: &Limits,
    shutdown: &Shutdown,
) -> anyhow::Result<JoinHandle<()>> {
    tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
    let serving = listen::serve(listener, metrics.router(), limits.clone(), shutdown.clone());
    Ok(tokio::spawn(async move {
        serving.await;
    }))
}

/// Says that the server is ready: on the standard output for a person or a program that started
/// it, and to systemd.
fn announce(address: SocketAddr, code: Option<&SetupCode>) {
    // Whoever started the server may have closed its output; the server serves all the same.
    let _ = print::line(format!("listening on http://{address}"));
    if let Some(code) = code {
        let _ = print::text(&first_steps(address, &code.code));
    }
    notify::tell(State::Ready);
}

fn forget_when_used(code: SetupCode, hub: Hub, shutdown: &Shutdown) -> JoinHandle<()> {
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.begun() => {}
            removed = code.remove_when_used(hub) => {
                if let Err(error) = removed {
                    tracing::warn!("{error:#}");
                }
            }
        }
    })
}

fn first_steps(address: SocketAddr, code: &Secret) -> String {
    format!(
        "\nThere is no account yet; the first one becomes the administrator's.\n  \
         On this machine: open http://{address} and register, or run `cumuli user add you@example.org`.\n  \
         From another machine, registering needs this setup code: {}\n\n",
        code.expose()
    )
}
