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
