//! One client: it works, and asks after each death of the server what became of its last request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::eye::{Eye, Seen, Trouble};
use super::ledger::{Kind, Ledger, Place, Thing};
use super::steps::{self, Request, Step};
use crate::harness::{Client, Content, Dice, PATIENCE};

/// What the clients are told about the server.
#[derive(Debug, Clone)]
pub enum Life {
    /// It answers. Lives are numbered.
    Up { number: u64, address: String },
    /// Enough.
    Over,
}

/// Things that a client looks at when the server is back.
const SAMPLE: usize = 2;

/// A client with its own folder.
pub struct Worker {
    pub client: Client,
    pub ledger: Ledger,
    pub dice: Dice,
    /// Acknowledgements, of all workers together.
    acknowledged: Arc<AtomicU64>,
    /// A request that was not answered, or not to its end.
    doubt: Option<Doubt>,
}

struct Doubt {
    step: Step,
    /// Its success was acknowledged; only the rest of the reply is missing.
    is_acknowledged: bool,
}

impl Worker {
    pub fn new(client: Client, ledger: Ledger, dice: Dice, acknowledged: Arc<AtomicU64>) -> Self {
        Self {
            client,
            ledger,
            dice,
            acknowledged,
            doubt: None,
        }
    }

    /// Works until it is told that it is enough.
    pub async fn work(mut self, mut lives: watch::Receiver<Life>) -> Self {
        let mut lived = None;
        loop {
            let next = lives.wait_for(|life| match life {
                Life::Up { number, .. } => Some(*number) > lived,
                Life::Over => true,
            });
            let life = tokio::time::timeout(PATIENCE, next).await;
            let life = life.expect("the server comes back").unwrap().clone();
            let Life::Up { number, address } = life else {
                return self;
            };
            lived = Some(number);
            self.client = self.client.at(&address);
            match self.live(&lives).await {
                Ok(()) => return self,
                Err(Trouble::Cut) => {}
                Err(Trouble::Wrong(what)) => panic!("{what}"),
            }
        }
    }

    /// Works until the server dies, or until it is enough.
    async fn live(&mut self, lives: &watch::Receiver<Life>) -> Seen<()> {
        self.settle().await?;
        self.sample().await?;
        loop {
            if matches!(*lives.borrow(), Life::Over) {
                return Ok(());
            }
            let request = steps::choose(&mut self.ledger, &mut self.dice);
            self.ask(request).await?;
        }
    }

    /// Sends a request and writes down what it did.
    pub async fn ask(&mut self, request: Request) -> Seen<()> {
        self.doubt = Some(Doubt {
            step: request.step.clone(),
            is_acknowledged: false,
        });
        let reply = request.build(&self.client).send().await;
        let reply = reply.map_err(|_| Trouble::Cut)?;
        let status = reply.status().as_u16();
        let is_success = status == request.status;
        self.doubt = Some(Doubt {
            step: request.step,
            is_acknowledged: is_success,
        });
        self.acknowledged
            .fetch_add(u64::from(is_success), Ordering::Relaxed);
        let bytes = reply.bytes().await.map_err(|_| Trouble::Cut)?;
        let Some(Doubt { step, .. }) = self.doubt.take_if(|_| is_success) else {
            let text = String::from_utf8_lossy(&bytes);
            return Err(Trouble::Wrong(format!(
                "{:?}: {status} {text}",
                self.doubt_step()
            )));
        };
        match step {
            Step::Change { id, after } => {
                self.ledger.things.insert(id, after);
            }
            Step::Create { folder, name, kind } => {
                let reply: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                let id = reply["file_id"].as_str().or(reply["id"].as_str()).unwrap();
                self.made(id, folder, (name, kind));
            }
            // The reply tells the file alone; its folder is looked up.
            step @ Step::Path { .. } => {
                self.doubt = Some(Doubt {
                    step,
                    is_acknowledged: true,
                });
                self.settle().await?;
            }
        }
        Ok(())
    }

    fn doubt_step(&self) -> Option<&Step> {
        self.doubt.as_ref().map(|doubt| &doubt.step)
    }

    /// Writes down a new node.
    pub fn made(&mut self, id: &str, folder: String, (name, kind): (String, Kind)) {
        let place = Place::In(folder);
        self.ledger
            .things
            .insert(id.to_owned(), Thing { name, place, kind });
    }

