//! Public links: making, changing and revoking them.

use aws_lc_rs::hmac;
use catalog::Tx;
use model::{Actor, Link, LinkId, LinkMode, Millis, Node, NodeId, NodePath, Right, limits};

use crate::access::{self, Found, Hold};
use crate::sessions::secret_hash;
use crate::shares::giveable;
use crate::{Hub, HubError, Keys, Part, accounts, cursors, keys};

/// Links that one person may have, and those that one node shows.
const LINKS_OF_USER: u64 = 10_000;
const LINKS_OF_NODE: u32 = 1000;
/// Rows that one look takes in, and looks that one page may take.
const LOOK_ROWS: u32 = 500;
const LOOKS: usize = 20;
/// Letters of a token: 22 of 62 hold 128 bits.
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters in a token.
const TOKEN_LETTERS: usize = 22;

/// A link to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// The node.
    pub node: NodeId,
    /// What it is for.
    pub mode: LinkMode,
    /// What its maker calls it; may be empty.
    pub label: String,
    /// What visitors have to know.
    pub password: Option<String>,
    /// When it ends.
    pub expires_ms: Option<Millis>,
    /// How many downloads it allows.
    pub most_downloads: Option<u64>,
}

/// What to change about a link. What is not given stays; `Some(None)` takes a limit away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkChange {
    /// What it is for.
    pub mode: Option<LinkMode>,
    /// What its maker calls it.
    pub label: Option<String>,
    /// What visitors have to know.
    pub password: Option<Option<String>>,
    /// When it ends.
    pub expires_ms: Option<Option<Millis>>,
    /// How many downloads it allows.
    pub most_downloads: Option<Option<u64>>,
}

/// A link as its maker and the owner of the node see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The link.
    pub link: Link,
    /// The secret part of its address; `None` for who did not make it, or after the server's secret
    /// was changed: the link itself goes on working.
    pub token: Option<String>,
    /// What it opens.
    pub node: Node,
    /// Its path, as far as the one who asks may see it.
    pub path: NodePath,
}

/// One page of links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkPage {
    /// The links, the newest first.
    pub items: Vec<LinkRow>,
    /// Opens the next page; `None` on the last.
    pub next: Option<String>,
}

