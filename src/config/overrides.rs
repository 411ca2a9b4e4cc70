//! Overrides: `--set key.path=value`.

use super::deserialize::address;
use super::document::{Entry, Node, Texts, Value, parse_value};
use super::error::{Flaw, Kind, nearest};
use super::located::Span;

/// Applies overrides in their order, so that the last one wins.
pub(super) fn apply<'a>(root: &mut Node, overrides: &'a [String], texts: &mut Texts<'a>) -> Result<(), Flaw> {
    overrides.iter().try_for_each(|text| {
        let start = texts.add(text);
        apply_one(root, text, start)
    })
}

fn refuse(span: &Span, message: String) -> Flaw {
    Flaw::at(span.clone(), Kind::Override(message))
}

fn apply_one(root: &mut Node, text: &str, start: usize) -> Result<(), Flaw> {
    let span = start..start + text.len();
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        c == '=' && !quoted
    });
    let Some((path, raw)) = end.and_then(|end| Some((text.get(..end)?, text.get(end + 1..)?))) else {
        return Err(refuse(&span, "a value is missing: write key.path=value, such as record.horizon=10".into()));
    };
    let segments = split_path(path).ok_or_else(|| {
        refuse(&span, format!("`{path}` is no path of a key: write key.path=value, and trajectory[NAME] for the trajectory NAME"))
    })?;
    let value_start = start + path.len() + 1 + (raw.len() - raw.trim_start().len());
    let value = read_value(raw.trim(), value_start)?;
    let key_span = start..start + path.len();
    set(root, &segments, value, &key_span)
}

/// The value as TOML; a string where it is none, so that strings need no quotes of their own under the shell's.
fn read_value(raw: &str, start: usize) -> Result<Node, Flaw> {
    let bare = || Node { span: start..start + raw.len(), value: Value::String(raw.to_owned()) };
    parse_value(raw, start).unwrap_or_else(|| Ok(bare()))
}

/// One segment of a path: a key, and perhaps which table of an array.
#[derive(Debug, PartialEq, Eq)]
struct Segment<'a> {
    key: &'a str,
    element: Option<&'a str>,
}

/// Puts a value at a path, as an override does.
pub(super) fn assign(root: &mut Node, path: &str, value: Node, span: &Span) -> Result<(), Flaw> {
    let wrong = || refuse(span, format!("`{path}` is no path of a key: write key.path, and trajectory[NAME] for the trajectory NAME"));
    set(root, &split_path(path).ok_or_else(wrong)?, value, span)
}

/// The value at a path, if there is one.
pub(super) fn lookup<'n>(root: &'n Node, path: &str) -> Option<&'n Node> {
    split_path(path)?.iter().try_fold(root, |table, segment| {
        let node = table.get(segment.key)?;
        let Some(name) = segment.element else { return Some(node) };
        let Value::Array(elements) = &node.value else { return None };
        let number = name.strip_prefix('#').and_then(|number| number.parse::<usize>().ok());
        let wanted = format!("[{name}]");
        elements.iter().enumerate().find(|(i, element)| address(element, i + 1) == wanted || number == Some(i + 1)).map(|(_, e)| e)
    })
}

/// Splits at dots outside double quotes.
fn split_outside_quotes(path: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    path.split(move |c| {
        quoted ^= c == '"';
        c == '.' && !quoted
    })
}

fn split_path(path: &str) -> Option<Vec<Segment<'_>>> {
    let is_name = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    split_outside_quotes(path.trim())
        .map(|segment| {
            if let Some(key) = segment.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                return (!key.is_empty()).then_some(Segment { key, element: None });
            }
            let (key, element) = match segment.split_once('[') {
                Some((key, rest)) => (key, Some(rest.strip_suffix(']')?)),
                None => (segment, None),
            };
            let element_fits = element.is_none_or(|e| is_name(e.strip_prefix('#').unwrap_or(e)));
            (is_name(key) && element_fits).then_some(Segment { key, element })
        })
        .collect()
}

fn set(table: &mut Node, path: &[Segment<'_>], value: Node, span: &Span) -> Result<(), Flaw> {
    let Some((segment, rest)) = path.split_first() else { return Ok(()) };
    let Value::Table(entries) = &mut table.value else {
        return Err(refuse(span, format!("`{}` lies inside a value that is no table", segment.key)));
    };
    let position = entries.iter().position(|entry| entry.key == segment.key);
    if let Some(name) = segment.element {
        let Some(Value::Array(elements)) = position.and_then(|i| entries.get_mut(i)).map(|entry| &mut entry.node.value) else {
            return Err(refuse(span, format!("`{}` is no array of tables here, so [{name}] names nothing", segment.key)));
        };
        let element = find_element(elements, segment.key, name, span)?;
        if rest.is_empty() {
            return Err(refuse(span, format!("`{}[{name}]` is a whole table: go on to one of its keys", segment.key)));
        }
        return set(element, rest, value, span);
    }
    if rest.is_empty() {
        entries.retain(|entry| entry.key != segment.key);
        entries.push(Entry { key: segment.key.to_owned(), key_span: span.clone(), node: value });
        return Ok(());
    }
    let next = match position {
        Some(i) => i,
        None => {
            let node = Node { span: span.clone(), value: Value::Table(Vec::new()) };
            entries.push(Entry { key: segment.key.to_owned(), key_span: span.clone(), node });
            entries.len() - 1
        }
    };
    match entries.get_mut(next) {
        Some(Entry { node: Node { value: Value::Array(_), .. }, .. }) => {
            Err(refuse(span, format!("`{0}` is an array of tables: write {0}[NAME], or {0}[#1] for the first", segment.key)))
        }
        Some(entry) => set(&mut entry.node, rest, value, span),
        None => Ok(()),
    }
}

fn find_element<'n>(elements: &'n mut [Node], key: &str, name: &str, span: &Span) -> Result<&'n mut Node, Flaw> {
    let wanted = format!("[{name}]");
    let number = name.strip_prefix('#').and_then(|number| number.parse::<usize>().ok());
    let found = elements.iter().enumerate().position(|(i, element)| address(element, i + 1) == wanted || number == Some(i + 1));
    let names: Vec<String> = elements.iter().filter_map(|e| e.get("name").and_then(Node::as_str)).map(str::to_owned).collect();
    match found.and_then(|i| elements.get_mut(i)) {
        Some(element) => Ok(element),
        None => {
            let hint = nearest(name, &names).map(|name| format!("did you mean \"{name}\"? ")).unwrap_or_default();
            Err(refuse(span, format!("there is no {key} named \"{name}\": {hint}the names are {}", names.join(", "))))
        }
    }
}
