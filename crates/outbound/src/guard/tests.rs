use std::net::IpAddr;
use std::sync::Arc;

use reqwest::{Method, Url};

use super::*;
use crate::{Call, Client, Dialect, Failure, Patience, Reason, Refusal, Wire};

fn guard(setting: &str) -> Guard {
    Guard::of(&Reach::public(setting).expect("a setting")).expect("a guard")
}

fn asked(setting: &str, url: &str) -> Result<(), Forbidden> {
    guard(setting).check(&Url::parse(url).expect(url))
}

#[test]
fn what_is_not_the_public_internet_has_a_name() {
    for (address, kind) in [
        ("0.0.0.0", "no address"),
        ("0.1.2.3", "no address"),
        ("127.0.0.1", "this machine"),
        ("127.255.255.254", "this machine"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "provider"),
        ("100.100.100.200", "provider"),
        ("100.127.255.255", "provider"),
        ("169.254.169.254", "link-local"),
        ("168.63.129.16", "cloud"),
        ("192.0.0.192", "reserved"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.9", "documentation"),
        ("198.18.0.1", "measurements"),
        ("198.19.255.255", "measurements"),
        ("224.0.0.1", "group"),
        ("239.255.255.255", "group"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "everybody"),
        ("::", "no address"),
        ("::1", "this machine"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "private"),
        ("ff02::1", "group"),
        ("2001:db8::1", "documentation"),
        ("3fff:0:1::", "documentation"),
        ("2001:2::1", "measurements"),
        ("2001:20::1", "reserved"),
        ("64:ff9b:1::1", "reserved"),
        ("100::1", "reserved"),
        ("5f00::1", "reserved"),
        // What holds an address of version 4.
        ("::ffff:127.0.0.1", "this machine"),
        ("::ffff:10.1.2.3", "private"),
        ("::127.0.0.1", "this machine"),
        ("64:ff9b::169.254.169.254", "link-local"),
        ("64:ff9b::a00:1", "private"),
        ("2002:7f00:1::", "this machine"),
        ("2002:c0a8:101::1", "private"),
        // 127.0.0.1 and 10.0.0.1 upside down.
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "this machine"),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", "private"),
    ] {
        let address: IpAddr = address.parse().expect(address);
        let found = kind_of(address);
        assert!(
            found.is_some_and(|found| found.contains(kind)),
            "{address}: {found:?}"
        );
    }
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.129.17",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        // 8.8.8.8 upside down.
        "2001:0:4136:e378:8000:63bf:f7f7:f7f7",
    ] {
        assert_eq!(kind_of(address.parse().expect(address)), None, "{address}");
    }
}

#[test]
fn an_address_is_known_however_it_is_written() {
    for url in [
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.1:8080/",
        "http://%31%32%37.0.0.1/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]:9000/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://0/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://192.168.0.1/",
        "http://[fd00:ec2::254]/",
    ] {
        let refused = asked("", url);
        assert!(
            matches!(refused, Err(Forbidden::Place { .. })),
            "{url}: {refused:?}"
        );
    }
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://:word@example.com/",
        "https://example.com@127.0.0.1/",
        "data:text/plain,x",
    ] {
        assert_eq!(asked("", url), Err(Forbidden::Form), "{url}");
    }
    for url in [
        "https://example.com/",
        "https://example.com./",
        "http://1.1.1.1:9000/",
        "https://[2606:4700::1111]/",
        // Names are judged by what they lead to.
        "http://localhost.example.com/",
        "http://10.0.0.1.example.com/",
    ] {
        assert_eq!(asked("", url), Ok(()), "{url}");
    }
}

#[test]
fn an_operator_allows_networks_and_names() {
    let setting = "10.1.0.0/16, 192.168.7.7, fd12::/16,NAS.home. , minio:9000,minio:9001";
    for (url, is_allowed) in [
        ("http://10.1.2.3/", true),
        ("http://10.2.0.1/", false),
        ("http://192.168.7.7:1/", true),
        ("http://192.168.7.8/", false),
        ("http://[::ffff:10.1.2.3]/", true),
        ("http://[::ffff:10.2.0.1]/", false),
        ("http://[fd12::1]/", true),
        ("http://[fd13::1]/", false),
        ("http://nas.home/", true),
        ("https://nas.home.:5000/", true),
        ("http://minio:9000/", true),
        ("http://minio:9001/", true),
        ("http://127.0.0.1/", false),
        ("http://localhost/", false),
    ] {
        assert_eq!(asked(setting, url).is_ok(), is_allowed, "{url}");
    }
    assert_eq!(
        asked(setting, "http://minio/"),
        Err(Forbidden::Port {
            host: "minio".to_owned()
        })
    );
    assert_eq!(asked("localhost:8090", "http://localhost:8090/"), Ok(()));
    assert_eq!(asked("0.0.0.0/0", "http://10.0.0.1/"), Ok(()));
    assert_eq!(asked("::/0", "http://[fd00::1]/"), Ok(()));
}

