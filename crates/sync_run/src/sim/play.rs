//! One schedule: set up, played with everything that its tape holds, brought to rest, and judged.

use std::pin::Pin;
use std::sync::Arc;

use hub::{
    ConnectionRow, FolderRef, Hub, HubError, Keep, Lease, MirrorFolder, MirrorSettings, NewMirror,
    RemoteFolder,
};
use model::{Actor, JobKind, MirrorId, NodeId};

use super::cloud::Cloud;
use super::drive::SimDrive;
use super::people::{Here, act_there};
use super::sea::{Sea, Telling};
use super::stage::{ActorId, Call, Point, Stage, Turn, Verdict};
use super::tape::{Hand, Rng, TURNS, Tape, Trouble};
use super::world::{Desk, Ledger, World};

/// Milliseconds after which a lease is renewed, and after which it is another's.
const RENEW_MS: i64 = 20_000;
const LEASE_MS: i64 = 61_000;
/// Gates that one schedule may pass; beyond them it is a schedule that does not end.
const MOST_GATES: u32 = 2_000;
/// Milliseconds in which everything is looked at that is looked at now and then.
const QUIET_MS: i64 = 15 * 60_000;
/// Times that everything may be looked at once more before it has to be at rest.
const MOST_ROUNDS: u32 = 60;
/// From where something is about to be made.
const MAKES: [Point; 3] = [
    Point::Step("create.begun"),
    Point::Before(Call::Create),
    Point::Before(Call::MakeFolder),
];

type Work<'a> = Pin<Box<dyn Future<Output = Result<(), HubError>> + 'a>>;

/// Somebody who does jobs.
pub(super) struct Worker<'a> {
    id: ActorId,
    node: usize,
    busy: Option<Busy<'a>>,
    /// There was nothing to do when it last looked.
    is_idle: bool,
}

struct Busy<'a> {
    lease: Lease,
    work: Work<'a>,
    at: Option<Point>,
    renewed: i64,
    /// Its lease is another's by now.
    is_zombie: bool,
}

/// How a schedule ended.
pub(super) struct Outcome {
    pub(super) verdict: Result<(), String>,
    pub(super) told: Vec<String>,
    pub(super) count: Count,
}

/// What was done.
#[derive(Debug, Default, Clone)]
pub(super) struct Count {
    pub(super) acts: u64,
    pub(super) gates: u64,
    pub(super) calls: u64,
    pub(super) writes: u64,
    pub(super) crashes: u64,
    pub(super) faults: u64,
    /// Writes that came later than their answer.
    pub(super) late: u64,
    pub(super) points: std::collections::BTreeMap<Point, u64>,
}

/// A schedule that is played.
pub(super) struct Play<'a> {
    pub(super) world: &'a World,
    pub(super) tape: &'a Tape,
    pub(super) stage: Arc<Stage>,
    pub(super) sea: Arc<Sea>,
    pub(super) who: Actor,
    pub(super) connection: ConnectionRow,
    pub(super) mirror: Option<MirrorId>,
    pub(super) mirrored: NodeId,
    pub(super) outside: NodeId,
    pub(super) ledger: Ledger,
    pub(super) count: Count,
    /// Entries of the journal that people made.
    pub(super) by_people: u64,
    workers: Vec<Worker<'a>>,
    turns: Rng,
    /// Gates passed so far, and what of the tape was done.
    gates: u32,
    acts: usize,
    faults: usize,
    waiting: Vec<(Trouble, u64)>,
    signed_out_until: Option<u32>,
    aim: Option<(Point, Trouble)>,
    is_calm: bool,
    next_actor: ActorId,
    /// Where the person's journal was read to, and how many entries it had.
    journal_end: Option<String>,
    entries: u64,
    /// Looks and rounds of the mirror that ended since anything was written.
    ended: [u32; 2],
}

