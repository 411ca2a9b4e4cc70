//! Starting points for one's own experiments.

/// Name and text of each template; the first is the one to use by default.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("starter", include_str!("templates/starter.toml")),
    ("photo", include_str!("templates/photo.toml")),
    ("minimal", include_str!("templates/minimal.toml")),
];

/// The text of a template.
///
/// # Errors
/// An unknown name; the message lists the names that exist.
pub fn template(name: &str) -> Result<&'static str, UnknownTemplate> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).ok_or_else(|| UnknownTemplate {
        name: name.to_owned(),
        hint: super::error::nearest(name, TEMPLATES.iter().map(|(known, _)| known))
            .map(|known| format!("did you mean \"{known}\"? "))
            .unwrap_or_default(),
        known: TEMPLATES.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", "),
    })
}

/// A template that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no template \"{name}\": {hint}the templates are {known}")]
pub struct UnknownTemplate {
    name: String,
    hint: String,
    known: String,
}