    /// Finds out what became of the request that was cut: all of it, or nothing.
    pub async fn settle(&mut self) -> Seen<()> {
        let Some(Doubt {
            step,
            is_acknowledged,
        }) = &self.doubt
        else {
            return Ok(());
        };
        let (step, is_acknowledged) = (step.clone(), *is_acknowledged);
        let is_done = match step {
            Step::Create { folder, name, kind } => self.settle_new(folder, name, kind).await?,
            Step::Path {
                folder,
                file,
                content,
            } => self.settle_path(folder, file, content).await?,
            Step::Change { id, after } => self.settle_change(id, after).await?,
        };
        if is_acknowledged && !is_done {
            let step = self.doubt_step();
            return Err(Trouble::Wrong(format!("acknowledged and lost: {step:?}")));
        }
        self.doubt = None;
        Ok(())
    }

    /// The id of what is in a folder under a name.
    async fn find(&self, folder: &str, name: &str) -> Seen<Option<String>> {
        let children = Eye(&self.client).children(folder).await?;
        let found = children.iter().find(|node| node["name"] == name);
        Ok(found.map(|node| node["id"].as_str().unwrap().to_owned()))
    }

    async fn settle_new(&mut self, folder: String, name: String, kind: Kind) -> Seen<bool> {
        let Some(id) = self.find(&folder, &name).await? else {
            return Ok(false);
        };
        self.made(&id, folder, (name, kind));
        self.check(&id).await?;
        Ok(true)
    }

    async fn settle_path(&mut self, folder: String, file: String, content: Content) -> Seen<bool> {
        let home = self.ledger.home.clone();
        let Some(folder_id) = self.find(&home, &folder).await? else {
            return Ok(false);
        };
        let Some(file_id) = self.find(&folder_id, &file).await? else {
            return Err(Trouble::Wrong(format!("{folder} was made without {file}")));
        };
        self.made(&folder_id, home, (folder, Kind::Folder));
        let kind = Kind::File([(1, content)].into());
        self.made(&file_id, folder_id.clone(), (file, kind));
        self.check(&folder_id).await?;
        self.check(&file_id).await?;
        Ok(true)
    }

    async fn settle_change(&mut self, id: String, after: Thing) -> Seen<bool> {
        let before = self.ledger.things.insert(id.clone(), after).unwrap();
        let changed = match self.check(&id).await {
            Ok(()) => return Ok(true),
            Err(trouble) => trouble,
        };
        self.ledger.things.insert(id.clone(), before);
        let Trouble::Wrong(not_after) = changed else {
            return Err(changed);
        };
        match self.check(&id).await {
            Ok(()) => Ok(false),
            Err(Trouble::Cut) => Err(Trouble::Cut),
            Err(Trouble::Wrong(not_before)) => Err(Trouble::Wrong(format!(
                "{id} is neither what it was ({not_before}) nor what it should become ({not_after})"
            ))),
        }
    }

    async fn check(&self, id: &str) -> Seen<()> {
        Eye(&self.client)
            .check(&self.ledger, (id, &self.ledger.things[id]))
            .await
    }

    async fn sample(&mut self) -> Seen<()> {
        // A big copy takes longer to read than the server lives.
        let is_small = |thing: &Thing| !matches!(&thing.kind, Kind::Copy(below) if below.len() > 30);
        let things = self.ledger.things.iter();
        let ids: Vec<String> = things
            .filter(|(_, thing)| is_small(thing))
            .map(|(id, _)| id.clone())
            .collect();
        for _ in 0..SAMPLE {
            if let Some(id) = self.dice.pick(&ids) {
                self.check(id).await?;
            }
        }
        Ok(())
    }

    /// Takes everything out of the trash again, and compares all there is, byte for byte.
    pub async fn account_for_all(&mut self) -> Seen<()> {
        self.settle().await?;
        let trashed: Vec<String> = self
            .ledger
            .things
            .iter()
            .filter(|(_, thing)| thing.is_trashed())
            .map(|(id, _)| id.clone())
            .collect();
        for id in trashed {
            self.check(&id).await?;
            let request = steps::restore_of(&self.ledger, id);
            self.ask(request).await?;
        }
        Eye(&self.client)
            .check_folder(&self.ledger, &self.ledger.home)
            .await?;
        for id in self.ledger.things.keys() {
            self.check(id).await?;
        }
        Ok(())
    }
}
