//! The JSON schema of the configuration file.

use super::columns::{COLUMNS, DEFAULT};
use super::schema::File;
use serde_json::{Value, json};

/// The JSON schema (draft 2020-12) of the configuration file, for editors. Rules that tie several keys together are checked on loading only.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(File).to_value();
    tidy(&mut schema);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("sweep".into(), sweep_schema());
    }
    schema
}

/// `[sweep]`: read apart from the rest, since its keys are those of the rest.
fn sweep_schema() -> Value {
    let pair = |kind: &str| json!({ "type": "array", "items": { "type": kind }, "minItems": 2, "maxItems": 2 });
    let points = json!({ "type": "integer", "minimum": 2 });
    let range = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "linear": pair("number"), "log": pair("number"), "points": points, "integers": pair("integer"),
            "step": { "type": "integer", "minimum": 1 },
        },
    });
    let strings = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
    let fit = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["x", "y"],
        "properties": {
            "x": { "type": "string" }, "y": { "type": "string" }, "trajectory": { "type": "string" },
            "x_min": { "type": "number" }, "x_max": { "type": "number" },
            "below": { "type": "number", "description": "Not a slope, but how often y stays below this." },
        },
    });
    json!({
        "type": "object",
        "description": "Many experiments of one, for `pgflow sweep`: keys in quotes are axes, such as \"init.gaussian.scale\".",
        "properties": {
            "repeats": { "type": "integer", "minimum": 1, "description": "Number of repetitions; repetition k adds k to repeat_seed." },
            "repeat_seed": { "description": "Keys of the seeds that repetitions move; \"seed\" by default.", "anyOf": strings["anyOf"] },
            "zip": { "type": "array", "items": { "type": "array", "items": { "type": "string" } }, "description": "Axes that move together." },
            "filters": { "description": "Conditions such as \"model.width >= 2*target.rank\"; points that break one are dropped.", "anyOf": strings["anyOf"] },
            "fit": { "description": "What `collect --fit` prints: slopes in logarithms, or probabilities.", "anyOf": [fit, { "type": "array", "items": fit }] },
        },
        "additionalProperties": {
            "description": "An axis: values, a range, or a list of ranges.",
            "anyOf": [range, { "type": "array", "minItems": 1 }],
        },
    })
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
