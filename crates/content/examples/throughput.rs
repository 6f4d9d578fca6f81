//! Measures the local store: `throughput <folder> [full|none] [MiB]`.
//!
//! One large blob up and down, then many small ones over 1, 8 and 64 writers at once.

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use content::{Backend, Content, ContentError, Durability, LocalOptions, LocalStore, Pace, Take, Taken};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{BlobId, ByteStream, Millis};

const MIB: u64 = 1024 * 1024;
const SMALL_BYTES: usize = 24 * 1024;

#[tokio::main]
async fn main() -> Result<(), ContentError> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| "throughput-blobs".to_owned()));
    let durability = match args.next().as_deref() {
        Some("none") => Durability::UnsafeNone,
        _ => Durability::Full,
    };
    let size_mib = args.next().and_then(|text| text.parse().ok()).unwrap_or(1024);
    let options = LocalOptions {
        folder: folder.clone(),
        durability,
    };
    let store = LocalStore::open(options).await?;
    let health = store.check().await?;
    println!("{durability:?}, one flush takes {:?}", health.flush);
    let content = Content::new(Arc::new(store));

    // The first round may pay for memory that the machine has never touched.
    for number in 0..4 {
        let mark = Mark::start();
        let taken = content.take(body(size_mib, 64 * 1024), take(number)).await?;
        mark.report("upload", size_mib);
        let Taken::Stored { at, .. } = taken else {
            return Ok(());
        };
        content.remove(&at).await?;
    }
    let taken = content.take(body(size_mib, 64 * 1024), take(0)).await?;
    let Taken::Stored {
        at,
        size_bytes,
        digest: first_digest,
        ..
    } = taken
    else {
        return Ok(());
    };

    for round in ["download", "cold download"] {
        if round == "cold download" {
            forget(&folder.join(&at.key)).expect("a file of ours");
        }
        let mark = Mark::start();
        let body = content.read(&at, size_bytes, 0..size_bytes).await?;
        let read_bytes = body
            .try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len() as u64) })
            .await
            .map_err(ContentError::Body)?;
        assert_eq!(read_bytes, size_bytes);
        mark.report(round, size_mib);
    }
    let mark = Mark::start();
    let digest = content.digest_of(&at, size_bytes).await?;
    mark.report("digest", size_mib);
    assert_eq!(digest, first_digest);
    content.remove(&at).await?;

    let mut first = 10;
    let mut stored = Vec::new();
    for writers in [1, 8, 64] {
        let count = 1000 * writers.min(8);
        let mark = Mark::start();
        let outcomes: Vec<_> = stream::iter(first..first + count)
            .map(|number| {
                let content = content.clone();
                tokio::spawn(async move { content.take(body_of(SMALL_BYTES), take(number)).await })
            })
            .buffer_unordered(usize::try_from(writers).unwrap_or(1))
            .collect()
            .await;
        mark.report_count(&format!("{writers} writers"), count);
        first += count;
        for taken in outcomes {
            let Ok(Ok(Taken::Stored { at, .. })) = taken else {
                panic!("{taken:?}")
            };
            stored.push(at);
        }
    }
    // Last, since ext4 spends more on new files for some seconds after others were removed.
    for at in stored {
        content.remove(&at).await?;
    }
    Ok(())
}

fn take(number: u64) -> Take {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Take {
        id: BlobId::new(Millis(i64::try_from(now.as_millis()).unwrap_or(0)), random),
        limit_bytes: u64::MAX,
        inline_bytes: 16 * 1024,
        wants_md5: false,
        size_bytes: None,
        pace: Pace::default(),
    }
}

fn body(size_mib: u64, chunk_bytes: usize) -> ByteStream {
    let chunk = Bytes::from(vec![7; chunk_bytes]);
    let count = size_mib * MIB / chunk_bytes as u64;
    Box::pin(stream::iter((0..count).map(move |_| Ok(chunk.clone()))))
}

fn body_of(size_bytes: usize) -> ByteStream {
    Box::pin(stream::iter([Ok(Bytes::from(vec![7; size_bytes]))]))
}

/// Lets the machine forget a file's bytes, so that they come from the device again.
fn forget(path: &Path) -> std::io::Result<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?)
}

struct Mark {
    at: Instant,
    cpu: Duration,
}

impl Mark {
    fn start() -> Self {
        Self {
            at: Instant::now(),
            cpu: cpu(),
        }
    }

    fn report(&self, what: &str, size_mib: u64) {
        let (took, cpu) = (self.at.elapsed().as_secs_f64(), (cpu() - self.cpu).as_secs_f64());
        let size_gib = size_mib as f64 / 1024.0;
        println!(
            "{what:>15}: {:7.0} MB/s, {:.2} CPU s per GiB, most memory {}",
            (size_mib * MIB) as f64 / 1e6 / took,
            cpu / size_gib,
            status("VmHWM")
        );
    }

    fn report_count(&self, what: &str, count: u64) {
        let (took, cpu) = (self.at.elapsed().as_secs_f64(), (cpu() - self.cpu).as_secs_f64());
        println!(
            "{what:>15}: {:7.0} blobs/s, {:.0} CPU us each",
            count as f64 / took,
            cpu * 1e6 / count as f64
        );
    }
}

/// User and system time of this process, which the kernel counts in hundredths of a second.
fn cpu() -> Duration {
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11);
    let ticks = fields
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>();
    Duration::from_millis(ticks * 10)
}

fn status(name: &str) -> String {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.map_or_else(String::new, |line| {
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    })
}