impl<'a> Play<'a> {
    /// Sets a schedule up: a person, a folder, a connection, and what `begin` makes of them.
    pub(super) async fn new(
        world: &'a World,
        tape: &'a Tape,
        name: &str,
        telling: Telling,
    ) -> Result<Self, HubError> {
        let sea = Sea::new(Cloud::new(tape.setup.flavour.clone(), world.now().0), telling);
        let who = world.person(name).await?;
        let connection = world.hub().connect_stand_in(&who, SimDrive::new(&sea)).await?;
        for hub in &world.hubs[1..] {
            hub.stand_in(connection.connection.id, SimDrive::new(&sea));
        }
        let desk = Desk {
            hub: world.hub(),
            who: &who,
        };
        let root = world.hub().me(&who).await?.root;
        let mirrored = desk.make_folder(root, "mirrored").await?.id;
        let outside = desk.make_folder(root, "outside").await?.id;
        let mirror = begin(world.hub(), &who, (tape, &connection), mirrored).await?;
        let workers = tape.setup.workers.iter().enumerate();
        let workers = workers.map(|(number, node)| Worker {
            id: u32::try_from(number).expect("a few") + 1,
            node: *node,
            busy: None,
            is_idle: false,
        });
        let workers: Vec<_> = workers.collect();
        Ok(Self {
            world,
            tape,
            stage: Arc::default(),
            sea,
            who,
            connection,
            mirror,
            mirrored,
            outside,
            ledger: Ledger::default(),
            count: Count::default(),
            by_people: 2,
            next_actor: 1 + u32::try_from(workers.len()).expect("a few"),
            workers,
            turns: Rng::new(tape.seed, TURNS),
            gates: 0,
            acts: 0,
            faults: 0,
            waiting: Vec::new(),
            signed_out_until: None,
            aim: tape.aim,
            is_calm: false,
            journal_end: None,
            entries: 0,
            ended: [0; 2],
        })
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        Desk {
            hub: self.world.hub(),
            who: &self.who,
        }
    }

    /// Plays everything that is on the tape.
    pub(super) async fn play(&mut self) -> Result<(), String> {
        loop {
            self.act_up_to(self.gates).await?;
            if self.signed_out_until.is_some_and(|until| until <= self.gates) {
                self.sign_in().await?;
            }
            self.renew().await?;
            if self.step().await? {
                if self.gates > MOST_GATES {
                    return Err(format!("it does not end: {MOST_GATES} gates were passed"));
                }
                continue;
            }
            // Nobody has anything to do: somebody acts, or time passes.
            match self.tape.acts.get(self.acts) {
                Some((_, act)) if self.turns.percent(50) => self.act_up_to(act.at.max(self.gates)).await?,
                Some(_) => self.wait(0).await?,
                None => break,
            }
        }
        self.settle().await
    }

    /// Lets everything that is under way come to its end, with nothing going wrong any more.
    async fn settle(&mut self) -> Result<(), String> {
        self.is_calm = true;
        self.sea.calm();
        self.waiting.clear();
        self.sign_in().await?;
        while self.sea.land() {}
        if std::mem::take(&mut self.sea.cloud().has_lost_tombstones) {
            self.lose_cursor();
        }
        self.rest().await
    }

    /// Lets time pass until nothing changes any more.
    pub(super) async fn rest(&mut self) -> Result<(), String> {
        let mut rounds = 0;
        let mut before = self.state().await?;
        self.ended = [0; 2];
        loop {
            while self.step().await? {
                if self.gates > 2 * MOST_GATES {
                    return Err("it does not come to rest: it works for ever".to_owned());
                }
            }
            let now = self.state().await?;
            let is_quiet = now == before;
            if !is_quiet {
                self.ended = [0; 2];
                before = now;
            } else if self.is_at_rest() {
                return Ok(());
            }
            rounds += 1;
            if rounds > MOST_ROUNDS {
                return Err(format!("it does not come to rest within {MOST_ROUNDS} rounds"));
            }
            // Where nothing happens any more, one look of each kind is as good as the many of a quarter of an hour.
            self.wait(if is_quiet { QUIET_MS } else { 0 }).await?;
        }
    }

    fn is_at_rest(&self) -> bool {
        self.ended[0] >= 2 && (self.ended[1] >= 2 || self.mirror.is_none())
    }

    /// What is written on both sides so far.
    pub(super) async fn state(&mut self) -> Result<(u64, u64), String> {
        let head = self.head().await?;
        Ok((self.sea.cloud().engine_writes, head))
    }

    /// How many entries the journal has.
    async fn head(&mut self) -> Result<u64, String> {
        let desk = Desk {
            hub: self.world.hub(),
            who: &self.who,
        };
        let told = desk.journal_after(&mut self.journal_end).await;
        let told = told.map_err(|error| error.to_string())?;
        self.entries = told.last().map_or(self.entries, |change| change.seq);
        Ok(self.entries)
    }

