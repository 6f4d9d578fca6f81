//! A plan is made once more from a capsule.

use connectors::NameRules;
use sync_plan::{Base, Content, Direction, Drift, EntryId, Kind, NameLimits};

use super::*;

const NAMES: NameLimits = NameLimits {
    longest: NameRules::ANY.longest,
    counts_utf16: false,
    forbidden: "*:?",
    forbids_controls: true,
    forbidden_ends: ".",
    forbidden_starts: &[],
    reserved: &["CON"],
    forbidden_parts: &[],
    folds_case: true,
};

fn rules() -> Rules<'static> {
    Rules {
        direction: Direction::TwoWay,
        drift: Drift::Leave,
        policy: Policy::KeepBoth,
        names: &NAMES,
        has_duplicates: false,
        has_ids: true,
        skew_ms: 2000,
    }
}

fn state(parent: u64, name: &str, kind: Kind) -> State {
    State {
        parent: EntryId(parent),
        name: name.into(),
        kind,
        size_bytes: 7,
        changed: Millis(1000),
        obstacle: None,
    }
}

/// A scene with a new file, one of a name that there cannot be, one that both changed, one that went, and twins.
fn scene() -> Scene {
    let file = |content| Kind::File(Content(content));
    let base = |name: &str, content| Base {
        parent: Some(EntryId(1)),
        names: Some((name.into(), name.into())),
        content: Some(Content(content)),
        is_folder: false,
    };
    let entry = |here, there, base| Entry {
        here,
        there,
        base,
        ..Entry::default()
    };
    let folder = Base {
        parent: Some(EntryId::ROOT),
        names: Some(("Letters".into(), "Letters".into())),
        content: None,
        is_folder: true,
    };
    let entries = [
        entry(
            Some(state(0, "Letters", Kind::Folder)),
            Some(state(0, "Letters", Kind::Folder)),
            Some(folder),
        ),
        entry(Some(state(1, "to Anna.txt", file(1))), None, None),
        entry(Some(state(1, "why?.txt", file(2))), None, None),
        entry(
            Some(state(1, "both.txt", file(3))),
            Some(state(1, "both.txt", file(4))),
            Some(base("both.txt", 5)),
        ),
        entry(
            Some(state(1, "gone.txt", file(6))),
            None,
            Some(base("gone.txt", 6)),
        ),
        entry(Some(state(1, "Twin.txt", file(7))), None, None),
        entry(None, Some(state(1, "twin.txt", file(8))), None),
    ];
    let entries = (1..).zip(entries).map(|(id, entry)| (EntryId(id), entry));
    Scene {
        entries: entries.collect(),
        ..Scene::default()
    }
}

#[test]
fn a_plan_is_made_once_more_from_a_capsule_that_tells_no_names() {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a key of a test");
    let loaded = Loaded {
        scene: scene(),
        ..Loaded::default()
    };
    let told_scene = redacted(&loaded, &mut Redactor::new(&key));
    let text = serde_json::to_string(&told_scene).unwrap();
    for word in ["Letters", "Anna", "why", "both", "gone", "Twin"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let back: CapsuleScene = serde_json::from_str(&text).unwrap();
    assert_eq!(back, told_scene);

    let (before, after) = (plan(&loaded.scene, &rules()), planned(&back, &rules()));

    assert!(before.steps.len() >= 5, "{before:?}");
    // The same steps in the same order, for the same reasons; only the names are others.
    let bare = |plan: &Plan| -> Vec<String> {
        let steps = plan.steps.iter();
        steps
            .map(|planned| {
                let step = format!("{:?}", planned.step);
                let step: Vec<&str> = step.split('"').step_by(2).collect();
                format!("{} {:?}", step.join("_"), planned.why)
            })
            .collect()
    };
    assert_eq!(bare(&before), bare(&after));
    assert_eq!(planned(&back, &rules()), after, "and always the same");
}
