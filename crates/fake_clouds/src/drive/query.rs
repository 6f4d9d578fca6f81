//! The language of `q`.

use std::collections::BTreeSet;

use crate::clock::parse_rfc3339;

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Everything.
    All,
    /// Both.
    And(Box<Query>, Box<Query>),
    /// One of them.
    Or(Box<Query>, Box<Query>),
    /// Not that.
    Not(Box<Query>),
    /// `'id' in parents`.
    Parent(String),
    /// `'email' in owners`, `writers` or `readers`.
    Person(String, String),
    /// `field operator value`.
    Is(String, Operator, String),
    /// `properties` or `appProperties has {key=… and value=…}`.
    Has(String, String, String),
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    AtMost,
    /// `>`.
    More,
    /// `>=`.
    AtLeast,
    /// `contains`.
    Contains,
}

/// What a search looks at.
pub trait Subject {
    /// The id of the folder that it is in.
    fn parent(&self) -> Option<&str>;
    /// The text of a field that is compared as a text; `None` if the search cannot ask for it.
    fn text(&self, field: &str) -> Option<String>;
    /// The time of a field that is compared as a time.
    fn time_ms(&self, field: &str) -> Option<i64>;
    /// Whether it has that property: `properties` or `appProperties`.
    fn has(&self, field: &str, key: &str, value: &str) -> bool;
    /// Whether that person is one of its `owners`, `writers` or `readers`.
    fn person(&self, field: &str, email: &str) -> bool;
}

const TEXTS: &[&str] = &["name", "fullText", "mimeType"];
const FLAGS: &[&str] = &["trashed", "starred", "sharedWithMe"];
const TIMES: &[&str] = &[
    "modifiedTime",
    "createdTime",
    "viewedByMeTime",
    "sharedWithMeTime",
];

impl Query {
    /// Reads a search. `None` if it is not one.
    pub fn read(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::All);
        }
        let mut reader = Reader {
            tokens: tokens(text)?,
            at: 0,
        };
        let query = reader.either()?;
        (reader.at == reader.tokens.len()).then_some(query)
    }

    /// Whether it finds that.
    pub fn finds(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::All => true,
            Self::And(one, other) => one.finds(subject) && other.finds(subject),
            Self::Or(one, other) => one.finds(subject) || other.finds(subject),
            Self::Not(query) => !query.finds(subject),
            Self::Parent(id) => subject.parent() == Some(id),
            Self::Person(email, field) => subject.person(field, email),
            Self::Has(field, key, value) => subject.has(field, key, value),
            Self::Is(field, operator, value) if TIMES.contains(&field.as_str()) => {
                let (Some(is), Some(asked)) = (subject.time_ms(field), parse_time(value)) else {
                    return false;
                };
                operator.holds(&is, &asked)
            }
            Self::Is(field, operator, value) => is_text(subject, field, *operator, value),
        }
    }

    /// The folders of which one must be the parent of everything that is found; `None` if any folder may be.
    pub fn parents(&self) -> Option<BTreeSet<&str>> {
        match self {
            Self::Parent(id) => Some(BTreeSet::from([id.as_str()])),
            Self::And(one, other) => one.parents().or_else(|| other.parents()),
            Self::Or(one, other) => Some(&one.parents()? | &other.parents()?),
            _ => None,
        }
    }

    /// The same with other ids of folders, such as the real one of `root`.
    pub fn with_parents(self, real: &dyn Fn(String) -> String) -> Self {
        match self {
            Self::Parent(id) => Self::Parent(real(id)),
            Self::And(one, other) => Self::And(
                Box::new(one.with_parents(real)),
                Box::new(other.with_parents(real)),
            ),
            Self::Or(one, other) => Self::Or(
                Box::new(one.with_parents(real)),
                Box::new(other.with_parents(real)),
            ),
            Self::Not(query) => Self::Not(Box::new(query.with_parents(real))),
            other => other,
        }
    }
}

fn is_text(subject: &dyn Subject, field: &str, operator: Operator, value: &str) -> bool {
    let is = subject.text(field).unwrap_or_default().to_lowercase();
    let asked = value.to_lowercase();
    match operator {
        // Google finds words by how they begin, and a type by how it begins.
        Operator::Contains if field == "name" => {
            is.starts_with(&asked)
                || is
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|word| word.starts_with(&asked))
        }
        Operator::Contains => is.contains(&asked),
        other => other.holds(&is, &asked),
    }
}

impl Operator {
    fn holds<T: Ord>(self, is: &T, asked: &T) -> bool {
        match self {
            Self::Equal | Self::Contains => is == asked,
            Self::NotEqual => is != asked,
            Self::Less => is < asked,
            Self::AtMost => is <= asked,
            Self::More => is > asked,
            Self::AtLeast => is >= asked,
        }
    }
}

