//! What has to hold once everything is at rest.

use std::collections::{BTreeMap, BTreeSet};

use hub::{ConflictFilter, Part};
use model::{Change, ChangeKind, Conflict, MirrorDirection, MirrorDrift, RemoteKind};

use super::compare::compare;
use super::drive::text;
use super::play::Play;
use super::tape::Hand;
use super::world::{Ledger, Tree};

/// Writes of the engine, on both sides together, for each deed of a person's, and besides.
const WRITES_PER_ACT: u64 = 16;
const WRITES_BESIDES: u64 = 30;
/// Calls to the provider for each deed and each thing that went wrong, and besides.
const CALLS_PER_ACT: u64 = 200;
const CALLS_BESIDES: u64 = 1000;

/// What is there in the end.
pub(super) struct End {
    pub(super) tree: Tree,
    pub(super) journal: Vec<Change>,
    pub(super) conflicts: Vec<Conflict>,
}

/// Judges a schedule that is at rest.
pub(super) async fn judge(play: &mut Play<'_>) -> Result<(), String> {
    index(play).await?;
    if play.mirror.is_none() {
        return Ok(());
    }
    let end = end(play).await?;
    // What waits for a person keeps what is in it, or is named like it, waiting too.
    let waits = end.conflicts.iter().any(|conflict| conflict.resolution.is_none());
    if !waits {
        nothing_is_left_to_do(play).await?;
        compare(play, &end)?;
    }
    nothing_is_lost(play, &end)?;
    nothing_is_silently_superseded(play, &end)?;
    nothing_is_there_twice(play, &end)?;
    no_name_is_for_the_moment(play, &end)?;
    the_direction_is_kept(play, &end)?;
    a_side_that_nobody_touched_follows(play, &end)?;
    it_is_worth_its_calls(play)?;
    a_lost_cursor_changes_nothing(play, &end).await
}

async fn end(play: &Play<'_>) -> Result<End, String> {
    let desk = play.desk();
    let told = |error: hub::HubError| format!("it cannot be looked at: {error}");
    let part = Part {
        limit: 1000,
        cursor: None,
    };
    let conflicts = desk
        .hub
        .conflicts(desk.who, ConflictFilter::default(), part)
        .await
        .map_err(told)?;
    Ok(End {
        tree: desk.tree(play.mirrored).await.map_err(told)?,
        journal: desk.journal().await.map_err(told)?,
        conflicts: conflicts.items.into_iter().map(|row| row.conflict).collect(),
    })
}

/// I12: no dirty entry, no intent, no failure is left.
async fn nothing_is_left_to_do(play: &Play<'_>) -> Result<(), String> {
    let Some(mirror) = play.mirror else { return Ok(()) };
    let row = play.world.hub().mirror(&play.who, mirror).await;
    let row = row.map_err(|error| format!("the mirror cannot be looked at: {error}"))?;
    if row.mirror.state != model::MirrorState::Active {
        return Err(format!(
            "the mirror is not active: {:?} {:?}",
            row.mirror.state, row.mirror.reason
        ));
    }
    if row.counts.due + row.counts.waiting > 0 || row.mirror.progress.behind_ms.is_some() {
        return Err(format!(
            "something is left to do: {:?}, {} failed, behind {:?}, reason {:?}",
            row.counts, row.failed, row.behind_secs, row.mirror.reason
        ));
    }
    Ok(())
}

/// I1: every content that somebody stored is a version here, unless somebody who saw it replaced it or threw it away
/// there before it ever came.
fn nothing_is_lost(play: &Play<'_>, end: &End) -> Result<(), String> {
    let removed = [ChangeKind::Purged, ChangeKind::VersionRemoved];
    if let Some(change) = end.journal.iter().find(|change| removed.contains(&change.kind)) {
        return Err(format!("something was removed for good: {change:?}"));
    }
    let kept: BTreeSet<&[u8]> = end
        .journal
        .iter()
        .filter_map(|change| play.ledger.of_digest(&change.digest?.0))
        .map(Ledger::plain)
        .collect();
    // What a push leaves alone there stays there.
    let cloud = play.sea.cloud();
    let there: BTreeSet<Vec<u8>> = cloud.tree().into_iter().filter_map(|(_, bytes)| bytes).collect();
    let known = there.iter().chain(&cloud.went_unseen);
    let is_there = |bytes: &[u8]| known.clone().any(|known| Ledger::plain(known) == bytes);
    for (bytes, story) in &play.ledger.stories {
        if !story.is_superseded && !kept.contains(bytes.as_slice()) && !is_there(bytes) {
            return Err(format!("lost: {:?}", text(bytes)));
        }
    }
    Ok(())
}

