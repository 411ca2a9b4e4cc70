//! The resolved configuration as text.

use super::schema::File;
use toml_edit::visit_mut::{VisitMut, visit_document_mut};
use toml_edit::{DocumentMut, Formatted};

const HEADER: &str = "# The complete experiment: every default and every seed filled in, paths absolute.\n\n";

/// The file as TOML.
pub(super) fn render(file: &File) -> Result<String, String> {
    let plain = toml::to_string(file).map_err(|error| error.to_string())?;
    let mut document: DocumentMut = plain.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    visit_document_mut(&mut ShortNumbers, &mut document);
    Ok(format!("{HEADER}{document}"))
}

/// Writes floating-point numbers with the fewest digits that give them back, in scientific notation where they are small or large.
struct ShortNumbers;

impl VisitMut for ShortNumbers {
    fn visit_float_mut(&mut self, number: &mut Formatted<f64>) {
        if let Ok(toml_edit::Value::Float(short)) = format!("{:?}", number.value()).parse() {
            *number = Formatted::clone(&short);
        }
    }
}
