use super::super::plan::{Plan, plan};
use super::super::{RcloneImport, ini};
use crate::{Bucket, Credentials, Endpoint};

/// What becomes of the remote `x` of a file.
fn planned(text: &str, places: &[(&str, &str)]) -> Plan {
    let remotes = ini::read(text).unwrap();
    let remote = remotes.iter().find(|remote| remote.name == "x").unwrap();
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let options = RcloneImport {
        places: places.iter().map(owned).collect(),
        endpoints: [("x".to_owned(), "s3.us-west-004.backblazeb2.com".to_owned())].into(),
        ..RcloneImport::default()
    };
    plan(remote, &remotes, &options)
}

#[track_caller]
fn keyed(text: &str, places: &[(&str, &str)]) -> (Endpoint, String) {
    match planned(text, places) {
        Plan::Keyed(endpoint, Credentials::Secret(secret)) => (endpoint, secret),
        Plan::Keyed(endpoint, _) => (endpoint, String::new()),
        Plan::Not(reason) | Plan::Link(reason) => panic!("{reason}"),
        Plan::Account(..) => panic!("an account"),
    }
}

fn bucket(name: &str, prefix: &str, endpoint: Option<&str>) -> Bucket {
    Bucket {
        bucket: name.to_owned(),
        region: None,
        endpoint: endpoint.map(ToOwned::to_owned),
        prefix: prefix.to_owned(),
        path_style: None,
        access_key: "k".to_owned(),
    }
}

const S3: &str = "type = s3\nprovider = AWS\naccess_key_id = k\nsecret_access_key = s\n";

#[test]
fn a_bucket_is_named_by_an_option_or_an_alias() {
    let text = format!("[x]\n{S3}");
    let (endpoint, secret) = keyed(&text, &[("x", "photos")]);
    assert_eq!(endpoint, Endpoint::S3(bucket("photos", "", None)));
    assert_eq!(secret, "s");
    let (endpoint, _) = keyed(&text, &[("x", "/photos/a b//")]);
    assert_eq!(endpoint, Endpoint::S3(bucket("photos", "a b/", None)));

    let aliased = format!(
        "[aws]\n{S3}[mid]\ntype = alias\nremote = aws:photos/2026\n[x]\ntype = alias\nremote = mid:may\n"
    );
    let (endpoint, secret) = keyed(&aliased, &[]);
    assert_eq!(endpoint, Endpoint::S3(bucket("photos", "2026/may/", None)));
    assert_eq!(secret, "s");
}

#[test]
fn a_service_like_s3_keeps_its_address_and_its_style() {
    let text = "[x]\ntype = s3\nprovider = Minio\naccess_key_id = k\nsecret_access_key = s\nregion = eu\n\
        endpoint = minio.example.org:9000/\nforce_path_style = false\n";
    let (endpoint, _) = keyed(text, &[("x", "b")]);
    let expected = Bucket {
        region: Some("eu".to_owned()),
        path_style: Some(false),
        ..bucket("b", "", Some("https://minio.example.org:9000"))
    };
    assert_eq!(endpoint, Endpoint::S3(expected));
}

#[test]
fn a_b2_bucket_needs_the_endpoint_that_rclone_does_not_keep() {
    let text = "[x]\ntype = b2\naccount = 0051f2e3d4c5b6a0000000001\nkey = s\n";
    let (endpoint, secret) = keyed(text, &[("x", "b/p")]);
    let expected = Bucket {
        access_key: "0051f2e3d4c5b6a0000000001".to_owned(),
        ..bucket("b", "p/", Some("https://s3.us-west-004.backblazeb2.com"))
    };
    assert_eq!(endpoint, Endpoint::B2(expected));
    assert_eq!(secret, "s");
}

