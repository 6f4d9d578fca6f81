//! Scenes as text, and both sides as they are when nothing is left to do.

use std::collections::BTreeMap;

use model::Millis;

use crate::{
    Base, Clash, Content, Direction, Drift, Entry, EntryId, Kind, Name, NameLimits, Note, Obstacle, Plan,
    Policy, Rules, Scene, Side, State, Step, plan,
};

/// A provider that takes any name and tells capitals apart.
pub(super) const PLAIN: NameLimits = NameLimits {
    longest: 255,
    counts_utf16: false,
    forbidden: "",
    forbids_controls: false,
    forbidden_ends: "",
    forbidden_starts: &[],
    reserved: &[],
    forbidden_parts: &[],
    folds_case: false,
};

/// 2026-11-21, in milliseconds.
const TODAY: i64 = 1_795_219_200_000;

/// Rounds at the most; a tree needs about as many as it is deep.
const ROUNDS: usize = 2_500;

/// The rules of a mirror both ways that keeps both, at a provider with ids and unique names.
pub(super) fn two_way(names: &NameLimits) -> Rules<'_> {
    Rules {
        direction: Direction::TwoWay,
        drift: Drift::Leave,
        policy: Policy::KeepBoth,
        names,
        has_duplicates: false,
        has_ids: true,
        skew_ms: 2_000,
    }
}

/// Both sides in memory.
pub(super) struct Stage {
    pub(super) scene: Scene,
    /// What was told on the way.
    told: Vec<String>,
    pub(super) steps: Vec<Step>,
    pub(super) rounds: usize,
    pub(super) notes: Vec<Note>,
}

impl Stage {
    /// One entry a line: its number, then its paths in the base, here and there, `-` where it is not. A path ends with
    /// `/` for a folder, `=3` for a file with that content, `=*` for something else; `@7` is the second of its change,
    /// `!` says that it is too large.
    pub(super) fn of(text: &str) -> Self {
        let mut scene = Scene::default();
        let mut folders: BTreeMap<(usize, String), EntryId> = BTreeMap::new();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .filter(|words: &Vec<&str>| !words.is_empty())
            .collect();
        for words in &lines {
            let id = EntryId(words[0].parse().expect("a number"));
            for (column, word) in words[1..].iter().enumerate() {
                if let Some(path) = word.strip_suffix('/') {
                    folders.insert((column, path.to_owned()), id);
                }
            }
        }
        for words in &lines {
            let id = EntryId(words[0].parse().expect("a number"));
            let state = |column: usize| {
                let word = words[column + 1];
                (word != "-").then(|| read(word, |path| folders[&(column, path.to_owned())]))
            };
            let base = state(0).map(|state| Base {
                parent: Some(state.parent),
                names: Some((state.name.clone(), state.name)),
                content: state.kind.content(),
                is_folder: state.kind == Kind::Folder,
            });
            let entry = Entry {
                here: state(1),
                there: state(2),
                base,
                policy: None,
                is_parked: words.get(4) == Some(&"parked"),
            };
            scene.entries.insert(id, entry);
        }
        Self {
            scene,
            told: Vec::new(),
            steps: Vec::new(),
            rounds: 0,
            notes: Vec::new(),
        }
    }

    /// Plans and does until nothing is left to do.
    pub(super) fn settle(mut self, rules: &Rules<'_>) -> Self {
        for round in 0..ROUNDS {
            let Plan { steps, notes } = plan(&self.scene, rules);
            self.rounds = round;
            self.notes = notes;
            if steps.is_empty() {
                return self;
            }
            for planned in steps {
                self.take(&planned.step);
                self.steps.push(planned.step);
            }
        }
        panic!("it does not come to an end: {:?}", plan(&self.scene, rules));
    }

    fn entry(&mut self, id: EntryId) -> &mut Entry {
        self.scene.entries.get_mut(&id).expect("in the scene")
    }

    fn state(&mut self, id: EntryId, side: Side) -> &mut Option<State> {
        let entry = self.entry(id);
        match side {
            Side::Here => &mut entry.here,
            Side::There => &mut entry.there,
        }
    }

