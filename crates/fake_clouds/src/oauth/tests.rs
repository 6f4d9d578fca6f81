//! Claims about codes and tokens.

use super::*;
use crate::{Dice, FakeClock, Record};

const LIVES: Lives = Lives {
    code_ms: 600_000,
    access_ms: 3_600_000,
    refresh_idle_ms: 1_000_000_000,
    refresh_ms: None,
    most_refresh: 2,
};

fn grant() -> Grant {
    Grant {
        client_id: "app".to_owned(),
        account: "ada@example.org".to_owned(),
        scopes: vec!["drive".to_owned()],
        nonce: None,
        is_offline: true,
    }
}

fn tokens() -> (FakeClock, Tokens) {
    let clock = FakeClock::at(0);
    let tokens = Tokens::new(clock.clone(), Dice::new(1), Record::default());
    (clock, tokens)
}

fn ask() -> Ask {
    let client = Client {
        id: "app".to_owned(),
        secret: "secret".to_owned(),
        redirect_uris: vec![],
    };
    let challenge = challenge_of("verifier");
    let query = format!(
        "client_id=app&redirect_uri=http%3A%2F%2Fhere%2Fback&response_type=code&scope=drive\
         &state=0123456789012345678901&code_challenge={challenge}&code_challenge_method=S256"
    );
    Ask::read(&query, &client, &Record::default()).unwrap()
}

fn form(code: &str, verifier: &str) -> TokenForm {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    TokenForm {
        fields: vec![
            field("code", code),
            field("redirect_uri", "http://here/back"),
            field("code_verifier", verifier),
        ],
        is_client: true,
    }
}

#[test]
fn a_code_is_good_once_and_only_with_its_verifier() {
    let (clock, tokens) = tokens();
    let issue = || tokens.issue_code("4/", &ask(), grant(), &LIVES);
    let (good, guessed, late) = (issue(), issue(), issue());

    assert_eq!(tokens.redeem(&form(&good, "verifier")), Ok(grant()));
    assert_eq!(tokens.redeem(&form(&good, "verifier")), Err(CodeError::Used));
    assert_eq!(tokens.redeem(&form(&guessed, "guess")), Err(CodeError::Verifier));
    clock.advance(LIVES.code_ms);
    assert_eq!(tokens.redeem(&form(&late, "verifier")), Err(CodeError::Unknown));
}

#[test]
fn the_oldest_refresh_token_dies_when_there_are_too_many() {
    let (_, tokens) = tokens();
    let given: Vec<String> = (0..3)
        .map(|_| tokens.issue_refresh("1//", &grant(), &LIVES))
        .collect();
    let is_alive = |token: &String| tokens.refresh(token, &LIVES, false).is_ok();

    assert_eq!(
        given.iter().map(is_alive).collect::<Vec<_>>(),
        [false, true, true]
    );
}

#[test]
fn an_access_token_ends_on_the_clock_and_with_its_grant() {
    let (clock, tokens) = tokens();
    let first = tokens.issue_access("ya29.", &grant(), &LIVES);
    assert_eq!(tokens.access(&first).unwrap().grant, grant());
    clock.advance(LIVES.access_ms);
    assert_eq!(tokens.access(&first), None);

    let second = tokens.issue_access("ya29.", &grant(), &LIVES);
    assert!(tokens.revoke(&second));
    assert_eq!(tokens.access(&second), None);
}

#[test]
fn a_replaced_refresh_token_does_not_come_again() {
    let (_, tokens) = tokens();
    let token = tokens.issue_refresh("M.", &grant(), &LIVES);

    assert!(tokens.refresh(&token, &LIVES, true).is_ok());
    let again = tokens.refresh(&token, &LIVES, true).err();
    assert_eq!(again, Some(RefreshError::Replaced));
}

#[test]
fn what_is_encoded_is_decoded() {
    assert_eq!(percent_decode(&encode("a/b c+ü%")), "a/b c+ü%");
    assert_eq!(
        pairs("a=1+2&b=%C3%BC"),
        [("a".into(), "1 2".into()), ("b".into(), "ü".into())]
    );
}
