//! Numbers in the page: each array once, in base64. 32-bit floats where these keep seven digits of every value, else 64-bit ones.

use serde_json::{Value, json};
use std::collections::HashMap;

/// The arrays of a page.
#[derive(Debug, Default)]
pub(super) struct Arrays {
    stored: Vec<(bool, String)>,
    known: HashMap<(bool, String), usize>,
}

impl Arrays {
    /// The number of an array; equal arrays have one. What is undefined is NaN, whichever.
    pub fn add(&mut self, values: impl Iterator<Item = f64> + Clone) -> usize {
        // Below the least normal number digits are lost, above the largest everything.
        let fits = |x: f64| x == 0.0 || !x.is_finite() || (1e-37..1e38).contains(&x.abs());
        let wide = !values.clone().all(fits);
        let mut bytes = Vec::new();
        for value in values {
            let value = if value.is_nan() { f64::NAN } else { value };
            if wide {
                bytes.extend(value.to_le_bytes());
            } else {
                bytes.extend((value as f32).to_le_bytes());
            }
        }
        let key = (wide, base64(&bytes));
        if let Some(number) = self.known.get(&key) {
            return *number;
        }
        let number = self.stored.len();
        self.stored.push(key.clone());
        self.known.insert(key, number);
        number
    }

    /// As JSON.
    pub fn json(self) -> Value {
        self.stored.into_iter().map(|(wide, base64)| json!({ "wide": wide, "base64": base64 })).collect()
    }
}

/// JSON that can stand in a `script` element: nothing in it opens or closes a tag or a comment.
pub(super) fn script_json(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Bytes in base64 (RFC 4648, with padding).
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |k: usize| u32::from(chunk.get(k).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for k in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * k)) as usize & 63];
            out.push(if k <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_vectors_of_its_standard() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xef, 0xff]), "++//");
    }

    #[test]
    fn equal_arrays_are_stored_once_and_small_values_in_full() {
        let mut arrays = Arrays::default();
        let numbers = |values: &'static [f64]| values.iter().copied();
        assert_eq!(arrays.add(numbers(&[0.0, 1.5, f64::NAN])), 0);
        assert_eq!(arrays.add(numbers(&[1e-40])), 1);
        assert_eq!(arrays.add(numbers(&[0.0, 1.5, -f64::NAN])), 0);
        assert_eq!(arrays.add(numbers(&[-1e300])), 2);
        let json = arrays.json();
        assert_eq!(json[0], json!({ "wide": false, "base64": base64(&[0, 0, 0, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0xc0, 0x7f]) }));
        assert_eq!(json[1], json!({ "wide": true, "base64": base64(&1e-40f64.to_le_bytes()) }));
        assert_eq!(json[2]["wide"], json!(true));
    }

    #[test]
    fn nothing_in_json_ends_a_script() {
        let json = script_json(&json!({ "name": "</script><!-- & \u{2028} \"" }));
        assert!(!json.contains('<') && !json.contains('>') && !json.contains('\u{2028}'));
        let back: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["name"], "</script><!-- & \u{2028} \"");
    }
}
