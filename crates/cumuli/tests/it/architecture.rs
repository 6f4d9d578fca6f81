//! The rules of the layout, held against the manifests and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every crate of ours with the crates of ours that it may import. Imports point down.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sync_plan", &["model"]),
    ("catalog", &["model"]),
    ("outbound", &["model"]),
    ("content", &["model", "outbound"]),
    ("connectors", &["model", "outbound"]),
    (
        "hub",
        &[
            "catalog",
            "connectors",
            "content",
            "model",
            "outbound",
            "sync_plan",
        ],
    ),
    ("sync_run", &["connectors", "hub", "model", "sync_plan"]),
    ("web", &["hub", "model"]),
    (
        "cumuli",
        &[
            "catalog",
            "connectors",
            "content",
            "hub",
            "model",
            "sync_run",
            "web",
        ],
    ),
    (TEST_SUPPORT, &[]),
];

/// For tests of any crate above it, and imported by none.
const TEST_SUPPORT: &str = "fake_clouds";

/// Foreign crates that only some of ours may import.
const OWNERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["catalog"]),
    ("tokio-postgres", &["catalog"]),
    ("tokio-postgres-rustls", &["catalog"]),
    ("deadpool-postgres", &["catalog"]),
    ("axum", &["cumuli", "fake_clouds", "web"]),
    ("tower-http", &["fake_clouds", "web"]),
    ("utoipa", &["web"]),
    ("utoipa-axum", &["web"]),
    ("multer", &["web"]),
    ("include_dir", &["web"]),
    ("hyper", &["cumuli", "fake_clouds"]),
    ("hyper-util", &["cumuli", "fake_clouds"]),
    ("clap", &["cumuli", "fake_clouds"]),
    ("toml", &["cumuli"]),
    ("dotenvy", &["cumuli"]),
    ("tracing-subscriber", &["cumuli"]),
    ("metrics-exporter-prometheus", &["cumuli"]),
    ("jsonwebtoken", &["connectors", "hub"]),
    ("argon2", &["hub"]),
    ("bcrypt", &["hub"]),
    ("image", &["hub"]),
    ("reqwest", &["connectors", "content", "outbound"]),
    ("quick-xml", &["outbound"]),
];

/// All that the nouns may import: no runtime, no database, no protocol.
const OF_MODEL: &[&str] = &[
    "bytes",
    "futures-core",
    "serde",
    "thiserror",
    "unicode-normalization",
    "uuid",
];

/// Files and folders of sources that are there for tests alone.
const TESTS: &[&str] = &[
    "tests",
    "tests.rs",
    "contract.rs",
    "proof",
    "proof.rs",
    "sim",
    "sim.rs",
];

/// Lines that a source file may have.
const MOST_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the folders in `crates`.
fn crates() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("crates")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn manifest(name: &str) -> toml::Table {
    read(&root().join("crates").join(name).join("Cargo.toml"))
        .parse()
        .unwrap()
}

/// What a crate imports when it is not tested.
fn dependencies(name: &str) -> BTreeMap<String, toml::Value> {
    let manifest = manifest(name);
    let tables = ["dependencies", "build-dependencies"].map(|table| manifest.get(table).cloned());
    tables
        .into_iter()
        .flatten()
        .filter_map(|table| table.as_table().cloned())
        .flatten()
        .collect()
}

/// Every file below `folder` whose name ends with one of `ends`, vendored files and builds left out.
fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "vendor" | "target" | "node_modules") {
                    folders.push(path);
                }
            } else if ends.iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Sources of a crate that are not tests.
fn sources(name: &str) -> Vec<PathBuf> {
    let folder = root().join("crates").join(name).join("src");
    let is_test = |path: &PathBuf| {
        let below = path.strip_prefix(&folder).unwrap();
        below.iter().any(|part| TESTS.contains(&part.to_str().unwrap()))
    };
    files(&folder, &[".rs"])
        .into_iter()
        .filter(|path| !is_test(path))
        .collect()
}

/// A source up to its tests, which stand last.
fn code(path: &Path) -> String {
    let text = read(path);
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].to_owned()
}

#[test]
fn the_crates_are_those_of_the_picture() {
    let pictured: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();

    assert_eq!(crates(), pictured);
}

