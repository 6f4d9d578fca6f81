use std::os::unix::fs::PermissionsExt;

use super::*;

fn folder() -> (tempfile::TempDir, DataFolder) {
    let outer = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&outer.path().join("a/b")).unwrap();
    (outer, folder)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_new_folder_is_closed_to_others() {
    let (outer, folder) = folder();

    assert_eq!(mode(folder.path()), 0o700);
    assert_eq!(mode(&outer.path().join("a")), 0o700);
    assert!(!folder.is_open_to_others().unwrap());
}

#[test]
fn a_folder_that_others_may_read_is_told_of() {
    let (_outer, folder) = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();

    assert!(folder.is_open_to_others().unwrap());
}

#[test]
fn a_file_in_its_place_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("data");
    fs::write(&path, "not a folder").unwrap();

    let error = DataFolder::open(&path).err().unwrap();

    assert!(format!("{error:#}").contains("cannot be made"), "{error:#}");
}

#[test]
fn a_second_server_is_refused_until_the_first_goes() {
    let (_outer, folder) = folder();
    let first = folder.lock().unwrap();

    let error = folder.lock().err().unwrap().to_string();
    assert!(error.contains("another server"), "{error}");
    assert!(error.contains(&std::process::id().to_string()), "{error}");

    drop(first);
    folder.lock().unwrap();
}

#[test]
fn a_secret_is_made_once_and_for_this_user_alone() {
    let (_outer, folder) = folder();

    let secret = folder.secret("secret").unwrap();

    assert!(BASE64.decode(secret.expose()).unwrap().len() == SECRET_BYTES);
    assert_eq!(mode(&folder.path().join("keys/secret.key")), 0o600);
    assert_eq!(mode(&folder.path().join("keys")), 0o700);
    assert!(folder.secret("secret").unwrap() == secret);
    assert!(folder.secret("other").unwrap() != secret);
    assert_eq!(fs::read_dir(folder.path().join("keys")).unwrap().count(), 2);
}

#[test]
fn a_weak_or_readable_secret_is_refused() {
    for (text, mode, part) in [
        (BASE64.encode([7; 31]), 0o600, "too short"),
        ("not base64 at all".to_owned(), 0o600, "too short or damaged"),
        (String::new(), 0o600, "too short"),
        (BASE64.encode([0; 32]), 0o600, "all zeros"),
        (BASE64.encode([7; 32]), 0o640, "chmod 600"),
        (BASE64.encode([7; 32]), 0o604, "chmod 600"),
    ] {
        let (_outer, folder) = folder();
        folder.secret("secret").unwrap();
        let path = folder.path().join("keys/secret.key");
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();

        let error = folder.secret("secret").err().unwrap().to_string();

        assert!(error.contains(part), "{error}");
        assert!(text.is_empty() || !error.contains(&text), "{error}");
    }
}

#[test]
fn the_setup_code_stays_the_same_until_it_is_removed() {
    let (_outer, folder) = folder();

    let code = folder.setup_code().unwrap();

    assert_eq!(code.expose().len(), 26 + 5, "26 digits in groups of five");
    assert_eq!(mode(&folder.setup_code_file()), 0o600);
    assert!(folder.setup_code().unwrap() == code);
    folder.remove_setup_code().unwrap();
    folder.remove_setup_code().unwrap();
    assert!(folder.setup_code().unwrap() != code);
}

#[test]
fn base32_is_that_of_crockford() {
    assert_eq!(base32([0xff; 5]), "zzzzzzzz");
    assert_eq!(base32(*b"foobar"), "csqpyrk1e8");
    assert_eq!(base32([0]), "00");
}

/// The key files that there are.
fn key_files(folder: &DataFolder) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("keys")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_changed_key_of_accounts_keeps_the_earlier_one_until_it_is_removed() {
    let (_outer, folder) = folder();
    assert!(folder.token_keys_there().unwrap().is_empty());
    let first = folder.token_keys().unwrap();
    assert_eq!(first, folder.token_keys().unwrap());

    assert_eq!(folder.change_token_key().unwrap(), Change::Made);

    let both = folder.token_keys().unwrap();
    assert_ne!(both[0], first[0]);
    assert_eq!(both[1..], first[..]);
    assert!(folder.has_earlier_token_key());
    assert_eq!(folder.change_token_key().unwrap(), Change::GoesOn);
    assert_eq!(folder.token_keys().unwrap(), both);
    folder.remove_earlier_token_key().unwrap();
    folder.remove_earlier_token_key().unwrap();
    assert_eq!(folder.token_keys().unwrap(), both[..1]);
    assert_eq!(key_files(&folder), ["tokens.key"]);
}

#[test]
fn a_change_of_the_key_that_was_cut_goes_on_and_no_key_is_lost() {
    for step in ["next", "earlier"] {
        let (_outer, folder) = folder();
        let keys = folder.path().join("keys");
        let first = folder.token_keys().unwrap().remove(0);
        // What is on the disk when the process is killed after that step.
        let next = BASE64.encode(random::<SECRET_BYTES>());
        write_private(&keys.join("tokens-next.key"), &next).unwrap();
        if step == "earlier" {
            fs::hard_link(keys.join("tokens.key"), keys.join("tokens-earlier.key")).unwrap();
        }
        let cut = folder.token_keys().unwrap();
        assert_eq!(cut[0], first, "{step}: nothing is sealed with the next one yet");
        assert!(cut.iter().any(|key| key.expose() == next), "{step}");
        assert!(!folder.has_earlier_token_key(), "{step}");

        assert_eq!(folder.change_token_key().unwrap(), Change::Made);

        let after = folder.token_keys().unwrap();
        assert_eq!(after[0].expose(), next, "{step}");
        assert_eq!(after[1..], [first], "{step}");
        assert_eq!(key_files(&folder), ["tokens-earlier.key", "tokens.key"]);
    }
}

#[test]
fn a_damaged_key_of_accounts_is_told_and_never_replaced() {
    let (_outer, folder) = folder();
    folder.token_keys().unwrap();
    let path = folder.path().join("keys/tokens.key");
    fs::write(&path, "damaged").unwrap();

    assert!(folder.token_keys().is_err());
    assert!(folder.change_token_key().is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "damaged");
}
