//! Many schedules, one again, and the parts that one takes to fail.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Instant;

use super::cloud::Sort;
use super::judge::judge;
use super::play::{Count, Outcome, Play};
use super::sea::Telling;
use super::tape::{Rng, Tape};
use super::world::World;

/// Schedules that are played over one catalog before a new one is made.
const PER_WORLD: u64 = 400;
/// Schedules of a usual run.
const USUAL: u64 = 20_000;
/// Tests that share them, each of which takes about half a minute.
const PARTS: u64 = 16;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number_set(name: &str) -> Option<u64> {
    setting(name).map(|text| text.parse().expect("a number"))
}

/// Plays a schedule to its end.
async fn play(world: &World, tape: &Tape, name: &str, telling: Telling) -> Outcome {
    play_altered(world, tape, name, (telling, None)).await
}

/// What is made wrong before a schedule is judged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alter {
    ContentThere,
    GoneThere,
    Unstored,
}

impl Alter {
    fn apply(self, play: &mut Play<'_>) {
        let mut cloud = play.sea.cloud();
        let file = cloud
            .live()
            .into_iter()
            .find(|number| cloud.things[number].sort == Sort::File);
        match (self, file) {
            (Self::ContentThere, Some(file)) => cloud.write(file, b"nobody's".to_vec()),
            (Self::GoneThere, Some(file)) => cloud.throw(file),
            _ => {
                drop(cloud);
                let (before, mut rng) = (play.ledger.stories.len(), Rng::new(1, 1));
                while play.ledger.stories.len() == before {
                    play.ledger.content(&mut rng);
                }
            }
        }
    }
}

/// The same, with something made wrong before it is judged.
async fn play_altered(
    world: &World,
    tape: &Tape,
    name: &str,
    (telling, alter): (Telling, Option<Alter>),
) -> Outcome {
    let mut told = Vec::new();
    let mut play = match Play::new(world, tape, name, telling).await {
        Ok(play) => play,
        Err(error) => {
            return Outcome {
                verdict: Err(format!("it cannot be set up: {error}")),
                told,
                count: Count::default(),
            };
        }
    };
    let curtain = play.stage.clone().set();
    let mut verdict = play.play().await;
    if let Some(alter) = alter {
        alter.apply(&mut play);
    }
    if verdict.is_ok() {
        verdict = judge(&mut play).await;
    }
    drop(curtain);
    let mut count = std::mem::take(&mut play.count);
    count.points = play.stage.passed();
    {
        let cloud = play.sea.cloud();
        count.calls = cloud.calls;
        count.writes = cloud.engine_writes;
    }
    told.extend(play.sea.take_told());
    // What is left of it would be looked at for ever.
    if let Err(error) = play.clear_away().await
        && verdict.is_ok()
    {
        verdict = Err(format!("it cannot be cleared away: {error}"));
    }
    Outcome { verdict, told, count }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// One schedule in a world of its own.
pub(super) fn alone(tape: &Tape, telling: Telling) -> Outcome {
    after(0..0, ("alone", tape), telling)
}

/// One schedule in a world in which others were played before.
fn after(others: Range<u64>, (name, tape): (&str, &Tape), telling: Telling) -> Outcome {
    runtime().block_on(async {
        let world = World::new().await;
        for seed in others {
            play(&world, &Tape::of(seed), &name_of(seed), Telling::Not).await;
        }
        play(&world, tape, name, telling).await
    })
}

pub(super) fn alone_altered(tape: &Tape, alter: Alter) -> Outcome {
    runtime().block_on(async {
        play_altered(&World::new().await, tape, "alone", (Telling::Not, Some(alter))).await
    })
}

fn name_of(seed: u64) -> String {
    format!("p{seed}")
}

/// How one schedule is played again, in the world that began with another.
fn command(seed: u64, world: Option<u64>, without: &BTreeSet<String>) -> String {
    let world = world.map_or_else(String::new, |first| format!("CUMULI_SIM_WORLD={first} "));
    let without: Vec<&str> = without.iter().map(String::as_str).collect();
    let without = match without.is_empty() {
        true => String::new(),
        false => format!("CUMULI_SIM_WITHOUT={} ", without.join(",")),
    };
    format!(
        "CUMULI_SIM_SEED={seed} {world}{without}cargo nextest run -p sync_run sim::runs::replay --no-capture"
    )
}

/// Plays schedules of seeds one after another, and tells of each that fails.
fn many(first: u64, count: u64) -> Vec<String> {
    let began = Instant::now();
    let mut failed = Vec::new();
    let mut total = Count::default();
    let mut seed = first;
    while seed < first + count {
        let end = (seed + PER_WORLD).min(first + count);
        runtime().block_on(async {
            let (world, began_with) = (World::new().await, seed);
            while seed < end {
                let tape = Tape::of(seed);
                let began = Instant::now();
                let outcome = play(&world, &tape, &name_of(seed), Telling::Not).await;
                if began.elapsed().as_secs() > 5 {
                    println!("seed {seed} took {:?}", began.elapsed());
                }
                total.add(&outcome.count);
                seed += 1;
                if let Err(why) = outcome.verdict {
                    let what = format!(
                        "seed {}: {why}\n  {}",
                        seed - 1,
                        command(seed - 1, Some(began_with), &BTreeSet::new())
                    );
                    println!("{what}");
                    failed.push(what);
                    // Whatever it left behind is nobody else's matter.
                    break;
                }
            }
        });
        if failed.len() >= 20 {
            break;
        }
    }
    let secs = began.elapsed().as_secs_f64();
    let played = seed - first;
    let rate = f64::from(u32::try_from(played).unwrap_or(u32::MAX)) / secs;
    println!(
        "{played} schedules in {secs:.1} s ({rate:.0} a second): {} acts, {} gates, {} calls, {} writes, {} faults, {} crashes; \
         {} failed",
        total.acts,
        total.gates,
        total.calls,
        total.writes,
        total.faults,
        total.crashes,
        failed.len()
    );
    failed
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.acts += other.acts;
        self.gates += other.gates;
        self.calls += other.calls;
        self.writes += other.writes;
        self.crashes += other.crashes;
        self.faults += other.faults;
        for (point, times) in &other.points {
            *self.points.entry(*point).or_default() += times;
        }
    }
}

