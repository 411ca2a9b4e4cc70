//! The two kinds of value that are one thing or another: a scalar or a list, a rank or "full".

use super::located::Located;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A scalar, or a list of scalars that makes a family.
#[derive(Clone, Debug)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<Located<T>>),
}

/// What lists may hold.
pub(super) trait Scalar: for<'de> Deserialize<'de> + Copy {
    const EXPECTED: &'static str;
}

impl Scalar for f64 {
    const EXPECTED: &'static str = "a number or a list of numbers";
}

impl Scalar for u64 {
    const EXPECTED: &'static str = "an integer, at least 0, or a list of such integers";
}

impl Scalar for usize {
    const EXPECTED: &'static str = "an integer, at least 1, or a list of such integers";
}

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            OneOrMany::One(value) => value.serialize(serializer),
            OneOrMany::Many(values) => values.serialize(serializer),
        }
    }
}

impl<'de, T: Scalar> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Scalar> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(OneOrMany::One)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(OneOrMany::Many(values))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrList", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "uniqueItems": true }] })
    }
}

/// A rank, or the word "full".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RankValue {
    Rank(usize),
    Full,
}

impl Serialize for RankValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            RankValue::Rank(rank) => rank.serialize(serializer),
            RankValue::Full => "full".serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RankValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RankVisitor)
    }
}

struct RankVisitor;

impl Visitor<'_> for RankVisitor {
    type Value = RankValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer, at least 1, or \"full\"")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<RankValue, E> {
        usize::deserialize(value.into_deserializer()).map(RankValue::Rank)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<RankValue, E> {
        if value == "full" { Ok(RankValue::Full) } else { Err(E::unknown_variant(value, &["full"])) }
    }
}

impl JsonSchema for RankValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rank".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "const": "full" }] })
    }
}