impl Hub {
    /// Makes a public link of a node.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (who may not share it, or not that much), `Conflict` (a root; a drop
    /// link of a file; too many), `Invalid`.
    pub async fn create_link(&self, actor: &Actor, new: NewLink) -> Result<LinkRow, HubError> {
        let label = accounts::text("label", &new.label)?;
        let password_hash = self.hash_link_password(new.password.as_deref()).await?;
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let user = access::user(&actor)?;
            let now = hub.now();
            check_limits(new.expires_ms, new.most_downloads, now)?;
            let mut tx = hub.write().await?;
            let found = giveable(&mut tx, &actor, (new.node, needed(new.mode)), Hold::Yes).await?;
            check_mode(new.mode, &found.node)?;
            if tx.link_count(user).await? >= LINKS_OF_USER {
                return Err(HubError::Conflict(
                    "there are 10,000 links of yours; remove one first",
                ));
            }
            let link = Link {
                id: LinkId::new(now, keys::random()),
                node: new.node,
                space: found.space.id,
                given_by: user,
                mode: new.mode,
                has_password: password_hash.is_some(),
                label,
                expires_ms: new.expires_ms,
                most_downloads: new.most_downloads,
                downloads: 0,
                created_ms: now,
                changed_ms: now,
                used_ms: None,
            };
            let token = token(hub.keys(), link.id);
            tx.create_link(&link, secret_hash(&token), password_hash.as_deref())
                .await?;
            tx.commit().await?;
            Ok(row(link, Some(token), found))
        })
        .await
    }

    /// Changes a link; visitors notice at once.
    ///
    /// # Errors
    /// As [`Hub::create_link`]; `NotFound` for a link of which one is neither maker nor owner.
    pub async fn change_link(
        &self,
        actor: &Actor,
        id: LinkId,
        change: LinkChange,
    ) -> Result<LinkRow, HubError> {
        let password_hash = match &change.password {
            Some(password) => Some(self.hash_link_password(password.as_deref()).await?),
            None => None,
        };
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let mut link = own_link(&mut tx, &actor, id).await?;
            let mode = change.mode.unwrap_or(link.mode);
            let found = giveable(&mut tx, &actor, (link.node, needed(mode)), Hold::Yes).await?;
            check_mode(mode, &found.node)?;
            link.mode = mode;
            link.expires_ms = change.expires_ms.unwrap_or(link.expires_ms);
            link.most_downloads = change.most_downloads.unwrap_or(link.most_downloads);
            if change.expires_ms.is_some() || change.most_downloads.is_some() {
                check_limits(change.expires_ms.flatten(), link.most_downloads, now)?;
            }
            if let Some(label) = &change.label {
                link.label = accounts::text("label", label)?;
            }
            link.changed_ms = now;
            tx.change_link(&link).await?;
            if let Some(hash) = password_hash {
                link.has_password = hash.is_some();
                tx.set_link_password(id, hash.as_deref()).await?;
            }
            let token = hub.known_token(&mut tx, &actor, &link).await?;
            tx.commit().await?;
            Ok(row(link, token, found))
        })
        .await
    }

    /// Revokes a link, at once.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_link(&self, actor: &Actor, id: LinkId) -> Result<(), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            let link = own_link(&mut tx, &actor, id).await?;
            // An upload through it that is being written down ends first.
            tx.lock_space(link.space).await?;
            tx.remove_link(id).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Finds a link of which the actor is the maker or whose node is theirs.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn link(&self, actor: &Actor, id: LinkId) -> Result<LinkRow, HubError> {
        let mut tx = self.read().await?;
        let link = own_link(&mut tx, actor, id).await?;
        let found = access::node(&mut tx, actor, link.node, Right::View, Hold::No).await?;
        let token = self.known_token(&mut tx, actor, &link).await?;
        Ok(row(link, token, found))
    }

    /// Lists the actor's links, the newest first. Those of what lies in the trash are left out.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn links(&self, actor: &Actor, part: Part) -> Result<LinkPage, HubError> {
        let user = access::user(actor)?;
        let scope = format!("links {user}");
        let mut after: Option<(Millis, LinkId)> = match &part.cursor {
            Some(cursor) => Some(cursors::open(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut tx = self.read().await?;
        let mut items = Vec::new();
        let mut look_rows = part.limit + 1;
        for _ in 0..LOOKS {
            let links = tx.links_by_giver(user, after, look_rows).await?;
            let is_last = links.len() < look_rows as usize;
            for link in links {
                if items.len() == part.limit as usize {
                    let next = after.map(|place| cursors::seal(self.keys(), &scope, &place));
                    return Ok(LinkPage { items, next });
                }
                after = Some((link.created_ms, link.id));
                match access::node(&mut tx, actor, link.node, Right::View, Hold::No).await {
                    Ok(found) => {
                        let token = self.known_token(&mut tx, actor, &link).await?;
                        items.push(row(link, token, found));
                    }
                    Err(HubError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            if is_last {
                return Ok(LinkPage { items, next: None });
            }
            look_rows = LOOK_ROWS;
            tokio::task::yield_now().await;
        }
        let next = after.map(|place| cursors::seal(self.keys(), &scope, &place));
        Ok(LinkPage { items, next })
    }

    /// Lists the links of a node, the oldest first: the owner sees all, others those that they made.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (who may not share it).
    pub async fn node_links(&self, actor: &Actor, node: NodeId) -> Result<Vec<LinkRow>, HubError> {
        let mut tx = self.read().await?;
        let found = giveable(&mut tx, actor, (node, Right::View), Hold::No).await?;
        let mut rows = Vec::new();
        for link in tx.links_of_node(node, LINKS_OF_NODE).await? {
            if found.right == Right::Own || Some(link.given_by) == actor.user() {
                let token = self.known_token(&mut tx, actor, &link).await?;
                rows.push(row(link, token, found.clone()));
            }
        }
        Ok(rows)
    }

    /// The token of a link, for its maker, as long as the server's secret gives the same.
    async fn known_token(&self, tx: &mut Tx, actor: &Actor, link: &Link) -> Result<Option<String>, HubError> {
        if actor.user() != Some(link.given_by) {
            return Ok(None);
        }
        let token = token(self.keys(), link.id);
        let known = tx.link_token_hash(link.id).await?;
        Ok(Some(token).filter(|token| known.as_deref() == Some(secret_hash(token).as_slice())))
    }

    async fn hash_link_password(&self, password: Option<&str>) -> Result<Option<String>, HubError> {
        let Some(password) = password else {
            return Ok(None);
        };
        if password.is_empty() || password.len() > *limits::PASSWORD_BYTES.end() {
            let problem = format!(
                "give 1 to {} bytes, or null for none",
                limits::PASSWORD_BYTES.end()
            );
            return Err(HubError::invalid("password", problem));
        }
        Ok(Some(self.hash_password(password).await?))
    }
}

/// The token of a link. It follows from its id and the server's secret: it can be shown again though
/// only its hash is kept.
fn token(keys: &Keys, id: LinkId) -> String {
    let tag = hmac::sign(keys.link(), id.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&tag.as_ref()[..16]);
    let mut rest = u128::from_be_bytes(bytes);
    let letters = std::iter::repeat_with(|| {
        let letter = LETTERS[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
        char::from(letter)
    });
    letters.take(TOKEN_LETTERS).collect()
}

/// The right that a link of this mode gives away.
const fn needed(mode: LinkMode) -> Right {
    match mode {
        LinkMode::View => Right::View,
        LinkMode::Edit | LinkMode::Drop => Right::Edit,
    }
}

fn check_mode(mode: LinkMode, node: &Node) -> Result<(), HubError> {
    if mode == LinkMode::Drop && !node.is_folder() {
        return Err(HubError::Conflict("files can be dropped into a folder only"));
    }
    Ok(())
}

fn check_limits(
    expires_ms: Option<Millis>,
    most_downloads: Option<u64>,
    now: Millis,
) -> Result<(), HubError> {
    if expires_ms.is_some_and(|end| end <= now) {
        return Err(HubError::invalid(
            "expires_at",
            "this time is over; give a later one",
        ));
    }
    if most_downloads == Some(0) || most_downloads.is_some_and(|most| i64::try_from(most).is_err()) {
        return Err(HubError::invalid(
            "max_downloads",
            "give 1 or more, or null for no limit",
        ));
    }
    Ok(())
}

/// Finds a link of which the actor is the maker or whose node is in their space.
async fn own_link(tx: &mut Tx, actor: &Actor, id: LinkId) -> Result<Link, HubError> {
    let not_found = || HubError::NotFound("link");
    let user = access::user(actor)?;
    let link = tx.link(id).await?.ok_or_else(not_found)?;
    let owner = tx.space_of(link.node).await?.map(|(_, owner)| owner);
    if link.given_by != user && owner != Some(user) {
        return Err(not_found());
    }
    Ok(link)
}

fn row(link: Link, token: Option<String>, found: Found) -> LinkRow {
    let path = found.path();
    LinkRow {
        link,
        token,
        node: found.into_node(),
        path,
    }
}