    /// Lets people do what they do up to a gate.
    async fn act_up_to(&mut self, gate: u32) -> Result<(), String> {
        while let Some((number, act)) = self.tape.acts.get(self.acts).filter(|(_, act)| act.at <= gate) {
            self.acts += 1;
            self.count.acts += 1;
            self.workers.iter_mut().for_each(|worker| worker.is_idle = false);
            self.sea.tell(|| format!("[a{number}]"));
            match act.hand {
                Hand::There => act_there(&self.sea, act.seed, &mut self.ledger),
                Hand::Here => {
                    let hub = self.world.hub();
                    let head = self.head().await?;
                    let here = Here {
                        desk: Desk { hub, who: &self.who },
                        mirrored: self.mirrored,
                        outside: self.outside,
                        sea: &self.sea,
                    };
                    let acted = here.act(act.seed, &mut self.ledger).await;
                    acted.map_err(|error| format!("somebody here was told: {error}"))?;
                    let after = self.head().await?;
                    self.by_people += after - head;
                }
            }
            // What was late comes after the next thing that somebody does.
            self.sea.land();
        }
        self.gates = self.gates.max(gate.min(self.gates.saturating_add(1000)));
        Ok(())
    }

    async fn sign_in(&mut self) -> Result<(), String> {
        self.signed_out_until = None;
        let was_out = std::mem::take(&mut self.sea.cloud().is_signed_out);
        if was_out || self.is_calm {
            let checked = self
                .world
                .hub()
                .check_connection(&self.who, self.connection.connection.id);
            checked.await.map_err(|error| error.to_string())?;
            self.workers.iter_mut().for_each(|worker| worker.is_idle = false);
        }
        Ok(())
    }

    /// Somebody goes on; false when nobody has anything to do.
    async fn step(&mut self) -> Result<bool, String> {
        let able: Vec<usize> = (0..self.workers.len())
            .filter(|number| self.workers[*number].busy.is_some() || !self.workers[*number].is_idle)
            .collect();
        let Some(chosen) = self.turns.pick(&able).copied() else {
            return Ok(false);
        };
        if self.workers[chosen].busy.is_none() {
            self.take_job(chosen).await?;
            return Ok(true);
        }
        self.go_on(chosen).await?;
        Ok(true)
    }

    async fn take_job(&mut self, number: usize) -> Result<(), String> {
        let worker = &mut self.workers[number];
        let hub = &self.world.hubs[worker.node];
        let name = format!("worker {}", worker.id);
        let leases = hub
            .lease_jobs(&name, 1)
            .await
            .map_err(|error| error.to_string())?;
        let Some(lease) = leases.into_iter().next() else {
            // Nor is there anything for the others.
            self.workers.iter_mut().for_each(|worker| worker.is_idle = true);
            return Ok(());
        };
        self.sea
            .tell(|| format!("{name} begins {}", lease.job.kind.as_str()));
        // Whoever is gone does not go on under another's name.
        worker.id = self.next_actor;
        self.next_actor += 1;
        let held = lease.clone();
        worker.busy = Some(Busy {
            work: Box::pin(async move {
                let outcome = crate::attempt::perform(hub.clone(), held.clone()).await;
                held.end(crate::attempt::judge(Some(Ok(outcome)))).await
            }),
            lease,
            at: None,
            renewed: self.world.now().0,
            is_zombie: false,
        });
        Ok(())
    }

