//! All files of all accounts, found by id and by folder, and the log of what happened to them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::channels::Channels;
use super::file::{FOLDER, File, Revision};
use crate::dice::LETTERS;
use crate::{Blob, Dice};

/// Revisions that are kept of a file, but for pinned ones.
const MOST_REVISIONS: usize = 100;
/// How deep folders can be in one another.
const MOST_DEPTH: usize = 1000;

/// Somebody with a drive.
#[derive(Debug, Clone)]
pub struct Account {
    /// Their address, which is what the fake calls them by.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The folder at the top of their drive.
    pub root: String,
    /// Their id in permissions.
    pub permission_id: String,
    /// Their id in ID tokens.
    pub subject: String,
    /// How much room they have; `None` is without limit.
    pub limit_bytes: Option<u64>,
    /// How much of it is taken.
    pub used_bytes: u64,
}

/// A drive that belongs to a group.
#[derive(Debug, Clone)]
pub struct SharedDrive {
    /// Its id, which is that of its top folder too.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_ms: i64,
    /// Who may use it.
    pub members: BTreeSet<String>,
}

/// Whose log: an account's address or a shared drive's id.
pub type Corpus = String;

/// What happened last to each file, in the order in which it happened.
#[derive(Debug, Default)]
pub struct Log {
    /// By number.
    pub entries: BTreeMap<u64, Entry>,
    at: HashMap<String, u64>,
}

/// One file that something happened to.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The file.
    pub id: String,
    /// When.
    pub at_ms: i64,
    /// Whether it is gone for those whose log this is.
    pub is_removed: bool,
}

/// What `files.list` still shows of a file.
#[derive(Debug)]
pub struct Before {
    /// The file as it was; `None` if it was not there.
    pub file: Option<File>,
    /// When the truth is seen.
    pub until_ms: i64,
}

/// When something happens, and how long lists do not show it.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Now.
    pub now_ms: i64,
    /// How long `files.list` shows what was before.
    pub list_lag_ms: i64,
}

/// Everything there is.
#[derive(Debug)]
pub struct World {
    dice: Dice,
    files: HashMap<String, File>,
    children: HashMap<String, BTreeMap<u64, String>>,
    lagging: HashMap<String, Before>,
    accounts: BTreeMap<String, Account>,
    /// Drives that belong to groups.
    pub drives: BTreeMap<String, SharedDrive>,
    logs: HashMap<Corpus, Log>,
    /// Ids that were given out and wait to be used.
    pub spare_ids: HashSet<String>,
    born: u64,
    /// The number of the next entry in any log.
    pub next_entry: u64,
    /// Who hears of changes.
    pub channels: Channels,
}

impl World {
    /// Nothing yet.
    pub fn new(dice: Dice, channels: Channels) -> Self {
        Self {
            dice,
            files: HashMap::new(),
            children: HashMap::new(),
            lagging: HashMap::new(),
            accounts: BTreeMap::new(),
            drives: BTreeMap::new(),
            logs: HashMap::new(),
            spare_ids: HashSet::new(),
            born: 0,
            next_entry: 1,
            channels,
        }
    }

    /// An id such as Google's: 33 characters, upper and lower case.
    pub fn new_id(&self) -> String {
        format!("1{}", self.dice.text(32, LETTERS))
    }

    /// The account with this address, made if it is new.
    pub fn account(&mut self, email: &str, now_ms: i64) -> &mut Account {
        if !self.accounts.contains_key(email) {
            let root = format!("0A{}PVA", self.dice.text(14, LETTERS));
            let mut folder = File::new(root.clone(), "My Drive", FOLDER, now_ms);
            folder.owner = Some(email.to_owned());
            folder.modified_by = email.to_owned();
            folder.is_of_app = true;
            self.files.insert(root.clone(), folder);
            let account = Account {
                email: email.to_owned(),
                name: email.split('@').next().unwrap_or(email).to_owned(),
                root,
                permission_id: self.dice.text(20, b"0123456789"),
                subject: self.dice.text(21, b"0123456789"),
                limit_bytes: Some(15 << 30),
                used_bytes: 0,
            };
            self.accounts.insert(email.to_owned(), account);
        }
        self.accounts.get_mut(email).expect("it was put there")
    }

    /// An account that is there.
    pub fn known(&self, email: &str) -> Option<&Account> {
        self.accounts.get(email)
    }