#[test]
fn a_wrong_setting_is_told() {
    for setting in [
        "10.0.0.0/33",
        "10.0.0/8",
        "fd00::/129",
        "a b",
        "nas:port",
        "http://nas",
        "1.2.3",
        "nas:",
    ] {
        let told = Reach::public(setting).expect_err(setting);
        assert!(told.contains(setting), "{told}");
    }
    assert_eq!(Reach::public(" , "), Ok(Reach::Public { allowed: Vec::new() }));
}

#[test]
fn one_forbidden_address_of_several_refuses_a_name() {
    let found = |list: &[&str]| -> Vec<SocketAddr> {
        list.iter()
            .map(|text| SocketAddr::new(text.parse().expect("an address"), 0))
            .collect()
    };
    let mixed = found(&["1.1.1.1", "10.0.0.1"]);

    assert_eq!(
        guard("").checked("a.example", &found(&["1.1.1.1", "2606:4700::1111"])),
        Ok(())
    );
    assert_eq!(
        guard("").checked("a.example", &mixed),
        Err(Forbidden::Place {
            host: "a.example".to_owned(),
            kind: "a private address"
        })
    );
    assert_eq!(guard("10.0.0.0/8").checked("a.example", &mixed), Ok(()));
    assert_eq!(guard("A.example").checked("a.example.", &mixed), Ok(()));
}

#[test]
fn a_refusal_names_the_kind_and_the_setting_and_no_address() {
    let refused = guard("").checked("a.example", &[SocketAddr::new([10, 9, 8, 7].into(), 0)]);

    assert_eq!(
        refused.expect_err("refused").to_string(),
        "`a.example` is a private address, which is not asked unless the operator's setting \
         CUMULI_OUTBOUND_ALLOW lists it"
    );
}

struct Plain;

#[async_trait::async_trait]
impl Dialect for Plain {
    async fn authorize(&self, _: &mut Call) -> Result<(), Reason> {
        Ok(())
    }

    fn code(&self, _: &Refusal) -> Option<String> {
        None
    }

    fn is_passing(&self, _: &str) -> bool {
        false
    }

    fn is_full(&self, _: &str) -> bool {
        false
    }

    fn help(&self, _: &Refusal) -> Option<String> {
        None
    }
}

/// The refusal comes from the resolver, through the connection, at the first try.
#[tokio::test]
async fn a_name_that_leads_home_is_not_connected_to() {
    let patience = Patience::default();
    let wire = Wire::open(&Reach::public("").expect("a setting"), patience).expect("a wire");
    let name = "localhost";
    // The check of the address by itself would refuse it before.
    let resolved = guard("").resolve(name.parse().expect("a name")).await;
    let error = resolved.map(|_| ()).expect_err("refused");
    let found = error.downcast_ref::<Forbidden>().expect("by us");
    assert!(
        matches!(
            found,
            Forbidden::Place {
                kind: "this machine itself",
                ..
            }
        ),
        "{found}"
    );

    let client = Client::over(
        wire.clone(),
        "x",
        Arc::new(Plain),
        Arc::new(|| model::Millis(0)),
        patience,
    );
    let refused = client
        .send(&Call::new(Method::GET, "http://localhost:1/".to_owned()))
        .await;
    let Err(Failure::Ours(Reason::Forbidden(_))) = refused else {
        panic!("refused")
    };
    // As the pool tells it.
    let request = reqwest::Request::new(
        Method::GET,
        Url::parse("http://localhost:1/").expect("an address"),
    );
    let error = wire.execute(request).await.expect_err("refused");
    assert!(matches!(
        Failure::silent(error),
        Failure::Ours(Reason::Forbidden(_))
    ));
}