    async fn go_on(&mut self, number: usize) -> Result<(), String> {
        self.gates += 1;
        self.count.gates += 1;
        self.arm();
        let at = self.workers[number].busy.as_ref().and_then(|busy| busy.at);
        let verdict = self.verdict(at);
        match verdict.trouble {
            Some((Trouble::Crash, _)) => return self.crash(number),
            Some((Trouble::Zombie, _)) => return self.stand_still(number).await,
            Some((Trouble::SignedOut, number)) => {
                self.sea.cloud().is_signed_out = true;
                self.signed_out_until = Some(self.gates + u32::try_from(number % 30).expect("it is small"));
            }
            _ => {}
        }
        let worker = &mut self.workers[number];
        let Some(busy) = worker.busy.as_mut() else {
            return Ok(());
        };
        self.sea.cloud().now = self.world.now().0;
        let (turn, id) = (
            self.stage.turn(worker.id, verdict, busy.work.as_mut()).await,
            worker.id,
        );
        match turn {
            Turn::At(point) => {
                self.sea.tell(|| format!("{id}: {point:?}"));
                // What it makes, another has given up by now.
                self.count.late += u64::from(busy.is_zombie && MAKES.contains(&point));
                busy.at = Some(point);
            }
            Turn::Ended(outcome) => {
                self.sea.tell(|| format!("{id}: ended {outcome:?}"));
                self.ended[usize::from(busy.lease.job.kind == JobKind::Mirror)] += 1;
                worker.busy = None;
                self.workers.iter_mut().for_each(|worker| worker.is_idle = false);
                // One whose lease is another's is told that it is.
                if let Err(error) = outcome {
                    return Err(format!("the end of a job could not be written down: {error}"));
                }
            }
        }
        Ok(())
    }

    /// Takes what goes wrong from now on from the tape.
    fn arm(&mut self) {
        while let Some((number, fault)) = self
            .tape
            .faults
            .get(self.faults)
            .filter(|(_, fault)| fault.at <= self.gates)
        {
            self.faults += 1;
            if !self.is_calm {
                self.sea.tell(|| format!("[f{number}] {:?}", fault.trouble));
                self.waiting.push((fault.trouble, fault.seed));
            }
        }
    }

    /// What goes wrong at a gate: the first that can.
    fn verdict(&mut self, at: Option<Point>) -> Verdict {
        let Some(at) = at else {
            return Verdict::default();
        };
        if let Some((_, trouble)) = self.aim.filter(|(point, _)| *point == at) {
            self.aim = None;
            self.waiting.insert(0, (trouble, self.tape.seed));
        }
        let found = self.waiting.iter().position(|(trouble, _)| can_be(*trouble, at));
        let trouble = found.map(|found| self.waiting.remove(found));
        if let Some((trouble, _)) = trouble {
            self.count.faults += 1;
            self.count.late += u64::from(trouble == Trouble::Late);
            self.sea.tell(|| format!("   !! {trouble:?} at {at:?}"));
        }
        Verdict { trouble }
    }

    /// A worker is no more.
    fn crash(&mut self, number: usize) -> Result<(), String> {
        self.count.crashes += 1;
        let worker = &mut self.workers[number];
        worker.busy = None;
        self.stage.dismiss(worker.id);
        Ok(())
    }

    /// A worker stands still until its lease is another's; it goes on when it is its turn again.
    async fn stand_still(&mut self, number: usize) -> Result<(), String> {
        self.count.crashes += 1;
        // What it was about to make comes late.
        let at = self.workers[number].busy.as_ref().and_then(|busy| busy.at);
        self.count.late += u64::from(at.is_some_and(|at| MAKES.contains(&at)));
        let id = self.workers[number].id;
        if let Some(busy) = self.workers[number].busy.as_mut() {
            busy.is_zombie = true;
        }
        self.sea
            .tell(|| format!("{id} stands still for longer than its lease"));
        // The others renew theirs.
        for _ in 0..4 {
            self.world.pass_ms(LEASE_MS / 4);
            self.renew().await?;
        }
        // Somebody else has its place.
        let node = self.workers[number].node;
        self.workers.push(Worker {
            id: self.next_actor,
            node,
            busy: None,
            is_idle: false,
        });
        self.next_actor += 1;
        self.workers.iter_mut().for_each(|worker| worker.is_idle = false);
        Ok(())
    }

    /// Renews the leases of those who are alive.
    async fn renew(&mut self) -> Result<(), String> {
        let now = self.world.now().0;
        for worker in &mut self.workers {
            let Some(busy) = worker.busy.as_mut().filter(|busy| !busy.is_zombie) else {
                continue;
            };
            if now - busy.renewed < RENEW_MS / 2 {
                continue;
            }
            busy.renewed = now;
            let kept = busy.lease.keep().await.map_err(|error| error.to_string())?;
            if kept == Keep::Stop {
                self.sea.tell(|| format!("{}: its lease is lost", worker.id));
                worker.busy = None;
                self.stage.dismiss(worker.id);
            }
        }
        Ok(())
    }

