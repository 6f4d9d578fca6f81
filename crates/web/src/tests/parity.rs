//! The same act through our own API in one world and through a dialect in its twin: each time the same
//! decision, the same answer as far as both give it, and in the end the same state.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::acts::{Act, Gift, Kind, Listing, Outcome, Upload, stored_name};
use super::world::{Ask, World, email};

/// People, those who have something to give, graphs, and acts on each graph: 10,000 cases.
const PEOPLE: usize = 6;
const OWNERS: usize = 3;
const GRAPHS: usize = 20;
const ACTS: usize = 500;
/// Acts after which the states are compared.
const STRIDE: usize = 100;

/// Chance that follows from one printed number (splitmix64).
struct Dice(u64);

impl Dice {
    fn printed() -> Self {
        let seed = match std::env::var("CUMULI_PARITY_SEED") {
            Ok(text) => text.parse().unwrap(),
            Err(_) => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                u64::try_from(now.unwrap().as_nanos() % 1_000_000_000_000).unwrap()
            }
        };
        println!("CUMULI_PARITY_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A node in both worlds.
#[derive(Debug, Clone)]
struct Thing {
    ids: [String; 2],
    kind: Kind,
    name: String,
}

/// Two worlds in which the same happened.
struct Twins {
    worlds: [World; 2],
    things: Vec<Thing>,
    dice: Dice,
    names: usize,
}

impl Twins {
    async fn new(dice: Dice) -> Self {
        let (ours, theirs) = tokio::join!(World::with_people(PEOPLE), World::with_people(PEOPLE));
        Self {
            worlds: [ours, theirs],
            things: Vec::new(),
            dice,
            names: 0,
        }
    }

    /// A name that is new, or one of a few that are soon taken.
    fn name(&mut self) -> String {
        if self.dice.one_in(2) {
            return format!("taken{}.txt", self.dice.below(3));
        }
        self.names += 1;
        format!("name{}.txt", self.names)
    }

    /// Any node; or one of a kind, nearly always.
    fn thing(&mut self, kind: Option<Kind>) -> Thing {
        let is_free = kind.is_none() || self.dice.one_in(20);
        let fitting = self
            .things
            .iter()
            .filter(|thing| is_free || Some(thing.kind) == kind);
        let fitting: Vec<Thing> = fitting.cloned().collect();
        self.dice.pick(&fitting)
    }

    /// A folder by its ids, sometimes one's own root.
    fn folder(&mut self) -> [String; 2] {
        match self.dice.one_in(10) {
            true => ["root".to_owned(), "root".to_owned()],
            false => self.thing(Some(Kind::Folder)).ids,
        }
    }

    /// Asks our own API in both worlds, which answer the same.
    async fn both(&self, who: usize, ask: impl Fn(usize) -> Ask) -> [Value; 2] {
        let [first, second] = &self.worlds;
        let (a, b) = tokio::join!(first.ask(Some(who), ask(0)), second.ask(Some(who), ask(1)));
        assert_eq!(a.status, b.status, "{} {}", a.json(), b.json());
        self.tick();
        [a.json(), b.json()]
    }

    /// Makes a tree of two levels in somebody's space.
    async fn plant(&mut self, who: usize) {
        for top in 0..2 {
            let ids = self
                .make(who, ["root".to_owned(), "root".to_owned()], &format!("top{top}"))
                .await;
            for inner in 0..2 {
                let inner = self.make(who, ids.clone(), &format!("inner{inner}")).await;
                self.store(who, &inner).await;
            }
            self.store(who, &ids).await;
        }
    }

    async fn make(&mut self, who: usize, folder: [String; 2], name: &str) -> [String; 2] {
        let make = |w: usize| {
            let make = json!({"parent_id": folder[w], "name": name});
            Ask::new("POST", "/api/v1/folders").json(&make)
        };
        let [a, b] = self.both(who, make).await;
        self.keep([&a["id"], &b["id"]], Kind::Folder, name)
    }

    async fn store(&mut self, who: usize, folder: &[String; 2]) {
        let name = format!("taken{}.txt", self.dice.below(3));
        let put = |w: usize| {
            let texts = [("folder_id", folder[w].as_str())];
            Ask::new("POST", "/api/v1/upload").form(&texts, (&name, "planted"))
        };
        let [a, b] = self.both(who, put).await;
        self.keep([&a["file_id"], &b["file_id"]], Kind::File, &name);
    }

    fn keep(&mut self, ids: [&Value; 2], kind: Kind, name: &str) -> [String; 2] {
        let ids = ids.map(|id| id.as_str().unwrap().to_owned());
        self.things.push(Thing {
            ids: ids.clone(),
            kind,
            name: name.to_owned(),
        });
        ids
    }

    /// Something that no dialect does: giving, taking back, moving, bringing back.
    async fn shake(&mut self) {
        let who = self.dice.below(PEOPLE);
        let thing = self.thing(None);
        match self.dice.below(4) {
            0 | 1 => {
                let give = json!({
                    "email": email(self.dice.below(PEOPLE)),
                    "right": self.dice.pick(&["view", "edit"]),
                    "may_share": self.dice.one_in(3),
                });
                let ask = |w: usize| {
                    let mut give = give.clone();
                    give["node_id"] = json!(thing.ids[w]);
                    Ask::new("POST", "/api/v1/shares").json(&give)
                };
                self.both(who, ask).await;
            }
            2 => {
                let lists = self.both(who, |_| Ask::get("/api/v1/shares?limit=1000")).await;
                let count = lists[0]["shares"].as_array().unwrap().len();
                if count > 0 {
                    let n = self.dice.below(count);
                    let ids = lists.map(|list| list["shares"][n]["id"].as_str().unwrap().to_owned());
                    let revoke = |w: usize| Ask::new("DELETE", format!("/api/v1/shares/{}", ids[w]));
                    self.both(who, revoke).await;
                }
            }
            _ => {
                let folder = self.folder();
                let ask = |w: usize| {
                    let change = json!({"parent_id": folder[w], "on_conflict": "keep_both"});
                    Ask::new("PATCH", format!("/api/v1/nodes/{}", thing.ids[w])).json(&change)
                };
                let [moved, _] = self.both(who, ask).await;
                self.renamed(&thing, moved["name"].as_str());
            }
        }
    }

    fn renamed(&mut self, thing: &Thing, name: Option<&str>) {
        let known = self.things.iter_mut().find(|known| known.ids == thing.ids);
        if let (Some(known), Some(name)) = (known, name) {
            known.name = name.to_owned();
        }
    }

    /// An act, once for each world.
    fn act(&mut self) -> ([Act; 2], Option<Thing>) {
        let (name, way) = (self.name(), self.dice.below(16));
        let upload = Upload {
            content: format!("content {}", self.dice.below(1000)),
            on_conflict: self.dice.pick(&["fail", "keep_both", "new_version"]),
            name: name.clone(),
        };
        let listing = Listing {
            key: self.dice.pick(&["name", "modified", "size"]),
            order: self.dice.pick(&["asc", "desc"]),
            only_files: false,
        };
        let gift = Gift {
            to: self.dice.below(PEOPLE),
            right: self.dice.pick(&["view", "edit"]),
            may_share: self.dice.one_in(3),
        };
        let thing = match way {
            0..=2 | 11..=13 => self.thing(Some(Kind::File)),
            _ => self.thing(None),
        };
        let folder = self.folder();
        let both = |act: &dyn Fn(usize) -> Act| [act(0), act(1)];
        let acts = match way {
            0 => both(&|w| Act::Look(thing.ids[w].clone())),
            1 => both(&|w| Act::Download(thing.ids[w].clone())),
            2 => {
                both(&|w| Act::DownloadStored(thing.ids[w].clone(), stored_name(&thing.ids[w], &thing.name)))
            }
            3 => both(&|w| Act::List(folder[w].clone(), listing.clone())),
            4 => {
                let files = Listing {
                    key: "name",
                    order: "asc",
                    only_files: true,
                };
                both(&|w| Act::List(folder[w].clone(), files.clone()))
            }
            5 => both(&|w| Act::Find(folder[w].clone(), "taken".to_owned())),
            6 => both(&|w| Act::Rename(thing.ids[w].clone(), thing.kind, name.clone())),
            7 => both(&|w| Act::Delete(thing.ids[w].clone(), thing.kind)),
            8 => both(&|w| Act::MakeFolder(folder[w].clone(), name.clone())),
            9 => both(&|w| Act::Upload(folder[w].clone(), upload.clone())),
            10 => {
                let upload = Upload {
                    on_conflict: "keep_both",
                    ..upload.clone()
                };
                both(&|_| Act::UploadHome(upload.clone()))
            }
            11 => both(&|w| Act::Link(thing.ids[w].clone())),
            12 => both(&|w| Act::Unlink(thing.ids[w].clone())),
            13 | 14 => both(&|w| Act::Share(thing.ids[w].clone(), thing.kind, gift.clone())),
            _ => [Act::SharedWithMe, Act::SharedWithMe],
        };
        let is_renamed = way == 6;
        (acts, is_renamed.then_some(thing))
    }

    /// Does one act in both worlds and compares what came of it.
    async fn case(&mut self) -> (String, bool) {
        // Half of them by those who have something.
        let people = if self.dice.one_in(2) { OWNERS } else { PEOPLE };
        let who = Some(self.dice.below(people)).filter(|_| !self.dice.one_in(25));
        let way = self.dice.next();
        let ([ours, theirs], renamed) = self.act();
        let [first, second] = &self.worlds;
        let (a, b) = tokio::join!(
            ours.in_our_words(first, who),
            theirs.in_a_dialect(second, who, way)
        );
        let told = format!("{who:?} way {} {ours:?}: {a:?} {b:?}", way % 6);
        assert!(is_same(&a, &b), "{told}");
        let is_done = a.status < 300;
        if let Some(thing) = renamed.filter(|_| is_done) {
            self.renamed(&thing, a.facts.as_str());
        }
        if let (Some(id), Some(twin)) = (a.made, b.made)
            && self.things.iter().all(|thing| thing.ids[0] != id)
        {
            self.discover([id, twin], &ours).await;
        }
        self.tick();
        (told, is_done)
    }

    /// What happens at one time has the order of ids, which are chance.
    fn tick(&self) {
        for world in &self.worlds {
            world.tick();
        }
    }

    /// Gets to know a node that was made.
    async fn discover(&mut self, ids: [String; 2], act: &Act) {
        let kind = match act {
            Act::MakeFolder(..) => Kind::Folder,
            _ => Kind::File,
        };
        for who in 0..PEOPLE {
            let found = self.worlds[0]
                .ask(Some(who), Ask::get(format!("/api/v1/nodes/{}", ids[0])))
                .await;
            if let Some(name) = found.json()["name"].as_str() {
                let name = name.to_owned();
                self.things.push(Thing { ids, kind, name });
                return;
            }
        }
    }

    /// All that everybody can see: two worlds in which the same happened tell the same.
    async fn states(&self) -> [String; 2] {
        let [first, second] = &self.worlds;
        let (a, b) = tokio::join!(state(first), state(second));
        [a, b]
    }
}

fn is_same(ours: &Outcome, theirs: &Outcome) -> bool {
    let is_done = |outcome: &Outcome| outcome.status < 300;
    match (is_done(ours), is_done(theirs)) {
        (true, true) => ours.facts == theirs.facts && ours.made.is_some() == theirs.made.is_some(),
        (false, false) => ours.status == theirs.status,
        _ => false,
    }
}

/// What every journal and every list of somebody's says, with numbers for ids.
async fn state(world: &World) -> String {
    let mut told = String::new();
    for who in 0..PEOPLE {
        let mut cursor = String::new();
        loop {
            let page = world
                .ask(Some(who), Ask::get(format!("/api/v1/changes?limit=1000{cursor}")))
                .await
                .json();
            told += &page["changes"].to_string();
            if page["has_more"] != json!(true) {
                break;
            }
            cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
        }
        for list in ["shares", "shared-with-me", "links", "trash"] {
            let mut page = world
                .ask(Some(who), Ask::get(format!("/api/v1/{list}?limit=1000")))
                .await
                .json();
            for link in page["links"].as_array_mut().into_iter().flatten() {
                // These follow from the id.
                link["token"] = Value::Null;
                link["url"] = Value::Null;
            }
            told += &page.to_string();
        }
    }
    numbered(&told)
}

/// A text with the number of its first appearance for each id.
fn numbered(text: &str) -> String {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut numbered = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match text.get(at..at + 36).filter(|word| is_id(word)) {
            Some(id) => {
                let next = numbers.len();
                numbered += &format!("#{}", numbers.entry(id).or_insert(next));
                at += 36;
            }
            None => {
                let c = text[at..].chars().next().unwrap();
                numbered.push(c);
                at += c.len_utf8();
            }
        }
    }
    numbered
}

fn is_id(word: &str) -> bool {
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    word.bytes().enumerate().all(|(at, byte)| match is_hyphen(at) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_act_is_decided_alike_by_our_own_api_and_by_the_dialects() {
    let mut dice = Dice::printed();
    let (mut cases, mut done) = (0, 0);
    for _ in 0..GRAPHS {
        let mut twins = Twins::new(dice).await;
        for owner in 0..OWNERS {
            twins.plant(owner).await;
        }
        for _ in 0..30 {
            twins.shake().await;
        }
        let mut recent = Vec::new();
        for n in 1..=ACTS {
            let (told, is_done) = twins.case().await;
            recent.push(told);
            cases += 1;
            done += usize::from(is_done);
            if twins.dice.one_in(10) {
                twins.shake().await;
            }
            if n.is_multiple_of(STRIDE) {
                let [ours, theirs] = twins.states().await;
                assert!(ours == theirs, "the states differ after\n{}", recent.join("\n"));
                recent.clear();
            }
        }
        dice = twins.dice;
    }
    println!("{cases} cases, {done} of them allowed");
    assert!(cases >= 10_000);
    // Chance must not have asked only what is refused, or only what is allowed.
    assert!(done > cases / 5 && done < cases * 4 / 5, "{done} of {cases}");
}
