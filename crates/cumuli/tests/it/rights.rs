//! Every route about a node, by everybody who could hold something of it, on the node itself and on what
//! lies around it. A route about a node without a row here fails.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::Engine;
use crate::matrix::policy::{About, Body, POLICY, Row};
use crate::matrix::{self, Names};
use crate::people::{Forger, Person, SECRET_KEY, Town, access_key, now_secs, sign};
use crate::wire::{self, Request};

/// What a route needs of the node that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// To see it.
    View,
    /// To change it.
    Edit,
    /// To change it, where it is not what was given itself: that stays where its owner put it.
    EditBelow,
    /// To own it.
    Own,
    /// To own it, where others do not even see it.
    Trash,
}

/// A route about a node, what it needs, and another body than its row in the policy has.
type Rule = (&'static str, &'static str, Need, Option<&'static str>);

const RULES: &[Rule] = &[
    ("GET", "/api/v1/nodes/{id}", Need::View, None),
    ("PATCH", "/api/v1/nodes/{id}", Need::Edit, None),
    ("DELETE", "/api/v1/nodes/{id}", Need::EditBelow, None),
    (
        "POST",
        "/api/v1/nodes/{id}/copy",
        Need::View,
        Some(r#"{"parent_id":"root","name":"{fresh}"}"#),
    ),
    ("PUT", "/api/v1/nodes/{id}/star", Need::View, None),
    ("DELETE", "/api/v1/nodes/{id}/star", Need::View, None),
    ("POST", "/api/v1/folders", Need::Edit, None),
    ("GET", "/api/v1/folders/{id}", Need::View, None),
    ("GET", "/api/v1/folders/{id}/children", Need::View, None),
    ("GET", "/api/v1/folders/{id}/zip", Need::View, None),
    ("GET", "/api/v1/zip", Need::View, None),
    ("POST", "/api/v1/files/{id}/url", Need::View, None),
    ("GET", "/api/v1/search", Need::View, None),
    ("POST", "/api/v1/upload", Need::Edit, None),
    ("PUT", "/api/v1/folders/{id}/files/{name}", Need::Edit, None),
    ("GET", "/api/v1/files/{id}", Need::View, None),
    ("DELETE", "/api/v1/files/{id}", Need::EditBelow, None),
    ("GET", "/api/v1/files/{id}/content", Need::View, None),
    ("HEAD", "/api/v1/files/{id}/content", Need::View, None),
    ("PUT", "/api/v1/files/{id}/content", Need::Edit, None),
    ("GET", "/api/v1/files/{id}/versions", Need::View, None),
    ("DELETE", "/api/v1/files/{id}/versions/{number}", Need::Own, None),
    (
        "GET",
        "/api/v1/files/{id}/versions/{number}/content",
        Need::View,
        None,
    ),
    (
        "HEAD",
        "/api/v1/files/{id}/versions/{number}/content",
        Need::View,
        None,
    ),
    (
        "POST",
        "/api/v1/files/{id}/versions/{number}/restore",
        Need::Edit,
        None,
    ),
    ("POST", "/api/v1/trash/{id}/restore", Need::Trash, None),
    ("DELETE", "/api/v1/trash/{id}", Need::Trash, None),
    ("POST", "/api/v1/shares", Need::Own, None),
    ("GET", "/api/v1/nodes/{id}/access", Need::Own, None),
    ("POST", "/api/v1/links", Need::Own, None),
    ("GET", "/api/v1/nodes/{id}/links", Need::Own, None),
    ("POST", "/file", Need::Edit, None),
    ("GET", "/file/{file_id}", Need::View, None),
    ("PATCH", "/file/{file_id}", Need::Edit, None),
    ("DELETE", "/file/{file_id}", Need::EditBelow, None),
    ("POST", "/drive", Need::Edit, None),
    ("GET", "/drive/{folder_id}", Need::View, None),
    ("PATCH", "/drive/{folder_id}", Need::Edit, None),
    ("DELETE", "/drive/{folder_id}", Need::EditBelow, None),
    ("POST", "/share", Need::Own, None),
    ("POST", "/files/upload", Need::Edit, None),
    ("GET", "/files", Need::View, None),
    ("GET", "/files/{file_id}/download", Need::View, None),
    ("POST", "/files/{file_id}/share", Need::Own, None),
    ("DELETE", "/files/{file_id}", Need::EditBelow, None),
    ("GET", "/download/{filename}", Need::Trash, None),
    ("GET", "/api/v1/files/{id}/replicas", Need::View, None),
    // There is no such mirror, whoever asks.
    (
        "POST",
        "/api/v1/files/{id}/replicas/{mirror}/prove",
        Need::Trash,
        None,
    ),
    (
        "POST",
        "/api/v1/files/{id}/replicas/{mirror}/repair",
        Need::Trash,
        None,
    ),
    // Whether there is a conflict of that id does not depend on who asks.
    ("GET", "/api/v1/conflicts/{id}", Need::Trash, None),
    ("POST", "/api/v1/conflicts/{id}/resolve", Need::Trash, None),
    ("GET", "/api/v1/conflicts/{id}/diff", Need::Trash, None),
    ("POST", "/api/v1/conflicts/{id}/undo", Need::Trash, None),
];

/// What somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Nothing,
    View,
    Edit,
    Own,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Expired,
    Forged,
    Stranger,
    Admin,
    Owner,
    /// Was given the node itself.
    Viewer,
    Editor,
    /// Was given the folder that it is in.
    FolderViewer,
    FolderEditor,
    /// Was given both and lost them.
    Revoked,
}

const EVERYBODY: [Who; 11] = [
    Who::Nobody,
    Who::Expired,
    Who::Forged,
    Who::Stranger,
    Who::Admin,
    Who::Owner,
    Who::Viewer,
    Who::Editor,
    Who::FolderViewer,
    Who::FolderEditor,
    Who::Revoked,
];

/// Where the node that a request names lies, seen from the one that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Itself,
    Above,
    Beside,
    Below,
    Anothers,
}

