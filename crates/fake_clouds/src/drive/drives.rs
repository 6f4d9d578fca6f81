//! Drives that belong to groups.

use axum::response::Response;
use serde_json::{Value, json};

use super::Drive;
use super::answer::{Fail, json_response};
use super::call::{Call, Caller};
use super::world::SharedDrive;
use crate::clock::rfc3339;

impl Drive {
    /// `GET drives`.
    pub(super) fn list_drives(&self, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("pageSize pageToken q useDomainAdminAccess");
        let mask = call.mask("DriveList", "kind,nextPageToken,drives(kind,id,name)")?;
        let size = call.page_size(10, 100)?;
        let start = call.parameter("pageToken").unwrap_or_default();
        let world = self.world();
        let mine = world
            .drives
            .values()
            .filter(|drive| drive.members.contains(&caller.email));
        let mut page: Vec<&SharedDrive> = mine
            .filter(|drive| drive.id.as_str() > start)
            .take(size + 1)
            .collect();
        let mut body = json!({"kind": "drive#driveList"});
        if page.len() > size {
            page.pop();
            body["nextPageToken"] = json!(page.last().map(|drive| &drive.id));
        }
        body["drives"] = page.into_iter().map(show).collect();
        Ok(json_response(200, &mask.prune(body)))
    }

    /// `GET drives/{id}`.
    pub(super) fn get_drive(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("useDomainAdminAccess");
        let mask = call.mask("Drive", "kind,id,name")?;
        let world = self.world();
        let drive = world
            .drives
            .get(id)
            .filter(|drive| drive.members.contains(&caller.email));
        let missing = || Fail::new(404, "notFound", format!("Shared drive not found: {id}")).at("driveId");
        Ok(json_response(200, &mask.prune(show(drive.ok_or_else(missing)?))))
    }
}

fn show(drive: &SharedDrive) -> Value {
    json!({
        "kind": "drive#drive", "id": drive.id, "name": drive.name, "createdTime": rfc3339(drive.created_ms),
        "hidden": false,
    })
}