/// One part of a run: its share of the schedules that `CUMULI_SIM_SCHEDULES` asks for, or of the usual ones.
fn part(number: u64) {
    let all = number_set("CUMULI_SIM_SCHEDULES").unwrap_or(USUAL);
    let count = all.div_ceil(PARTS);
    let first = number_set("CUMULI_SIM_FIRST").unwrap_or(1) + number * count;
    let failed = many(first, count);
    assert!(failed.is_empty(), "{} schedules failed", failed.len());
}

macro_rules! parts {
    ($($name:ident: $number:literal,)*) => {$(
        #[test]
        fn $name() {
            part($number);
        }
    )*};
}

parts! {
    every_schedule_of_part_01_ends_well: 0,
    every_schedule_of_part_02_ends_well: 1,
    every_schedule_of_part_03_ends_well: 2,
    every_schedule_of_part_04_ends_well: 3,
    every_schedule_of_part_05_ends_well: 4,
    every_schedule_of_part_06_ends_well: 5,
    every_schedule_of_part_07_ends_well: 6,
    every_schedule_of_part_08_ends_well: 7,
    every_schedule_of_part_09_ends_well: 8,
    every_schedule_of_part_10_ends_well: 9,
    every_schedule_of_part_11_ends_well: 10,
    every_schedule_of_part_12_ends_well: 11,
    every_schedule_of_part_13_ends_well: 12,
    every_schedule_of_part_14_ends_well: 13,
    every_schedule_of_part_15_ends_well: 14,
    every_schedule_of_part_16_ends_well: 15,
}

#[test]
fn one_seed_is_one_schedule() {
    for seed in 7..17 {
        let tape = Tape::of(seed);
        let [one, other] = [alone(&tape, Telling::Kept), alone(&tape, Telling::Kept)];
        let length = one.told.len().max(other.told.len());
        for line in 0..length {
            assert_eq!(
                one.told.get(line),
                other.told.get(line),
                "seed {seed}, line {line}"
            );
        }
    }
}

#[test]
fn replay() {
    let Some(seed) = number_set("CUMULI_SIM_SEED") else {
        return;
    };
    let mut without: BTreeSet<String> = setting("CUMULI_SIM_WITHOUT")
        .map(|parts| parts.split(',').map(ToOwned::to_owned).collect())
        .unwrap_or_default();
    if setting("CUMULI_SIM_SHRINK").is_some() {
        without = shrunk(seed, without);
    }
    let tape = Tape::of(seed).without(&without);
    println!("{}", tape.setup.told());
    // With what the engine itself tells of its plans.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::stdout)
        .with_ansi(false)
        .without_time()
        .finish();
    let world = number_set("CUMULI_SIM_WORLD");
    let others = world.map_or(0..0, |first| first..seed);
    let outcome = tracing::subscriber::with_default(subscriber, || {
        after(others, (&name_of(seed), &tape), Telling::Printed)
    });
    println!("{}", command(seed, world, &without));
    if let Err(why) = outcome.verdict {
        panic!("seed {seed}: {why}");
    }
}

/// Looks for parts that a schedule fails without, larger ones first.
fn shrunk(seed: u64, mut without: BTreeSet<String>) -> BTreeSet<String> {
    let kind = |why: &str| why.split([':', '\n']).next().unwrap_or_default().to_owned();
    let Err(why) = alone(&Tape::of(seed).without(&without), Telling::Not).verdict else {
        return without;
    };
    let why = kind(&why);
    let mut size = Tape::of(seed).without(&without).parts().len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        loop {
            let parts = Tape::of(seed).without(&without).parts();
            let Some(some) = parts
                .get(at..(at + size).min(parts.len()))
                .filter(|some| !some.is_empty())
            else {
                break;
            };
            let mut less = without.clone();
            less.extend(some.iter().cloned());
            match alone(&Tape::of(seed).without(&less), Telling::Not).verdict {
                Err(other) if kind(&other) == why => without = less,
                _ => at += size,
            }
        }
        size /= 2;
    }
    without
}