    fn take(&mut self, step: &Step) {
        match step.clone() {
            Step::Compare { .. } => {}
            Step::Link { here, there } => self.join(here, there, Side::There),
            Step::Retie {
                entry,
                newcomer,
                side,
            } => self.join(entry, newcomer, side),
            Step::Create {
                entry,
                side,
                parent,
                name,
            } => {
                let other = self
                    .state(entry, side.other())
                    .clone()
                    .expect("on the other side");
                *self.state(entry, side) = Some(State {
                    parent,
                    name,
                    ..other
                });
            }
            Step::Write {
                entry,
                side,
                overrides,
            } => {
                let other = self
                    .state(entry, side.other())
                    .clone()
                    .expect("on the other side");
                let state = self.state(entry, side).as_mut().expect("on this side");
                let was = std::mem::replace(&mut state.kind, other.kind);
                self.clash(overrides);
                if overrides.is_some() {
                    self.keep(was);
                }
            }
            Step::KeepBoth { entry, copy, clash } => {
                let theirs = self.state(entry, Side::There).clone().expect("on both sides");
                let ours = self.state(entry, Side::Here).as_mut().expect("on both sides");
                let copy = State {
                    name: copy,
                    ..ours.clone()
                };
                ours.kind = theirs.kind;
                self.clash(Some(clash));
                self.add(copy);
            }
            Step::Place {
                entry,
                side,
                parent,
                name,
            } => {
                let state = self.state(entry, side).as_mut().expect("on this side");
                (state.parent, state.name) = (parent, name);
            }
            Step::Trash { entry, side, keeps } => {
                let state = self.state(entry, side).take().expect("on this side");
                if keeps && side == Side::Here {
                    self.add(state);
                } else if keeps {
                    self.keep(state.kind);
                }
            }
            Step::Ask { entry, clash } => {
                self.entry(entry).is_parked = true;
                self.told.push(format!("?{clash:?}"));
            }
            Step::Agree { entry, base } => self.entry(entry).base = Some(base),
            Step::Forget { entry } => {
                self.scene.entries.remove(&entry);
            }
        }
    }

    fn clash(&mut self, clash: Option<Clash>) {
        self.told.extend(clash.map(|clash| format!("~{clash:?}")));
    }

    fn keep(&mut self, kind: Kind) {
        self.told
            .extend(kind.content().map(|content| format!("^{}", content.0)));
    }

    fn add(&mut self, here: State) {
        let last = self.scene.entries.keys().last().map_or(0, |id| id.0);
        let entry = Entry {
            here: Some(here),
            ..Entry::default()
        };
        self.scene.entries.insert(EntryId(last + 100), entry);
    }

    fn join(&mut self, stays: EntryId, ends: EntryId, side: Side) {
        let ended = self.scene.entries.remove(&ends).expect("in the scene");
        *self.state(stays, side) = ended.on(side).cloned();
        let is_folder = self
            .entry(stays)
            .here
            .as_ref()
            .is_some_and(|here| here.kind == Kind::Folder);
        for entry in self.scene.entries.values_mut() {
            for state in [&mut entry.here, &mut entry.there].into_iter().flatten() {
                if state.parent == ends {
                    state.parent = stays;
                }
            }
        }
        let entry = self.entry(stays);
        entry.base.get_or_insert_with(|| Base {
            is_folder,
            ..Base::default()
        });
    }

    /// How many things are on both sides.
    pub(super) fn list_len(&self) -> usize {
        let entries = self.scene.entries.values();
        entries
            .filter(|entry| entry.here.is_some() && entry.there.is_some())
            .count()
    }

    /// What is on a side, in the order of paths.
    fn list(&self, side: Side) -> String {
        let mut paths: Vec<String> = Vec::new();
        for (id, entry) in &self.scene.entries {
            let Some(state) = entry.on(side) else { continue };
            let ending = match state.kind {
                Kind::Folder => "/".to_owned(),
                Kind::File(content) => format!("={}", content.0),
                Kind::Other => "=*".to_owned(),
            };
            paths.push(format!("{}{ending}", self.scene.path(*id, Some(side))));
        }
        paths.sort();
        if paths.is_empty() {
            return "nothing".to_owned();
        }
        paths.join(", ")
    }

    /// Both sides, once if they are alike, and what was told: `?` a question, `~` a conflict, `^` a content of theirs
    /// that became a version here.
    pub(super) fn outcome(&self) -> String {
        let (here, there) = (self.list(Side::Here), self.list(Side::There));
        let mut lines = if here == there {
            vec![if here.is_empty() {
                "nothing".to_owned()
            } else {
                here
            }]
        } else {
            vec![format!("here {here} | there {there}")]
        };
        lines.extend(self.told.iter().cloned());
        lines.join(" ")
    }
}

fn read(word: &str, folder: impl Fn(&str) -> EntryId) -> State {
    let (word, obstacle) = match word.strip_suffix('!') {
        Some(word) => (word, Some(Obstacle::TooLarge { most_bytes: 1 })),
        None => (word, None),
    };
    let (word, second) = match word.split_once('@') {
        Some((word, second)) => (word, second.parse().expect("a second")),
        None => (word, 0),
    };
    let (path, kind) = match word.split_once('=') {
        Some((path, "*")) => (path, Kind::Other),
        Some((path, content)) => (path, Kind::File(Content(content.parse().expect("a content")))),
        None => (word.trim_end_matches('/'), Kind::Folder),
    };
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (folder(parent), name),
        None => (EntryId::ROOT, path),
    };
    State {
        parent,
        name: Name::from(name.replace('+', " ")),
        kind,
        size_bytes: 1,
        changed: Millis(TODAY + second * 1000),
        obstacle,
    }
}