/// I2: every content that nobody who saw it replaced or threw away is current, or a conflict names it.
fn nothing_is_silently_superseded(play: &Play<'_>, end: &End) -> Result<(), String> {
    let mut current: BTreeSet<Vec<u8>> = BTreeSet::new();
    let here = end
        .tree
        .nodes
        .iter()
        .filter_map(|node| play.ledger.bytes_of(node));
    current.extend(here.map(|bytes| Ledger::plain(bytes).to_vec()));
    {
        let cloud = play.sea.cloud();
        let there = cloud.tree().into_iter().filter_map(|(_, bytes)| bytes);
        let there = there.chain(cloud.went_unseen.iter().cloned());
        current.extend(there.map(|bytes| Ledger::plain(&bytes).to_vec()));
    }
    let named = named_by_conflicts(play, end);
    // A push or pull that undoes what changed on the other side says so in no conflict.
    let may_undo = play.tape.setup.direction != MirrorDirection::TwoWay;
    for (bytes, story) in &play.ledger.stories {
        let is_told = current.contains(bytes) || named.contains(bytes);
        if !story.is_superseded && !story.is_common && !is_told && !may_undo {
            return Err(format!("silently superseded: {:?}", text(bytes)));
        }
    }
    Ok(())
}

/// Contents that conflicts tell of.
fn named_by_conflicts(play: &Play<'_>, end: &End) -> BTreeSet<Vec<u8>> {
    let sides = end
        .conflicts
        .iter()
        .flat_map(|conflict| [&conflict.here, &conflict.there, &conflict.base]);
    let digests = sides.flatten().filter_map(|side| side.digest.clone());
    digests
        .filter_map(|digest| Some(Ledger::plain(play.ledger.of_text(&digest)?).to_vec()))
        .collect()
}

/// I7: nothing that was stored once is there twice, but for what a conflict tells of.
fn nothing_is_there_twice(play: &Play<'_>, end: &End) -> Result<(), String> {
    let mut times: BTreeMap<&[u8], u32> = BTreeMap::new();
    for node in &end.tree.nodes {
        if let Some(bytes) = play.ledger.bytes_of(node) {
            *times.entry(Ledger::plain(bytes)).or_default() += 1;
        }
    }
    let named = named_by_conflicts(play, end);
    // Where ids are paths, what one side renamed while the other moved it is not known again; nor is a file of ours whose
    // call had no answer, where other bytes are stored than were sent.
    let flavour = &play.tape.setup.flavour;
    let hands = |hand| play.tape.acts.iter().any(|(_, act)| act.hand == hand);
    let is_moved_by_both = !flavour.abilities.has_ids && hands(Hand::Here) && hands(Hand::There);
    let is_blind = is_moved_by_both || (flavour.rewrites && play.count.faults > 0);
    for (bytes, times) in times {
        let story = play
            .ledger
            .stories
            .get(bytes)
            .ok_or_else(|| format!("nobody stored {:?}", text(bytes)))?;
        if times > 1 && !story.is_common && !named.contains(bytes) && !has_strays(play) && !is_blind {
            return Err(format!("there {times} times: {:?}", text(bytes)));
        }
    }
    Ok(())
}

/// Whether something of ours may have come so late that it cannot be told from somebody else's: without ids that are given
/// ahead, what was renamed or deleted here before it landed there.
fn has_strays(play: &Play<'_>) -> bool {
    play.count.late > 0 && !play.tape.setup.flavour.abilities.gives_ids
}

/// I11: names that the engine gives for a moment are at rest on no side.
fn no_name_is_for_the_moment(play: &Play<'_>, end: &End) -> Result<(), String> {
    let here = end.tree.nodes.iter().map(|node| node.name.to_string());
    let cloud = play.sea.cloud();
    let there = cloud
        .live()
        .into_iter()
        .map(|number| cloud.things[&number].name.clone());
    let left = here.chain(there).find(|name| name.starts_with(".~"));
    left.map_or(Ok(()), |name| {
        Err(format!("a name for the moment is left: {name}"))
    })
}

/// I14: a push changes nothing here, a pull nothing there.
fn the_direction_is_kept(play: &Play<'_>, end: &End) -> Result<(), String> {
    let by_engine = written_here(play, end);
    match play.tape.setup.direction {
        MirrorDirection::Push if by_engine > 0 => {
            // What was there alone may be kept here as a version or beside before it is replaced.
            let moved = [ChangeKind::Moved, ChangeKind::Trashed];
            let people = play.tape.acts.iter().any(|(_, act)| act.hand == Hand::Here);
            let has_moved = end.journal.iter().any(|change| moved.contains(&change.kind));
            match has_moved && !people {
                true => Err("a push changed the tree here".to_owned()),
                false => Ok(()),
            }
        }
        MirrorDirection::Pull if play.sea.cloud().engine_writes > 0 => Err("a pull wrote there".to_owned()),
        _ => Ok(()),
    }
}

