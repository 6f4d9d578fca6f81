//! Contents that a file had.

use axum::response::Response;
use serde_json::{Value, json};

use super::Drive;
use super::answer::{Fail, empty_response, json_response};
use super::call::{Call, Caller};
use super::file::Revision;

const USUAL_FIELDS: &str = "kind,nextPageToken,revisions(kind,id,mimeType,modifiedTime)";
const USUAL_FIELDS_OF_ONE: &str = "kind,id,mimeType,modifiedTime";
/// Contents of one file that can be kept for good.
const MOST_PINS: usize = 200;

impl Drive {
    /// `GET files/{id}/revisions`.
    pub(super) fn list_revisions(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("pageSize pageToken");
        let mask = call.mask("RevisionList", USUAL_FIELDS)?;
        let switches = self.switches.get();
        let limit = match switches.page_size_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let size = call.page_size(200, 1000)?.min(limit);
        let start: usize = match call.parameter("pageToken") {
            Some(token) => token.parse().map_err(|_| Fail::invalid("pageToken"))?,
            None => 0,
        };
        let world = self.world();
        let file = self.find(&world, caller, id, true)?;
        let view = self.view(&world, &switches, caller, &call.origin);
        let shown = file.revisions.iter().skip(start).take(size);
        let shown: Value = shown.map(|revision| view.revision(revision)).collect();
        let mut body = json!({"kind": "drive#revisionList", "revisions": shown});
        if start + size < file.revisions.len() {
            body["nextPageToken"] = json!((start + size).to_string());
        }
        Ok(json_response(200, &mask.prune(body)))
    }

    /// `GET files/{id}/revisions/{revision}`: about it, or its bytes with `alt=media`.
    pub(super) fn get_revision(
        &self,
        id: &str,
        revision_id: &str,
        call: &Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        call.expect("acknowledgeAbuse");
        let world = self.world();
        let file = self.find(&world, caller, id, true)?;
        let revision = file.revisions.iter().find(|revision| revision.id == revision_id);
        let revision = revision.ok_or_else(|| no_revision(revision_id))?;
        if call.parameter("alt") == Some("media") {
            self.check_download(file, call)?;
            return self.send(&revision.blob, &revision.mime, call);
        }
        let mask = call.mask("Revision", USUAL_FIELDS_OF_ONE)?;
        let switches = self.switches.get();
        let shown = self
            .view(&world, &switches, caller, &call.origin)
            .revision(revision);
        Ok(json_response(200, &mask.prune(shown)))
    }

    /// `PATCH files/{id}/revisions/{revision}`: whether it is kept for good.
    pub(super) async fn update_revision(
        &self,
        id: &str,
        revision_id: &str,
        mut call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        call.expect("");
        let body = call.json().await?;
        let mask = call.mask("Revision", USUAL_FIELDS_OF_ONE)?;
        let pin = body.get("keepForever").and_then(Value::as_bool);
        self.change_revision(id, revision_id, caller, |revisions, at| {
            let pins = revisions.iter().filter(|revision| revision.is_pinned).count();
            if pin == Some(true) && pins >= MOST_PINS {
                return Err(Fail::new(400, "invalid", "Too many revisions are kept forever."));
            }
            revisions[at].is_pinned = pin.unwrap_or(revisions[at].is_pinned);
            Ok(())
        })?;
        let world = self.world();
        let file = self.find(&world, caller, id, true)?;
        let revision = file.revisions.iter().find(|revision| revision.id == revision_id);
        let revision = revision.ok_or_else(|| no_revision(revision_id))?;
        let switches = self.switches.get();
        let shown = self
            .view(&world, &switches, caller, &call.origin)
            .revision(revision);
        Ok(json_response(200, &mask.prune(shown)))
    }

    /// `DELETE files/{id}/revisions/{revision}`.
    pub(super) fn delete_revision(
        &self,
        id: &str,
        revision_id: &str,
        call: &Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        call.expect("");
        self.change_revision(id, revision_id, caller, |revisions, at| {
            if at + 1 == revisions.len() {
                return Err(Fail::new(
                    403,
                    "revisionDeletionNotSupported",
                    "The newest revision stays.",
                ));
            }
            revisions.remove(at);
            Ok(())
        })?;
        Ok(empty_response(204))
    }

    fn change_revision(
        &self,
        id: &str,
        revision_id: &str,
        caller: &Caller,
        change: impl FnOnce(&mut Vec<Revision>, usize) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        let moment = self.moment();
        let mut world = self.world();
        let file = self.find(&world, caller, id, true)?;
        if world.right(&caller.email, file) != Some(true) || !caller.may_write {
            return Err(Fail::no_right(id));
        }
        let at = file
            .revisions
            .iter()
            .position(|revision| revision.id == revision_id);
        let at = at.ok_or_else(|| no_revision(revision_id))?;
        let mut revisions = file.revisions.clone();
        change(&mut revisions, at)?;
        let id = file.id.clone();
        world.change(&id, moment, |file| file.revisions = revisions);
        Ok(())
    }
}

fn no_revision(id: &str) -> Fail {
    Fail::new(404, "notFound", format!("Revision not found: {id}.")).at("revisionId")
}