    /// A drive for a group.
    pub fn make_drive(&mut self, name: &str, members: &[&str], now_ms: i64) -> String {
        let id = format!("0A{}Uk9PVA", self.dice.text(11, LETTERS));
        let mut folder = File::new(id.clone(), name, FOLDER, now_ms);
        folder.drive_id = Some(id.clone());
        self.files.insert(id.clone(), folder);
        let drive = SharedDrive {
            id: id.clone(),
            name: name.to_owned(),
            created_ms: now_ms,
            members: members.iter().map(|email| (*email).to_owned()).collect(),
        };
        self.drives.insert(id.clone(), drive);
        id
    }

    /// A file by its id, whoever may see it.
    pub fn file(&self, id: &str) -> Option<&File> {
        self.files.get(id)
    }

    /// All files in no useful order.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// What is in a folder, the oldest first.
    pub fn children(&self, id: &str) -> impl Iterator<Item = &File> {
        let ids = self.children.get(id).into_iter().flat_map(BTreeMap::values);
        ids.filter_map(|id| self.files.get(id))
    }

    /// What lists still show, by file.
    pub fn lagging(&self, now_ms: i64) -> HashMap<&str, &Before> {
        let late = self.lagging.iter().filter(|(_, before)| now_ms < before.until_ms);
        late.map(|(id, before)| (id.as_str(), before)).collect()
    }

    /// The folders above a file, nearest first.
    pub fn above<'a>(&'a self, file: &'a File) -> impl Iterator<Item = &'a File> {
        let up = |file: &&'a File| self.files.get(file.parent.as_deref()?);
        std::iter::successors(up(&file), up).take(MOST_DEPTH)
    }

    /// Whether it or a folder above it is in the trash.
    pub fn is_trashed(&self, file: &File) -> bool {
        file.is_trashed || self.above(file).any(|folder| folder.is_trashed)
    }

    /// Whether somebody may see a file, and then whether they may change it.
    pub fn right(&self, email: &str, file: &File) -> Option<bool> {
        if file.owner.as_deref() == Some(email) {
            return Some(!file.is_read_only);
        }
        if let Some(drive) = file.drive_id.as_ref().and_then(|id| self.drives.get(id)) {
            return drive.members.contains(email).then_some(!file.is_read_only);
        }
        let shared = std::iter::once(file).chain(self.above(file));
        let mut rights = shared.filter_map(|file| file.shared_with.get(email));
        rights.next().map(|may_write| *may_write && !file.is_read_only)
    }

    /// The log of an account or a shared drive.
    pub fn log(&self, corpus: &str) -> Option<&Log> {
        self.logs.get(corpus)
    }

    /// Adds a file; its parent must be there, or none.
    pub fn add(&mut self, mut file: File, moment: Moment) {
        self.born += 1;
        file.born = self.born;
        self.spare_ids.remove(&file.id);
        self.keep_before(&file.id, moment);
        self.count_bytes(&file, true);
        let id = file.id.clone();
        self.attach(&file);
        self.files.insert(id.clone(), file);
        self.log_for_all(&id, moment, false);
    }

    /// Changes a file that is there, and tells everybody who sees it or saw it.
    pub fn change(&mut self, id: &str, moment: Moment, change: impl FnOnce(&mut File)) {
        let seen_before = self.corpora(id);
        self.keep_before(id, moment);
        let Some(mut file) = self.files.remove(id) else {
            return;
        };
        self.detach(&file);
        self.count_bytes(&file, false);
        change(&mut file);
        // Google's numbers jump, for it changes things that nobody sees.
        file.version += 1 + self.dice.below(3);
        self.count_bytes(&file, true);
        self.attach(&file);
        self.files.insert(id.to_owned(), file);
        let sees_now = self.corpora(id);
        for corpus in &sees_now {
            self.write(corpus, id, moment, false);
        }
        for corpus in seen_before.difference(&sees_now) {
            self.write(corpus, id, moment, true);
        }
    }