/// RFC 3339, in UTC where no zone is named.
fn parse_time(text: &str) -> Option<i64> {
    parse_rfc3339(text).or_else(|| parse_rfc3339(&format!("{text}Z")))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

const SIGNS: &[&str] = &["!=", "<=", ">=", "=", "<", ">", "(", ")", "{", "}"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (inside, after) = quoted(&rest[1..])?;
            found.push(Token::Text(inside));
            rest = after;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Some(found)
}

/// A text up to its closing quote; `\` stands before `\` and `'`.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((inside, &text[at + 1..])),
            '\\' => inside.push(chars.next().filter(|(_, c)| matches!(c, '\\' | '\''))?.1),
            c => inside.push(c),
        }
    }
    None
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn is_next(&mut self, token: &Token) -> bool {
        let is_next = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn word(&mut self, word: &str) -> bool {
        self.is_next(&Token::Word(word.to_owned()))
    }

    fn either(&mut self) -> Option<Query> {
        let mut query = self.both()?;
        while self.word("or") {
            query = Query::Or(Box::new(query), Box::new(self.both()?));
        }
        Some(query)
    }

    fn both(&mut self) -> Option<Query> {
        let mut query = self.one()?;
        while self.word("and") {
            query = Query::And(Box::new(query), Box::new(self.one()?));
        }
        Some(query)
    }

    fn one(&mut self) -> Option<Query> {
        match self.next()? {
            Token::Word(word) if word == "not" => Some(Query::Not(Box::new(self.one()?))),
            Token::Sign("(") => {
                let query = self.either()?;
                self.is_next(&Token::Sign(")")).then_some(query)
            }
            Token::Text(text) => self.in_collection(text),
            Token::Word(field) => self.comparison(field),
            Token::Sign(_) => None,
        }
    }

    fn in_collection(&mut self, text: String) -> Option<Query> {
        if !self.word("in") {
            return None;
        }
        match self.next()? {
            Token::Word(field) if field == "parents" => Some(Query::Parent(text)),
            Token::Word(field) if matches!(field.as_str(), "owners" | "writers" | "readers") => {
                Some(Query::Person(text, field))
            }
            _ => None,
        }
    }

    fn comparison(&mut self, field: String) -> Option<Query> {
        if matches!(field.as_str(), "properties" | "appProperties") {
            return self.has(field);
        }
        if field == "sharedWithMe" && !matches!(self.tokens.get(self.at), Some(Token::Sign("=" | "!="))) {
            return Some(Query::Is(field, Operator::Equal, "true".to_owned()));
        }
        let operator = match self.next()? {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("!=") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::AtMost,
            Token::Sign(">") => Operator::More,
            Token::Sign(">=") => Operator::AtLeast,
            Token::Word(word) if word == "contains" => Operator::Contains,
            _ => return None,
        };
        let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        match self.next()? {
            Token::Text(value) if TEXTS.contains(&field.as_str()) => {
                let is_right = is_equality || operator == Operator::Contains;
                is_right.then_some(Query::Is(field, operator, value))
            }
            Token::Text(value) if TIMES.contains(&field.as_str()) => {
                let is_right = operator != Operator::Contains && parse_time(&value).is_some();
                is_right.then_some(Query::Is(field, operator, value))
            }
            Token::Word(value) if FLAGS.contains(&field.as_str()) => {
                let is_right = is_equality && matches!(value.as_str(), "true" | "false");
                is_right.then_some(Query::Is(field, operator, value))
            }
            _ => None,
        }
    }

    fn has(&mut self, field: String) -> Option<Query> {
        let start = [Token::Word("has".to_owned()), Token::Sign("{")];
        if !start.iter().all(|token| self.is_next(token)) {
            return None;
        }
        let key = self.pair("key")?;
        if !self.word("and") {
            return None;
        }
        let value = self.pair("value")?;
        self.is_next(&Token::Sign("}"))
            .then_some(Query::Has(field, key, value))
    }

    fn pair(&mut self, name: &str) -> Option<String> {
        if !self.word(name) || !self.is_next(&Token::Sign("=")) {
            return None;
        }
        match self.next()? {
            Token::Text(text) => Some(text),
            Token::Word(_) | Token::Sign(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Photo;

    impl Subject for Photo {
        fn parent(&self) -> Option<&str> {
            Some("P")
        }
        fn text(&self, field: &str) -> Option<String> {
            let text = match field {
                "name" => "It's a \\ Photo.JPG",
                "mimeType" => "image/jpeg",
                "trashed" => "false",
                _ => return None,
            };
            Some(text.to_owned())
        }
        fn time_ms(&self, _: &str) -> Option<i64> {
            Some(0)
        }
        fn has(&self, field: &str, key: &str, value: &str) -> bool {
            (field, key, value) == ("appProperties", "k", "v")
        }
        fn person(&self, _: &str, email: &str) -> bool {
            email == "ada@example.org"
        }
    }

    #[test]
    fn searches_find_what_they_say() {
        let found = [
            "'P' in parents and trashed=false",
            r"name = 'it\'s a \\ photo.jpg'",
            "name contains 'pho' and not mimeType='application/pdf'",
            "('Q' in parents or 'P' in parents) and trashed = false",
            "modifiedTime > '1969-12-31T00:00:00' and modifiedTime <= '1970-01-01T00:00:00.000Z'",
            "appProperties has { key='k' and value='v' } and 'ada@example.org' in owners",
        ];
        for text in found {
            assert!(Query::read(text).unwrap().finds(&Photo), "{text}");
        }
        for text in [
            "trashed=true",
            "'Q' in parents",
            "name='photo'",
            "not 'P' in parents",
        ] {
            assert!(!Query::read(text).unwrap().finds(&Photo), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_search_is_refused() {
        for text in [
            "name='it's'",
            "name",
            "trashed='false'",
            "parents in 'P'",
            "(trashed=false",
            "name = \"a\"",
        ] {
            assert_eq!(Query::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_folders_of_a_search_are_known_before_it_runs() {
        let query = Query::read("('A' in parents or 'B' in parents) and trashed=false").unwrap();
        assert_eq!(query.parents(), Some(BTreeSet::from(["A", "B"])));
        assert_eq!(
            Query::read("'A' in parents or trashed=true").unwrap().parents(),
            None
        );
    }
}