fn written_here(play: &Play<'_>, end: &End) -> u64 {
    end.journal
        .last()
        .map_or(0, |change| change.seq)
        .saturating_sub(play.by_people)
}

/// I5, I18: where only one side was touched, the engine writes to the other one alone.
fn a_side_that_nobody_touched_follows(play: &Play<'_>, end: &End) -> Result<(), String> {
    let here = written_here(play, end);
    let there = play.sea.cloud().engine_writes;
    let hands = |hand| play.tape.acts.iter().any(|(_, act)| act.hand == hand);
    let (by_here, by_there) = (hands(Hand::Here), hands(Hand::There));
    // Names that cannot be beside each other there are changed here.
    let folds = play.tape.setup.flavour.abilities.names.folds_case || play.tape.setup.flavour.rewrites;
    let leaves =
        play.tape.setup.drift == MirrorDrift::Leave || play.tape.setup.direction == MirrorDirection::TwoWay;
    if !by_there && here > 0 && !folds && !has_strays(play) {
        return Err(format!(
            "{here} writes here, though nobody touched the other side"
        ));
    }
    if !by_here && there > 0 && leaves {
        return Err(format!("{there} writes there, though nobody touched this side"));
    }
    if (!by_here || !by_there) && !end.conflicts.is_empty() && !folds {
        return Err(format!(
            "conflicts though one side was not touched: {:?}",
            end.conflicts
        ));
    }
    Ok(())
}

/// I8, I16: what it wrote and asked is in proportion to what people did.
fn it_is_worth_its_calls(play: &Play<'_>) -> Result<(), String> {
    let cloud = play.sea.cloud();
    let most = WRITES_BESIDES + WRITES_PER_ACT * play.count.acts;
    if cloud.engine_writes > most {
        return Err(format!(
            "{} writes there for {} deeds",
            cloud.engine_writes, play.count.acts
        ));
    }
    let events = play.count.acts + play.count.faults;
    let most = CALLS_BESIDES + CALLS_PER_ACT * events;
    if cloud.calls > most {
        return Err(format!("{} calls for {events} deeds and faults", cloud.calls));
    }
    Ok(())
}

/// I4: everything is compared anew, and nothing comes of it.
async fn a_lost_cursor_changes_nothing(play: &mut Play<'_>, before: &End) -> Result<(), String> {
    let state = play.state().await?;
    play.lose_cursor();
    play.compare_all().await?;
    play.rest()
        .await
        .map_err(|why| format!("after the cursor was lost: {why}"))?;
    let after = play.state().await?;
    if after != state {
        return Err(format!(
            "a lost cursor changed something: writes {state:?} became {after:?}"
        ));
    }
    let now = end(play).await?;
    if now.conflicts.len() != before.conflicts.len() {
        return Err("a lost cursor made conflicts".to_owned());
    }
    match now.conflicts.iter().any(|conflict| conflict.resolution.is_none()) {
        true => Ok(()),
        false => nothing_is_left_to_do(play).await,
    }
}

/// What is known of the connection is what is there.
async fn index(play: &Play<'_>) -> Result<(), String> {
    let id = play.connection.connection.id;
    let mut known = BTreeSet::new();
    let mut folders = vec![None];
    while let Some(folder) = folders.pop() {
        let part = Part {
            limit: 1000,
            cursor: None,
        };
        let folder: Option<String> = folder;
        let page = play
            .world
            .hub()
            .remote_items(&play.who, (id, folder.as_deref()), part)
            .await;
        for item in page.map_err(|error| format!("the index: {error}"))?.items {
            if item.kind == RemoteKind::Folder {
                folders.push(Some(item.id.clone()));
            }
            known.insert((item.id, item.parent, item.name, item.revision));
        }
    }
    let cloud = play.sea.cloud();
    let there = cloud.live().into_iter().filter_map(|number| cloud.seen(number));
    let there = there.map(|item| {
        (
            item.id.0,
            item.parent.map(|parent| parent.0),
            item.name,
            item.revision.map(|revision| revision.0),
        )
    });
    let there: BTreeSet<_> = there.collect();
    match known == there {
        true => Ok(()),
        false => Err(format!(
            "the index is not what is there:\n known {known:?}\n there {there:?}"
        )),
    }
}
