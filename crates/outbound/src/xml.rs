//! The little XML that services speak.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// How deep elements may lie in one another; object stores need five.
const MOST_DEPTH: usize = 16;

/// An element: its name without a prefix, its own text and the elements in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// The text directly in it.
    pub text: String,
    /// The elements in it, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The first element of that name in it.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All elements of that name in it.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first element of that name in it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }
}

/// Reads a document; `None` when it is not one, or lies too deep.
pub fn parse_xml(bytes: &[u8]) -> Option<Element> {
    let mut reader = Reader::from_reader(bytes);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() > MOST_DEPTH {
                    return None;
                }
                open.push(named(&start)?);
            }
            Event::Empty(start) => open.last_mut()?.children.push(named(&start)?),
            Event::End(_) => {
                let done = open.pop()?;
                open.last_mut()?.children.push(done);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.decode().ok()?),
            Event::GeneralRef(entity) => open.last_mut()?.text.push_str(&resolved(&entity)?),
            Event::Eof => break,
            // What other documents would bring in is none of a service's business.
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
    let mut top = open.pop().filter(|_| open.is_empty())?;
    (top.children.len() == 1).then(|| top.children.remove(0))
}

/// Text that can stand in an element.
pub fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

fn named(start: &BytesStart<'_>) -> Option<Element> {
    let name = std::str::from_utf8(start.local_name().into_inner())
        .ok()?
        .to_owned();
    Some(Element {
        name,
        ..Element::default()
    })
}

fn resolved(entity: &BytesRef<'_>) -> Option<String> {
    if let Some(char) = entity.resolve_char_ref().ok()? {
        return Some(char.to_string());
    }
    resolve_xml_entity(&entity.decode().ok()?).map(str::to_owned)
}
