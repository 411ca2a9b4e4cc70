//! Deserialisation of a document tree, with errors that know the key and its position.

use super::document::{Entry, Node, Value};
use super::error::{Flaw, Kind};
use super::located::LOCATED;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

/// Reads `T` from a document.
pub(super) fn from_document<T: de::DeserializeOwned>(root: &Node) -> Result<T, Flaw> {
    T::deserialize(NodeDeserializer { node: root })
}

fn flaw(kind: Kind) -> Flaw {
    Flaw { span: None, path: Vec::new(), kind }
}

fn owned(names: &'static [&'static str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// serde's name of what was expected, in the words of a user.
fn words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "f64" => "a number".to_owned(),
        "u64" | "usize" => "an integer, at least 0".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        _ if text.starts_with("struct ") => "a table".to_owned(),
        _ => text,
    }
}

fn found(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a floating-point number",
        Unexpected::Str(_) | Unexpected::Char(_) => "a string",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        other => return other.to_string(),
    }
    .to_owned()
}

impl de::StdError for Flaw {}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl de::Error for Flaw {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        flaw(Kind::Invalid { rule: format!("is refused: {message}"), show: true })
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        flaw(Kind::WrongType { found: found(&unexpected), expected: words(expected) })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match unexpected {
            Unexpected::Signed(_) => flaw(Kind::Invalid { rule: format!("is out of range: it must be {}", words(expected)), show: true }),
            _ => flaw(Kind::Invalid { rule: format!("is not allowed: it must be {}", words(expected)), show: true }),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        flaw(Kind::UnknownValue { name: variant.to_owned(), allowed: owned(expected) })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        flaw(Kind::UnknownKey { key: field.to_owned(), allowed: owned(expected) })
    }

    fn missing_field(field: &'static str) -> Self {
        Flaw { span: None, path: vec![field.to_owned()], kind: Kind::Missing { remedy: remedy(field).to_owned() } }
    }
}

/// What to write where a required key is absent.
fn remedy(field: &str) -> &'static str {
    match field {
        "name" => "give it one, such as name = \"first-try\" (letters, digits, _ and -)",
        "record" => "add a table [record] with horizon, the flow time at which trajectories end, such as horizon = 60.0",
        "horizon" => "give the flow time at which trajectories end, such as horizon = 60.0",
        "scale" => "give the size of the initial factors, such as scale = 1e-3",
        "step" => "give the step size, such as step = 0.1, or a list of them",
        "period" => "give the flow time of one turn, such as period = 10.0",
        "interval" => "give the flow time between jumps, such as interval = 1.0",
        "correlation_time" => "give the flow time over which the path forgets, such as correlation_time = 2.0",
        "momentum" => "give the weight of the last step, at least 0 and below 1, such as momentum = 0.9",
        "batch" => "give the number of measurements of a step, such as batch = 1, or a list of them",
        "measurements" => "give the number of measurements that are drawn for a step, such as measurements = 300, or a list of them",
        "threshold" => "give the largest output that a sample counts with, some multiples of ‖U*‖_F², such as threshold = 40.0",
        "file" => "give the path of the file, relative to this one",
        _ => "add it",
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    node: &'a Node,
}

impl NodeDeserializer<'_> {
    fn unexpected(&self) -> Unexpected<'_> {
        match &self.node.value {
            Value::String(text) => Unexpected::Str(text),
            Value::Integer(integer) => Unexpected::Signed(*integer),
            Value::Float(float) => Unexpected::Float(*float),
            Value::Boolean(boolean) => Unexpected::Bool(*boolean),
            Value::Datetime => Unexpected::Other("a date or time"),
            Value::Array(elements) if elements.iter().any(|e| matches!(e.value, Value::Table(_))) => {
                Unexpected::Other("an array of tables")
            }
            Value::Array(_) => Unexpected::Seq,
            Value::Table(_) => Unexpected::Map,
        }
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Flaw;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        let result = match &self.node.value {
            Value::String(text) => visitor.visit_str(text),
            Value::Integer(integer) => visitor.visit_i64(*integer),
            Value::Float(float) => visitor.visit_f64(*float),
            Value::Boolean(boolean) => visitor.visit_bool(*boolean),
            Value::Datetime => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
            Value::Array(elements) => visitor.visit_seq(Elements { elements: elements.iter(), number: 0 }),
            Value::Table(entries) => visitor.visit_map(Entries { entries: entries.iter(), current: None }),
        };
        result.map_err(|error: Flaw| error.located(&self.node.span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(self, name: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Flaw> {
        if name == LOCATED {
            return visitor.visit_seq(Position { node: self.node, part: 0 });
        }
        match self.node.value {
            Value::Table(_) => self.deserialize_any(visitor),
            _ => {
                let error: Flaw = de::Error::invalid_type(self.unexpected(), &"a table");
                Err(error.located(&self.node.span))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Flaw> {
        let result = match &self.node.value {
            Value::String(text) => visitor.visit_enum(IntoDeserializer::<Flaw>::into_deserializer(text.as_str())),
            _ => {
                let one_of = format!("one of \"{}\"", variants.join("\", \""));
                Err(de::Error::invalid_type(self.unexpected(), &one_of.as_str()))
            }
        };
        result.map_err(|error| error.located(&self.node.span))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Start, end and value of a node, for a `Located`.
struct Position<'a> {
    node: &'a Node,
    part: u8,
}

impl<'de> SeqAccess<'de> for Position<'_> {
    type Error = Flaw;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Flaw> {
        self.part += 1;
        match self.part {
            1 => seed.deserialize(self.node.span.start.into_deserializer()).map(Some),
            2 => seed.deserialize(self.node.span.end.into_deserializer()).map(Some),
            3 => seed.deserialize(NodeDeserializer { node: self.node }).map(Some),
            _ => Ok(None),
        }
    }
}

struct Elements<'a> {
    elements: std::slice::Iter<'a, Node>,
    number: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Flaw;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Flaw> {
        let Some(node) = self.elements.next() else { return Ok(None) };
        self.number += 1;
        seed.deserialize(NodeDeserializer { node }).map(Some).map_err(|error| match node.value {
            Value::Table(_) => error.within(address(node, self.number)),
            _ => error,
        })
    }
}

/// How a table in an array is addressed: by its name, or by its number from 1 where it has none.
pub(super) fn address(table: &Node, number: usize) -> String {
    match table.get("name").and_then(Node::as_str) {
        Some(name) => format!("[{name}]"),
        None => format!("[#{number}]"),
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Flaw;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Flaw> {
        self.current = self.entries.next();
        let Some(entry) = self.current else { return Ok(None) };
        let key: StrDeserializer<'_, Flaw> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.located(&entry.key_span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Flaw> {
        let Some(entry) = self.current.take() else { return Err(de::Error::custom("a value without its key")) };
        seed.deserialize(NodeDeserializer { node: &entry.node }).map_err(|error| error.within(entry.key.clone()))
    }
}