#[test]
fn imports_of_ours_are_those_of_the_picture() {
    for (name, allowed) in EDGES {
        let ours = crates();
        let imported: Vec<String> = dependencies(name)
            .into_keys()
            .filter(|import| ours.contains(import))
            .collect();

        assert_eq!(&imported, allowed, "what `{name}` imports");
        // Tests put real parts together, so they may name what their crate stands on.
        let below = below(name);
        let tested = manifest(name)
            .get("dev-dependencies")
            .and_then(toml::Value::as_table)
            .cloned()
            .unwrap_or_default();
        for import in tested.keys().filter(|import| ours.contains(*import)) {
            assert!(
                below.contains(import.as_str()) || import == TEST_SUPPORT,
                "the tests of `{name}` import `{import}`"
            );
        }
    }
}

/// Every crate that a crate imports, or that one of these imports.
fn below(name: &'static str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut names = vec![name];
    while let Some(name) = names.pop() {
        let direct = EDGES
            .iter()
            .find(|(from, _)| *from == name)
            .map_or(&[][..], |(_, to)| to);
        names.extend(direct.iter().filter(|name| found.insert(**name)));
    }
    found
}

#[test]
fn foreign_crates_stay_where_they_belong() {
    for name in crates() {
        for import in dependencies(&name).keys() {
            let owners = OWNERS
                .iter()
                .find(|(owned, _)| owned == import)
                .map(|(_, owners)| owners);
            if let Some(owners) = owners {
                assert!(
                    owners.contains(&name.as_str()),
                    "`{name}` imports `{import}`, which is for {owners:?}"
                );
            }
        }
    }
    for import in dependencies("model").keys() {
        assert!(OF_MODEL.contains(&import.as_str()), "`model` imports `{import}`");
    }
}

#[test]
fn dependencies_and_lints_are_those_of_the_workspace() {
    for name in crates() {
        let manifest = manifest(&name);
        assert_eq!(
            manifest["lints"]["workspace"].as_bool(),
            Some(true),
            "lints of `{name}`"
        );
        let tests = manifest
            .get("dev-dependencies")
            .and_then(toml::Value::as_table)
            .cloned();
        for (import, from) in dependencies(&name).into_iter().chain(tests.unwrap_or_default()) {
            let is_shared = from.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            assert!(is_shared, "`{name}` names its own version of `{import}`");
        }
    }
}

#[test]
fn only_the_program_reads_the_environment_and_the_clock() {
    // The fakes are a program too.
    for name in crates()
        .iter()
        .filter(|name| *name != "cumuli" && *name != TEST_SUPPORT)
    {
        for path in sources(name) {
            for word in [
                "std::env",
                "env::var",
                "SystemTime::now",
                "Timestamp::now",
                "Zoned::now",
            ] {
                assert!(!code(&path).contains(word), "{} in {}", word, path.display());
            }
        }
    }
}

#[test]
fn nothing_waits_to_be_done() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimplemented", "!("),
    ];
    for path in files(&root().join("crates"), &[".rs", ".js", ".css", ".html", ".sql"]) {
        let text = read(&path);
        for mark in marks {
            assert!(!text.contains(mark), "{mark} in {}", path.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for path in files(&root().join("crates"), &[".rs", ".js", ".css"]) {
        let lines = read(&path).lines().count();

        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_map_names_every_crate() {
    let map = read(&root().join("ARCHITECTURE.md"));
    for name in crates() {
        assert!(
            map.contains(&format!("`{name}`")) || map.contains(&format!("{name}/")),
            "`{name}`"
        );
    }
}

/// A test file that no `mod` line names is never run.
#[test]
fn every_test_file_is_a_module() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for path in files(&tests, &[".rs"]) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap();
        if path == tests.join("main.rs") {
            continue;
        }
        let parent = if folder == tests {
            tests.join("main.rs")
        } else {
            folder.with_extension("rs")
        };

        let line = format!("mod {name};");
        assert!(
            read(&parent)
                .lines()
                .any(|found| found.trim_start_matches("pub ").trim() == line),
            "{} needs `{line}` in {}",
            path.display(),
            parent.display()
        );
    }
}

#[test]
fn documents_name_only_settings_that_exist() {
    let settings = read(&root().join("docs/settings.md"));
    let documents = files(&root().join("deploy"), &[""]);
    for path in documents {
        let text = read(&path);
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let name = word.strip_suffix("_FILE").unwrap_or(word);
            if name.starts_with("CUMULI_") && name.len() > "CUMULI_".len() {
                assert!(
                    settings.contains(&format!("`{name}`")),
                    "{word} in {}",
                    path.display()
                );
            }
        }
    }
}