    /// Lets time pass until a job is due, and for so many milliseconds at least.
    async fn wait(&mut self, least_ms: i64) -> Result<(), String> {
        let hub = self.world.hub();
        let ms = hub
            .ms_to_next_job(u64::MAX)
            .await
            .map_err(|error| error.to_string())?;
        // To the full minute, so that pauses of random length come to the same.
        let ms = i64::try_from(ms.min(86_400_000)).expect("a day fits");
        let due = self.world.now().0 + ms.max(least_ms);
        let due = (due / 60_000 + 1) * 60_000;
        self.world.pass_ms(due - self.world.now().0);
        self.workers.iter_mut().for_each(|worker| worker.is_idle = false);
        // Those that stand still would otherwise wait for ever.
        Ok(())
    }

    /// Leaves nothing behind that anybody would go on with.
    pub(super) async fn clear_away(mut self) -> Result<(), HubError> {
        for worker in std::mem::take(&mut self.workers) {
            drop(worker.busy);
            self.stage.dismiss(worker.id);
        }
        let (hub, id) = (self.world.hub(), self.connection.connection.id);
        if let Some(mirror) = self.mirror {
            hub.remove_mirror(&self.who, mirror).await?;
        }
        hub.disconnect(&self.who, id).await?;
        // Jobs whose workers are gone are another's after this.
        self.world.pass_ms(LEASE_MS * 60);
        for _ in 0..20 {
            let leases = hub.lease_jobs("the end", 10).await?;
            if leases.is_empty() {
                break;
            }
            for lease in leases {
                let outcome = crate::attempt::perform(hub.clone(), lease.clone()).await;
                lease.end(crate::attempt::judge(Some(Ok(outcome)))).await?;
            }
        }
        Ok(())
    }

    /// Has everything forgotten that tells where the feed is.
    pub(super) fn lose_cursor(&self) {
        self.sea.cloud().era += 1;
        self.sea.tell(|| "the cursor is lost".to_owned());
    }

    /// Has the mirror compare everything.
    pub(super) async fn compare_all(&self) -> Result<(), String> {
        let Some(mirror) = self.mirror else { return Ok(()) };
        let compared = self.world.hub().run_mirror(&self.who, mirror).await;
        compared.map(drop).map_err(|error| error.to_string())
    }
}

/// Makes the mirror.
async fn begin(
    hub: &Hub,
    who: &Actor,
    (tape, connection): (&Tape, &ConnectionRow),
    mirrored: NodeId,
) -> Result<Option<MirrorId>, HubError> {
    let new = NewMirror {
        folder: MirrorFolder::Ref(FolderRef::Id(mirrored)),
        connection: connection.connection.id,
        remote: RemoteFolder::Item("root".to_owned()),
        settings: MirrorSettings {
            direction: tape.setup.direction,
            policy: tape.setup.policy,
            drift: tape.setup.drift,
            ..MirrorSettings::default()
        },
        is_paused: false,
    };
    Ok(Some(hub.create_mirror(who, new).await?.id))
}

/// Whether something can go wrong there.
pub(super) fn can_be(trouble: Trouble, at: Point) -> bool {
    let before = match at {
        Point::Before(call) => Some(call),
        _ => None,
    };
    let writes = before.is_some_and(Call::writes);
    match trouble {
        Trouble::Crash | Trouble::Zombie => true,
        Trouble::Unavailable | Trouble::Paused | Trouble::SignedOut => before.is_some(),
        Trouble::Locked => matches!(before, Some(Call::Replace | Call::Relocate | Call::Trash)),
        Trouble::Full => matches!(before, Some(Call::Create | Call::Replace)),
        Trouble::Damaged => matches!(before, Some(Call::Create | Call::Read)),
        Trouble::LostAnswer => matches!(at, Point::After(_)),
        Trouble::Late => writes,
        Trouble::Cut | Trouble::Flipped => before == Some(Call::Read),
        Trouble::CursorLost
        | Trouble::Duplicates
        | Trouble::Reordered
        | Trouble::Stale
        | Trouble::LostTombstone => before == Some(Call::Changes),
        Trouble::ShortPage => matches!(before, Some(Call::Changes | Call::Children)),
    }
}