#[test]
fn a_container_is_opened_by_a_key_a_signature_or_a_connection_string() {
    for (options, place, container, prefix, secret) in [
        (
            "account = me\nkey = a2V5",
            "c",
            "c",
            "",
            "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=a2V5;EndpointSuffix=core.windows.net",
        ),
        (
            "account = me\nkey = a2V5\nendpoint = http://127.0.0.1:10000/me",
            "c/d",
            "c",
            "d/",
            "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:10000/me",
        ),
        (
            "connection_string = AccountName=me;X=y",
            "c",
            "c",
            "",
            "AccountName=me;X=y",
        ),
        (
            "sas_url = https://me.blob.core.windows.net/c?sv=1&sig=a%2Bb%3D",
            "",
            "c",
            "",
            "BlobEndpoint=https://me.blob.core.windows.net;SharedAccessSignature=sv=1&sig=a%2Bb%3D",
        ),
        (
            "sas_url = https://me.blob.core.windows.net/?sv=1&sig=a",
            "c/d/e",
            "c",
            "d/e/",
            "BlobEndpoint=https://me.blob.core.windows.net;SharedAccessSignature=sv=1&sig=a",
        ),
    ] {
        let text = format!("[x]\ntype = azureblob\n{options}\n");
        let (endpoint, told) = keyed(&text, &[("x", place)]);
        let expected = Endpoint::Azure {
            container: container.to_owned(),
            prefix: prefix.to_owned(),
        };
        assert_eq!((endpoint, told.as_str()), (expected, secret), "{options}");
    }
}

#[test]
fn a_webdav_server_is_opened_with_the_revealed_password() {
    let dav = "type = webdav\nurl = https://cloud.example.org/dav/\nvendor = nextcloud\nuser = me\n\
        pass = F5BFH375xMWEAwBc7kBlYHXYt1lr52g\n";
    let (endpoint, secret) = keyed(&format!("[x]\n{dav}"), &[]);
    let webdav = |url: &str| Endpoint::Webdav {
        url: url.to_owned(),
        user: "me".to_owned(),
    };
    assert_eq!(endpoint, webdav("https://cloud.example.org/dav/"));
    assert_eq!(secret, "hunter2");
    let (endpoint, _) = keyed(&format!("[d]\n{dav}[x]\ntype = alias\nremote = d:/a b/ü\n"), &[]);
    assert_eq!(endpoint, webdav("https://cloud.example.org/dav/a%20b/%C3%BC"));
}

#[test]
fn a_folder_of_this_server_is_named_by_its_whole_path() {
    let directory = |path: &str| Endpoint::Directory {
        path: path.to_owned(),
        is_read_only: false,
    };
    assert_eq!(
        keyed("[x]\ntype = local\n", &[("x", "/srv/a")]).0,
        directory("/srv/a")
    );
    assert_eq!(
        keyed("[x]\ntype = alias\nremote = /srv/a/b:c\n", &[]).0,
        directory("/srv/a/b:c")
    );
    let through = "[disk]\ntype = local\n[x]\ntype = alias\nremote = disk:/srv/a\n";
    assert_eq!(keyed(through, &[]).0, directory("/srv/a"));
}

