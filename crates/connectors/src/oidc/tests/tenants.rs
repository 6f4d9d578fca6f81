//! A provider with tenants, each of which is an issuer of its own.

use serde_json::{Value, json};

use super::provider::{DISCOVERY, KEYS, Key, Provider};
use super::*;

const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const COMPANY: &str = "3aa4a235-b6e2-48d5-9195-7fcf05b459b0";

fn issuer(provider: &Provider, tenant: &str) -> String {
    format!("{}/{tenant}/v2.0", provider.address)
}

/// A provider that keeps these keys for these issuers.
async fn with_tenants(keys: &[(&Key, Option<&str>)]) -> (Provider, Oidc) {
    let provider = Provider::bare().await;
    let mut document = provider.document();
    document["issuer"] = issuer(&provider, "{tenantid}").into();
    provider.says(&format!("/common/v2.0{DISCOVERY}"), &document);
    let shown = keys.iter().map(|(key, tenant)| {
        let mut shown = key.public();
        if let Some(tenant) = tenant {
            shown["issuer"] = issuer(&provider, tenant).into();
        }
        shown
    });
    provider.says(KEYS, &json!({ "keys": shown.collect::<Vec<Value>>() }));
    let mut options = options(&provider);
    options.issuer = issuer(&provider, "{tenantid}");
    (provider, Oidc::new(options).unwrap())
}

fn claims_of(provider: &Provider, tenant: &str) -> Value {
    claims(provider, &json!({"iss": issuer(provider, tenant), "tid": tenant}))
}

#[tokio::test]
async fn a_person_is_one_of_their_tenant_and_no_address_is_verified() {
    let key = Key::rsa("one");
    let (provider, oidc) = with_tenants(&[(&key, Some("{tenantid}"))]).await;
    for tenant in [PERSONAL, COMPANY] {
        gives(&provider, &key.sign(&claims_of(&provider, tenant)));

        let person = oidc.redeem(&answer("a-code"), NOW).await.unwrap();

        assert_eq!(person.issuer, issuer(&provider, tenant));
        assert_eq!(person.subject, "person-1");
        assert_eq!(person.email.as_deref(), Some("ada@example.org"));
        assert!(!person.is_email_verified, "whatever it says");
    }
}

#[tokio::test]
async fn a_tenant_is_what_issuer_and_token_agree_on() {
    let key = Key::rsa("one");
    let (provider, oidc) = with_tenants(&[(&key, None)]).await;
    for (iss, tid) in [
        (issuer(&provider, PERSONAL), json!(COMPANY)),
        (issuer(&provider, "{tenantid}"), json!("{tenantid}")),
        (issuer(&provider, "common"), json!("common")),
        (issuer(&provider, PERSONAL), json!(null)),
        (issuer(&provider, PERSONAL), json!(7)),
        (issuer(&provider, &"a/".repeat(18)), json!("a/".repeat(18))),
    ] {
        let claims = claims(&provider, &json!({"iss": iss, "tid": tid}));

        let outcome = oidc.check_id_token(&key.sign(&claims), NOW).await;

        assert!(matches!(outcome, Err(OidcError::Token(_))), "{iss} {tid}");
    }
}

#[tokio::test]
async fn a_key_of_one_tenant_signs_for_no_other() {
    let own = Key::p256("one");
    let other = Key::p256("one");
    let (provider, oidc) = with_tenants(&[(&own, Some(PERSONAL)), (&other, Some(COMPANY))]).await;
    for (key, tenant, is_taken) in [
        (&own, PERSONAL, true),
        (&own, COMPANY, false),
        (&other, COMPANY, true),
        (&other, PERSONAL, false),
    ] {
        let token = key.sign(&claims_of(&provider, tenant));

        assert_eq!(
            oidc.check_id_token(&token, NOW).await.is_ok(),
            is_taken,
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn the_issuer_that_comes_back_with_a_code_is_that_of_any_tenant() {
    let (provider, oidc) = with_tenants(&[]).await;

    assert!(oidc.is_issuer(&issuer(&provider, PERSONAL)));
    assert!(!oidc.is_issuer(&issuer(&provider, "common")));
    assert!(!oidc.is_issuer(&format!("{}/evil", issuer(&provider, PERSONAL))));
}