    /// Puts a new content on top of a file's.
    pub fn set_content(&mut self, id: &str, blob: Blob, mime: &str, by: &str, moment: Moment) {
        let revision_id = self.new_revision_id();
        self.change(id, moment, |file| {
            let revision = Revision {
                id: revision_id,
                blob,
                mime: mime.to_owned(),
                modified_ms: moment.now_ms,
                by: by.to_owned(),
                is_pinned: false,
                name: file.name.clone(),
            };
            file.mime = mime.to_owned();
            file.modified_ms = moment.now_ms;
            file.modified_by = by.to_owned();
            file.revisions.push(revision);
            let loose = file
                .revisions
                .iter()
                .filter(|revision| !revision.is_pinned)
                .count();
            if loose > MOST_REVISIONS
                && let Some(oldest) = file.revisions.iter().position(|revision| !revision.is_pinned)
            {
                file.revisions.remove(oldest);
            }
        });
    }

    /// An id for a content.
    pub fn new_revision_id(&self) -> String {
        format!("0B{}", self.dice.text(50, LETTERS))
    }

    /// Deletes a file for good, with everything in it. `tell_all` is whether the log tells of what was in it.
    pub fn delete(&mut self, id: &str, moment: Moment, tell_all: bool) {
        let mut waiting = vec![id.to_owned()];
        let mut doomed = Vec::new();
        while let Some(id) = waiting.pop() {
            waiting.extend(self.children(&id).map(|child| child.id.clone()));
            doomed.push(id);
        }
        for (at, id) in doomed.iter().enumerate() {
            if at == 0 || tell_all {
                self.log_for_all(id, moment, true);
            } else {
                self.unlog(id);
            }
        }
        for id in doomed {
            self.keep_before(&id, moment);
            if let Some(file) = self.files.remove(&id) {
                self.count_bytes(&file, false);
                self.detach(&file);
                self.children.remove(&id);
            }
        }
    }

    /// Forgets what lists show no more.
    pub fn catch_up(&mut self, now_ms: i64) {
        self.lagging.retain(|_, before| now_ms < before.until_ms);
    }

    fn keep_before(&mut self, id: &str, moment: Moment) {
        if moment.list_lag_ms > 0 {
            self.catch_up(moment.now_ms);
            let file = self.files.get(id).cloned();
            let until_ms = moment.now_ms + moment.list_lag_ms;
            let before = self
                .lagging
                .entry(id.to_owned())
                .or_insert(Before { file, until_ms });
            before.until_ms = until_ms;
        }
    }

    fn attach(&mut self, file: &File) {
        if let Some(parent) = &file.parent {
            let children = self.children.entry(parent.clone()).or_default();
            children.insert(file.born, file.id.clone());
        }
    }

    fn detach(&mut self, file: &File) {
        if let Some(children) = file
            .parent
            .as_ref()
            .and_then(|parent| self.children.get_mut(parent))
        {
            children.remove(&file.born);
        }
    }

    fn count_bytes(&mut self, file: &File, is_added: bool) {
        let owner = file.owner.as_ref().and_then(|owner| self.accounts.get_mut(owner));
        if let Some(owner) = owner {
            let used = file.used_bytes();
            owner.used_bytes = if is_added {
                owner.used_bytes + used
            } else {
                owner.used_bytes.saturating_sub(used)
            };
        }
    }

    /// Whose logs tell of a file.
    fn corpora(&self, id: &str) -> BTreeSet<Corpus> {
        let Some(file) = self.files.get(id) else {
            return BTreeSet::new();
        };
        let people = self
            .accounts
            .keys()
            .filter(|email| self.right(email, file).is_some());
        people.cloned().chain(file.drive_id.clone()).collect()
    }

    fn log_for_all(&mut self, id: &str, moment: Moment, is_removed: bool) {
        for corpus in self.corpora(id) {
            self.write(&corpus, id, moment, is_removed);
        }
    }

    fn write(&mut self, corpus: &str, id: &str, moment: Moment, is_removed: bool) {
        let number = self.next_entry;
        self.next_entry += 1;
        let log = self.logs.entry(corpus.to_owned()).or_default();
        if let Some(old) = log.at.insert(id.to_owned(), number) {
            log.entries.remove(&old);
        }
        let entry = Entry {
            id: id.to_owned(),
            at_ms: moment.now_ms,
            is_removed,
        };
        log.entries.insert(number, entry);
        let state = match self.files.get(id) {
            _ if is_removed => "remove",
            Some(file) if file.is_trashed => "trash",
            _ => "update",
        };
        self.channels.tell(corpus, id, state, moment.now_ms);
    }

    fn unlog(&mut self, id: &str) {
        for log in self.logs.values_mut() {
            if let Some(number) = log.at.remove(id) {
                log.entries.remove(&number);
            }
        }
    }
}
