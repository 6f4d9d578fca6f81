//! What people may know of those with whom they share something.

use std::collections::HashMap;

use catalog::Tx;
use model::UserId;

use crate::HubError;

/// A person as those see them who share something with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Stable id.
    pub id: UserId,
    /// Their address.
    pub email: String,
    /// What they call themselves; may be empty.
    pub full_name: String,
    /// Whether they have a profile photo.
    pub has_photo: bool,
}

/// People of one page, each looked up once.
#[derive(Default)]
pub(crate) struct Contacts(HashMap<UserId, Contact>);

impl Contacts {
    pub async fn of(&mut self, tx: &mut Tx, id: UserId) -> Result<Contact, HubError> {
        if let Some(contact) = self.0.get(&id) {
            return Ok(contact.clone());
        }
        let user = tx.user(id).await?.ok_or(HubError::NotFound("person"))?;
        let contact = Contact {
            id,
            email: user.email.to_string(),
            full_name: user.full_name,
            has_photo: user.photo_ms.is_some(),
        };
        self.0.insert(id, contact.clone());
        Ok(contact)
    }
}
