//! Measures small write transactions: `cargo run --release -p catalog --example writes -- [URL] [SECONDS]`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use catalog::{Catalog, DatabaseUrl, Durability, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = tempfile::tempdir_in(".")?;
    let url = match arguments.next() {
        Some(url) => url.parse()?,
        None => DatabaseUrl::sqlite(folder.path().join("catalog.db")),
    };
    let secs = arguments.next().map_or(Ok(3), |secs| secs.parse())?;
    println!(
        "{:<12} {:>8} {:>10} {:>10} {:>12}",
        "durability", "writers", "tx/s", "tx/flush", "flush"
    );
    for durability in [Durability::Full, Durability::UnsafeNone] {
        for writers in [1, 8, 64] {
            let catalog = Catalog::open(Options {
                durability,
                ..Options::new(url.clone())
            })
            .await?;
            catalog.migrate().await?;
            let (rate, stats) = measure(&catalog, writers, Duration::from_secs(secs)).await?;
            let shared = stats.commits as f64 / stats.flushes as f64;
            let flush = stats.flush_latency;
            println!(
                "{:<12} {writers:>8} {rate:>10.0} {shared:>10.1} {flush:>12.1?}",
                format!("{durability:?}")
            );
        }
    }
    Ok(())
}

/// Lets `writers` tasks write one row after another, and returns their transactions per second.
async fn measure(
    catalog: &Catalog,
    writers: usize,
    time: Duration,
) -> Result<(f64, catalog::Stats), Box<dyn std::error::Error>> {
    let is_over = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (catalog, is_over, next) = (catalog.clone(), Arc::clone(&is_over), Arc::clone(&next));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let mut tx = catalog.write().await?;
                    tx.put_meta(&format!("writer {writer} {number}"), "value").await?;
                    tx.commit().await?;
                }
                Ok::<(), catalog::CatalogError>(())
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    let rate = next.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    Ok((rate, catalog.stats()))
}
