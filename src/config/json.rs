//! The JSON schema of the configuration file.

use super::columns::{COLUMNS, DEFAULT};
use super::schema::File;
use serde_json::{Value, json};

/// The JSON schema (draft 2020-12) of the configuration file, for editors. Rules that tie several keys together are checked on loading only.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(File).to_value();
    tidy(&mut schema);
    schema
}

/// What `observables` may hold.
pub(super) fn column_schema() -> Value {
    let names: Vec<&str> = std::iter::once(&DEFAULT).chain(COLUMNS).copied().collect();
    json!({ "enum": names })
}

/// Removes what does not hold in TOML: nulls, and formats of machine integers.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("format");
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(names)) = map.get_mut("enum") {
                names.retain(|name| !name.is_null());
            }
            unwrap_nullable(map);
            map.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// `anyOf: [X, null]` becomes X.
fn unwrap_nullable(map: &mut serde_json::Map<String, Value>) {
    let Some(Value::Array(choices)) = map.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        map.remove("anyOf");
        for (key, value) in only {
            map.entry(key).or_insert(value);
        }
    }
}