impl Who {
    fn held(self, place: Place) -> Held {
        let (inner, outer) = match self {
            Self::Nobody | Self::Expired | Self::Forged | Self::Stranger | Self::Admin | Self::Revoked => {
                (Held::Nothing, Held::Nothing)
            }
            Self::Owner => (Held::Own, Held::Own),
            Self::Viewer => (Held::View, Held::Nothing),
            Self::Editor => (Held::Edit, Held::Nothing),
            Self::FolderViewer => (Held::View, Held::View),
            Self::FolderEditor => (Held::Edit, Held::Edit),
        };
        match place {
            Place::Itself | Place::Below => inner,
            Place::Above | Place::Beside => outer,
            Place::Anothers => Held::Nothing,
        }
    }

    /// Whether a place is what they were given itself.
    fn is_top(self, place: Place) -> bool {
        match self {
            Self::Viewer | Self::Editor => place == Place::Itself,
            Self::FolderViewer | Self::FolderEditor => place == Place::Above,
            _ => false,
        }
    }

    fn answer(self, place: Place, need: Need, success: u16) -> u16 {
        if matches!(self, Self::Nobody | Self::Expired | Self::Forged) {
            return 401;
        }
        let held = self.held(place);
        let is_enough = match need {
            Need::View => held >= Held::View,
            Need::Edit => held >= Held::Edit,
            Need::EditBelow => held == Held::Own || held == Held::Edit && !self.is_top(place),
            Need::Own | Need::Trash => held == Held::Own,
        };
        match (is_enough, held) {
            (true, _) => success,
            (false, Held::Nothing) => 404,
            (false, _) if need == Need::Trash => 404,
            (false, _) => 403,
        }
    }
}

/// The people, and what they prove themselves with.
struct Cast {
    town: Town,
    viewer: Person,
    editor: Person,
    folder_viewer: Person,
    folder_editor: Person,
    revoked: Person,
    /// Somebody with things of their own.
    carol: Person,
    expired: String,
    forged: String,
    count: u32,
}