#[test]
fn what_is_not_taken_is_told_with_the_reason() {
    let long = (0..9)
        .map(|n| format!("[a{n}]\ntype = alias\nremote = a{}:\n", n + 1))
        .collect::<String>();
    for (text, words) in [
        ("[x]\nuser = me\n", "no type"),
        ("[x]\ntype = crypt\nremote = a:b\n", "only rclone can read"),
        ("[x]\ntype = sftp\nhost = h\n", "`sftp` is none of the providers"),
        ("[x]\ntype = s3\nenv_auth = true\n", "env_auth"),
        ("[x]\ntype = s3\naccess_key_id = k\n", "no keys"),
        (&format!("[x]\n{S3}"), "--bucket x=NAME"),
        (&format!("[x]\n{S3}session_token = t\n"), "session_token"),
        (&format!("[x]\n{S3}region = other-v2-signature\n"), "version 2"),
        (&format!("[x]\n{}", S3.replace("AWS", "Wasabi")), "no endpoint"),
        (
            &format!("[x]\n{S3}[y]\ntype = alias\nremote = x:b\n"),
            "an alias names the place",
        ),
        ("[x]\ntype = b2\naccount = 1f2e3d4c5b6a\nkey = s\n", "master key"),
        (
            "[x]\ntype = b2\naccount = 0051f2e3d4c5b6a0000000001\n",
            "no application key",
        ),
        ("[x]\ntype = azureblob\naccount = me\nuse_msi = true\n", "use_msi"),
        (
            "[x]\ntype = azureblob\naccount = me\n",
            "neither a key nor a signature",
        ),
        (
            "[x]\ntype = azureblob\nsas_url = https://h/c\n",
            "no address with a signature",
        ),
        ("[x]\ntype = webdav\nuser = me\n", "no url"),
        (
            "[x]\ntype = webdav\nurl = https://h\npass = clear\n",
            "none that rclone obscured",
        ),
        (
            "[x]\ntype = webdav\nurl = https://h\nbearer_token = t\n",
            "bearer_token",
        ),
        (
            "[x]\ntype = webdav\nurl = https://h\nvendor = sharepoint\n",
            "link OneDrive",
        ),
        ("[x]\ntype = local\n", "names no folder"),
        (
            "[x]\ntype = alias\nremote = relative/path\n",
            "does not begin with /",
        ),
        ("[x]\ntype = alias\nremote = y:b\n", "no remote `y`"),
        ("[x]\ntype = alias\nremote = :s3:b\n", "described in place"),
        ("[x]\ntype = alias\nremote = y,a=b:c\n", "described in place"),
        ("[x]\ntype = alias\nremote = x:\n", "an alias of an alias"),
        (
            &format!("[x]\ntype = alias\nremote = a0:\n{long}"),
            "an alias of an alias",
        ),
        ("[x]\ntype = alias\n", "leads to no remote"),
        (
            "[d]\ntype = drive\n[x]\ntype = alias\nremote = d:a\n",
            "connected as a whole",
        ),
        ("[x]\ntype = drive\nteam_drive = 0A\n", "shared drive"),
        (
            "[x]\ntype = drive\nservice_account_file = /f\n",
            "service_account_file",
        ),
        (
            "[x]\ntype = onedrive\ndrive_type = documentLibrary\n",
            "SharePoint",
        ),
        ("[x]\ntype = onedrive\nregion = cn\n", "national cloud `cn`"),
    ] {
        match planned(text, &[]) {
            Plan::Not(reason) => assert!(reason.contains(words), "{text}: {reason}"),
            _ => panic!("{text} is taken"),
        }
    }
}

#[test]
fn an_account_is_taken_with_a_client_of_its_own_and_else_linked() {
    let token =
        "token = {\"access_token\":\"a\",\"refresh_token\":\"r\",\"expiry\":\"2026-01-01T00:00:00Z\"}\n";
    for kind in ["drive", "onedrive"] {
        let own = format!("[x]\ntype = {kind}\nclient_id = id\nclient_secret = secret\n{token}");
        match planned(&own, &[]) {
            Plan::Account(endpoint, token, client) => {
                assert_eq!(endpoint.kind() == "google", kind == "drive");
                assert_eq!((token.refresh_token.as_str(), client.id.as_str()), ("r", "id"));
                assert_eq!(client.secret, "secret");
            }
            _ => panic!("{kind} is not taken"),
        }
        for (text, words) in [
            (format!("[x]\ntype = {kind}\n{token}"), "rclone's own application"),
            (
                format!("[x]\ntype = {kind}\nclient_id = id\n"),
                "no lasting access",
            ),
            (
                format!("[x]\ntype = {kind}\nclient_id = id\ntoken = {{}}\n"),
                "no lasting access",
            ),
            (format!("{own}root_folder_id = f\n"), "a part of the drive"),
        ] {
            match planned(&text, &[]) {
                Plan::Link(reason) => assert!(reason.contains(words), "{text}: {reason}"),
                _ => panic!("{text} is not to be linked"),
            }
        }
    }
    let narrow = format!("[x]\ntype = drive\nclient_id = id\nscope = drive.readonly\n{token}");
    assert!(matches!(planned(&narrow, &[]), Plan::Link(reason) if reason.contains("drive.readonly")));
}
