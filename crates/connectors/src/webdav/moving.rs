//! Other names and places, the trash, and back.

use super::WebDav;
use super::ask::refused;
use super::place::Place;
use super::probe::ODD;
use super::props::Found;
use crate::{Item, Relocate, RemoteError, Tag};

/// Where deleted things wait.
pub(super) const TRASH: &str = ".cumuli-trash";

impl WebDav {
    pub(super) async fn relocated(&self, from: &Place, relocate: Relocate<'_>) -> Result<Item, RemoteError> {
        let (above, name) = from.split().ok_or_else(root_stays)?;
        let parent = match relocate.parent {
            Some(id) => Place::parse(id).ok_or(RemoteError::NotFound)?,
            None => above,
        };
        let to = match relocate.name {
            Some(name) => self.place(&parent.id(), name)?,
            None => parent.join(name),
        };
        let found = self.look(from).await?.ok_or(RemoteError::NotFound)?;
        check(&found, relocate.expected)?;
        if to == *from {
            return Ok(found.into_item(from, true));
        }
        if to.is_within(from) {
            return Err(refused(403, "a folder cannot go into itself"));
        }
        // Not every server that is told to write over nothing does so.
        if self.look(&to).await?.is_some() && !is_same_but_case(from, &to) {
            return Err(RemoteError::Exists);
        }
        self.shift(from, &found, &to, false).await?;
        let there = self.look(&to).await?.ok_or(RemoteError::NotFound)?;
        Ok(there.into_item(&to, true))
    }

    /// Puts something into the trash: below a folder whose name has the time, and where it was.
    pub(super) async fn put_away(&self, place: &Place, expected: Option<&Tag>) -> Result<(), RemoteError> {
        self.put_into_trash(place, expected).await.map(drop)
    }

    /// The same with a folder in which nothing was found. Something that came in between is there again afterwards, and
    /// that is `Changed`: the protocol knows no delete of empty folders alone.
    pub(super) async fn put_empty_away(
        &self,
        place: &Place,
        expected: Option<&Tag>,
    ) -> Result<(), RemoteError> {
        let Some(kept) = self.put_into_trash(place, expected).await? else {
            return Ok(());
        };
        let inside = match self.inside(&kept).await {
            Err(RemoteError::NotFound) => return Ok(()),
            inside => inside?,
        };
        if inside.is_empty() {
            return Ok(());
        }
        match self.make(place).await {
            Ok(()) | Err(RemoteError::Exists) => {}
            Err(error) => return Err(error),
        }
        for (from, found) in inside {
            let (_, name) = from.split().ok_or_else(root_stays)?;
            match self.shift(&from, &found, &place.join(name), false).await {
                // What has its name by now came later.
                Ok(()) | Err(RemoteError::NotFound | RemoteError::Exists) => {}
                Err(error) => return Err(error),
            }
        }
        Err(RemoteError::Changed)
    }

    /// Where it is in the trash then; `None` when it was gone.
    async fn put_into_trash(
        &self,
        place: &Place,
        expected: Option<&Tag>,
    ) -> Result<Option<Place>, RemoteError> {
        let (_, name) = place.split().ok_or_else(root_stays)?;
        let Some(found) = self.look(place).await? else {
            return Ok(None);
        };
        check(&found, expected)?;
        let all = Place::root().join(TRASH);
        let now_ms = self.client.now().0.max(0);
        let into = all.join(&format!("{now_ms:015}-{}-{}", self.random(), mark(place)));
        match self.make(&into).await {
            Err(RemoteError::NotFound) => {
                match self.make(&all).await {
                    // Another server was faster.
                    Ok(()) | Err(RemoteError::Exists) => {}
                    Err(error) => return Err(error),
                }
                self.make(&into).await?;
            }
            made => made?,
        }
        let kept = into.join(&self.kept_name(name));
        match self.shift(place, &found, &kept, false).await {
            Err(RemoteError::NotFound) => Ok(None),
            moved => moved.map(|()| Some(kept)),
        }
    }

    /// Brings back what went into the trash last from that place, if the place is free.
    pub(super) async fn brought_back(&self, place: &Place) -> Result<Item, RemoteError> {
        let (above, name) = place.split().ok_or(RemoteError::NotFound)?;
        let kept = self.kept(place).await?;
        let there = self.look(place).await?;
        let Some(kept) = kept else {
            // An earlier try brought it back.
            return Ok(there.ok_or(RemoteError::NotFound)?.into_item(place, true));
        };
        if there.is_some() {
            return Err(RemoteError::Exists);
        }
        let from = kept.join(&self.kept_name(name));
        let found = self.look(&from).await?.ok_or(RemoteError::NotFound)?;
        for depth in 1..=above.0.len() {
            match self.make(&Place(above.0[..depth].to_vec())).await {
                Ok(()) | Err(RemoteError::Exists) => {}
                Err(error) => return Err(error),
            }
        }
        self.shift(&from, &found, place, false).await?;
        self.discard(&kept).await;
        let there = self.look(place).await?.ok_or(RemoteError::NotFound)?;
        Ok(there.into_item(place, true))
    }

    /// What something is called in the trash.
    fn kept_name(&self, name: &str) -> String {
        if self.features.has_odd_names {
            name.to_owned()
        } else {
            name.replace(ODD, "_")
        }
    }

    /// The folder in the trash that holds what was at that place, the newest.
    async fn kept(&self, place: &Place) -> Result<Option<Place>, RemoteError> {
        let all = Place::root().join(TRASH);
        let told = match self
            .propfind(&all, super::ask::Depth::Children, super::props::ASKED)
            .await
        {
            Err(RemoteError::NotFound) => return Ok(None),
            told => told?,
        };
        let mark = mark(place);
        let of_it = told.into_iter().map(|(kept, _)| kept).filter(|kept| {
            kept.split()
                .is_some_and(|(above, name)| above == all && name.ends_with(&mark))
        });
        Ok(of_it.max())
    }
}

/// What names of folders in the trash end with, so that what was at a place is found again.
fn mark(place: &Place) -> String {
    outbound::sha256_hex([place.id().0.as_bytes()])[..16].to_owned()
}

fn is_same_but_case(one: &Place, other: &Place) -> bool {
    one.id().0.to_lowercase() == other.id().0.to_lowercase()
}

fn root_stays() -> RemoteError {
    refused(403, "the folder itself stays where it is")
}

fn check(found: &Found, expected: Option<&Tag>) -> Result<(), RemoteError> {
    match expected {
        Some(expected) if found.tag().as_ref() != Some(expected) => Err(RemoteError::Changed),
        _ => Ok(()),
    }
}