/// What a request may be about, and what was given.
struct Things {
    above: String,
    itself: String,
    beside: String,
    below: Option<String>,
    anothers: String,
}

impl Cast {
    async fn on(engine: Engine) -> Self {
        let town = Town::on(engine).await;
        let host = town.server.host().to_owned();
        let person = async |name: &str| Person::register(&host, &format!("{name}@example.org")).await;
        let forger = Forger::new(&town.alice.access);
        let then = now_secs() - 3600;
        let key = access_key(&[SECRET_KEY.as_bytes(), b"!"].concat());
        Self {
            viewer: person("viewer").await,
            editor: person("editor").await,
            folder_viewer: person("folder.viewer").await,
            folder_editor: person("folder.editor").await,
            revoked: person("revoked").await,
            carol: person("carol").await,
            expired: forger.token(&forger.claims_with(&json!({"iat": then, "exp": then + 900}))),
            forged: sign(
                &key,
                &json!({"alg": "HS256", "typ": "at+jwt"}),
                &forger.claims.to_string(),
            ),
            town,
            count: 0,
        }
    }

    fn proven(&self, who: Who, request: Request) -> Request {
        let person = match who {
            Who::Nobody => return request,
            Who::Expired => return request.bearer(&self.expired),
            Who::Forged => return request.bearer(&self.forged),
            Who::Stranger => &self.town.bob,
            Who::Admin => &self.town.admin,
            Who::Owner => &self.town.alice,
            Who::Viewer => &self.viewer,
            Who::Editor => &self.editor,
            Who::FolderViewer => &self.folder_viewer,
            Who::FolderEditor => &self.folder_editor,
            Who::Revoked => &self.revoked,
        };
        request.bearer(&person.access)
    }

    async fn give(&self, node: &str, to: &Person, right: &str) -> String {
        let body = json!({"node_id": node, "user_id": to.id, "right": right});
        let given = self.town.alice.send(Request::post("/api/v1/shares", &body)).await;
        given.expect(201).field("id")
    }

    /// Makes a tree of the owner's and gives it to those who are to have it.
    async fn things(&mut self, row: &Row) -> Things {
        self.count += 1;
        let (alice, carol) = (&self.town.alice, &self.carol);
        let above = alice.folder(&format!("above{}", self.count)).await;
        let name = format!("anothers{}", self.count);
        let (itself, beside, below, anothers) = match row.about {
            About::Folder => {
                let itself = alice.folder_in(&above, "itself").await;
                let below = alice.folder_in(&itself, "below").await;
                let beside = alice.folder_in(&above, "beside").await;
                (itself, beside, Some(below), carol.folder(&name).await)
            }
            _ => {
                let (itself, beside) = (
                    versions(alice, &above, "itself").await,
                    versions(alice, &above, "beside").await,
                );
                (itself, beside, None, versions(carol, "root", &name).await)
            }
        };
        self.give(&itself, &self.viewer, "view").await;
        self.give(&itself, &self.editor, "edit").await;
        self.give(&above, &self.folder_viewer, "view").await;
        self.give(&above, &self.folder_editor, "edit").await;
        for node in [&itself, &above] {
            let share = self.give(node, &self.revoked, "edit").await;
            let over = Request::new("DELETE", &format!("/api/v1/shares/{share}"));
            self.town.alice.send(over).await.expect(204);
        }
        if row.about == About::Trashed {
            for (person, node) in [(alice, &itself), (alice, &beside), (carol, &anothers)] {
                let delete = Request::new("DELETE", &format!("/api/v1/nodes/{node}"));
                person.send(delete).await.expect(204);
            }
        }
        Things {
            above,
            itself,
            beside,
            below,
            anothers,
        }
    }
}

/// Makes a file with two versions.
async fn versions(person: &Person, folder: &str, name: &str) -> String {
    let target = format!("/api/v1/folders/{folder}/files/{name}");
    person.send(Request::put(&target, b"one")).await.expect(201);
    let second = person.send(Request::put(&target, b"two")).await.expect(200);
    second.field("id")
}

/// What a row can be asked about, by where it lies.
fn places(row: &Row, things: &Things) -> Vec<(Place, String)> {
    let mut places = vec![
        (Place::Itself, things.itself.clone()),
        (Place::Beside, things.beside.clone()),
        (Place::Anothers, things.anothers.clone()),
    ];
    if row.about == About::Folder {
        places.push((Place::Above, things.above.clone()));
    }
    places.extend(things.below.iter().map(|below| (Place::Below, below.clone())));
    places
}

async fn ask(cast: &mut Cast, row: &Row, (need, body): (Need, Option<&'static str>)) -> Vec<String> {
    let row = Row {
        body: body.map_or(row.body, Body::Json),
        ..*row
    };
    let success = row.answers[2];
    let shared = cast.things(&row).await;
    let mut wrong = Vec::new();
    for who in EVERYBODY {
        for (at, (place, id)) in places(&row, &shared).into_iter().enumerate() {
            let expected = who.answer(place, need, success);
            // Who succeeds may change it, so they get one of their own.
            let id = match expected < 400 && row.method != "GET" {
                true => {
                    let own = cast.things(&row).await;
                    places(&row, &own).swap_remove(at).1
                }
                false => id,
            };
            cast.count += 1;
            let fresh = format!("fresh{}", cast.count);
            let name = if place == Place::Beside {
                "beside"
            } else {
                "itself"
            };
            let names = Names::from([
                ("filename", format!("{}_{name}", id.replace('-', ""))),
                ("file_id", id.clone()),
                ("folder_id", id.clone()),
                ("mirror", id.clone()),
                ("id", id),
                ("number", "1".to_owned()),
                ("name", fresh.clone()),
                ("fresh", fresh),
            ]);
            let request = cast.proven(who, matrix::request(&row, &names));
            let reply = cast.town.send(&request).await;
            if reply.status != expected {
                let text = reply.text();
                wrong.push(format!(
                    "{who:?} on {place:?}: {} instead of {expected} ({text})",
                    reply.status
                ));
            }
        }
    }
    wrong
}

#[tokio::test]
async fn everybody_may_do_what_they_were_given_and_no_more() {
    let rules: BTreeSet<_> = RULES.iter().map(|(method, path, ..)| (*method, *path)).collect();
    let about_nodes = |row: &&Row| {
        let abouts = [About::File, About::Folder, About::Version, About::Trashed];
        abouts.contains(&row.about)
    };
    let rows: BTreeSet<_> = POLICY
        .iter()
        .filter(about_nodes)
        .map(|row| (row.method, row.path))
        .collect();
    assert_eq!(
        rules, rows,
        "each route about a node has a rule, and each rule a route"
    );
    for engine in Engine::all() {
        let mut cast = Cast::on(engine).await;
        let mut wrong = Vec::new();
        for (method, path, need, body) in RULES {
            let row = POLICY
                .iter()
                .find(|row| (row.method, row.path) == (*method, *path))
                .unwrap();
            let faults = ask(&mut cast, row, (*need, *body)).await.into_iter();
            wrong.extend(faults.map(|fault| format!("{method} {path}: {fault}")));
        }
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    }
}

/// A token of a public link proves nothing where people sign in.
#[tokio::test]
async fn a_link_is_no_sign_in() {
    let town = Town::on(Engine::Sqlite).await;
    let file = town.alice.file("file", b"one").await;
    let link = Request::post("/api/v1/links", &json!({"node_id": file}));
    let token = town.alice.send(link).await.expect(201).field("token");
    for target in ["/api/v1/me".to_owned(), format!("/api/v1/files/{file}/content")] {
        let request = Request::get(&target).bearer(&token);
        wire::send(town.server.host(), &request).await.expect(401);
    }
}
