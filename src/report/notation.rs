//! Labels: Unicode with `_{…}` for what stands below and `^{…}` for what stands above the line, as plain text, SVG, HTML and TeX.

/// A piece of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Base(&'a str),
    Below(&'a str),
    Above(&'a str),
}

/// The size of what stands below or above the line.
const SMALL: f64 = 0.72;

fn pieces(label: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = label;
    while !rest.is_empty() {
        let opening = ["_{", "^{"].iter().filter_map(|mark| rest.find(mark)).min();
        let Some((start, length)) = opening.and_then(|start| Some((start, rest[start + 2..].find('}')?))) else {
            out.push(Piece::Base(rest));
            break;
        };
        if start > 0 {
            out.push(Piece::Base(&rest[..start]));
        }
        let inner = &rest[start + 2..start + 2 + length];
        out.push(if rest[start..].starts_with('_') { Piece::Below(inner) } else { Piece::Above(inner) });
        rest = &rest[start + 3 + length..];
    }
    out
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Without marks: `σ_{r}(FGᵀ)` becomes `σ_r(FGᵀ)`.
pub fn plain(label: &str) -> String {
    let piece = |piece| match piece {
        Piece::Base(text) => text.to_owned(),
        Piece::Below(text) => format!("_{text}"),
        Piece::Above(text) => format!("^{text}"),
    };
    pieces(label).into_iter().map(piece).collect()
}

/// With `sub` and `sup`.
pub fn html(label: &str) -> String {
    let piece = |piece| match piece {
        Piece::Base(text) => escaped(text),
        Piece::Below(text) => format!("<sub>{}</sub>", escaped(text)),
        Piece::Above(text) => format!("<sup>{}</sup>", escaped(text)),
    };
    pieces(label).into_iter().map(piece).collect()
}

/// The content of a `text` element of the given font size.
pub(super) fn svg(label: &str, size: f64) -> String {
    let small = SMALL * size;
    let (down, up) = (0.22 * size, 0.38 * size);
    let mut lowered = 0.0;
    let mut out = String::new();
    for piece in pieces(label) {
        let (text, level, size) = match piece {
            Piece::Base(text) => (text, 0.0, None),
            Piece::Below(text) => (text, down, Some(small)),
            Piece::Above(text) => (text, -up, Some(small)),
        };
        let shift = level - lowered;
        lowered = level;
        match (shift == 0.0, size) {
            (true, None) => out.push_str(&escaped(text)),
            (_, None) => out.push_str(&format!(r#"<tspan dy="{shift:.2}">{}</tspan>"#, escaped(text))),
            (_, Some(size)) => out.push_str(&format!(r#"<tspan dy="{shift:.2}" font-size="{size:.2}">{}</tspan>"#, escaped(text))),
        }
    }
    out
}

/// Its width in a given font size of DejaVu Sans.
pub(super) fn width(label: &str, size: f64) -> f64 {
    let advances = |text: &str| text.chars().map(advance).sum::<f64>();
    let piece = |piece| match piece {
        Piece::Base(text) => advances(text),
        Piece::Below(text) | Piece::Above(text) => SMALL * advances(text),
    };
    size * pieces(label).into_iter().map(piece).sum::<f64>()
}

/// Thousandths of the font size that the characters from blank to tilde advance in DejaVu Sans.
const ADVANCES: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337,
    337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732,
    684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635,
    635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

fn advance(character: char) -> f64 {
    let thousandths = match character {
        ' '..='~' => ADVANCES.get(character as usize - 32).copied().unwrap_or(636),
        '·' | '’' => 318,
        '′' => 227,
        'ᵢ' => 179,
        'ᵣ' => 259,
        'ᵀ' => 385,
        '⁰'..='⁹' | '¹' | '²' | '³' | '₀'..='₉' => 401,
        '‖' | '–' => 500,
        '⟨' | '⟩' => 390,
        'α'..='ω' => 660,
        '∇' | '∫' => 669,
        'ℰ' => 605,
        'Λ' | 'Δ' => 684,
        '…' | '—' => 1000,
        // Signs of relations and operations, and all else.
        _ => 838,
    };
    f64::from(thousandths) / 1000.0
}

/// As LaTeX. A label's pieces stay where they are: text in text mode, signs in mathematics.
pub fn tex(label: &str) -> String {
    let piece = |piece| match piece {
        Piece::Base(text) => tex_characters(text),
        Piece::Below(text) => format!("\\textsubscript{{{}}}", tex_characters(text)),
        Piece::Above(text) => format!("\\textsuperscript{{{}}}", tex_characters(text)),
    };
    pieces(label).into_iter().map(piece).collect()
}

fn tex_characters(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match TEX.iter().find(|(known, _)| *known == character) {
            Some((_, command)) => out.push_str(&format!("\\ensuremath{{{command}}}")),
            None if "_%#&${}".contains(character) => out.extend(['\\', character]),
            None if character == '\\' => out.push_str("\\textbackslash{}"),
            None if "^~".contains(character) => out.extend(['\\', character, '{', '}']),
            None => out.push(character),
        }
    }
    out
}

/// What LaTeX has other names for.
const TEX: [(char, &str); 45] = [
    ('α', "\\alpha"),
    ('β', "\\beta"),
    ('δ', "\\delta"),
    ('ε', "\\varepsilon"),
    ('η', "\\eta"),
    ('κ', "\\kappa"),
    ('λ', "\\lambda"),
    ('μ', "\\mu"),
    ('ξ', "\\xi"),
    ('ρ', "\\rho"),
    ('σ', "\\sigma"),
    ('τ', "\\tau"),
    ('Λ', "\\Lambda"),
    ('Σ', "\\Sigma"),
    ('ℰ', "\\mathcal{E}"),
    ('‖', "\\|"),
    ('⊥', "\\perp"),
    ('⊤', "\\top"),
    ('ᵀ', "^{\\top}"),
    ('∇', "\\nabla"),
    ('∞', "\\infty"),
    ('≤', "\\le"),
    ('≥', "\\ge"),
    ('≈', "\\approx"),
    ('≲', "\\lesssim"),
    ('→', "\\to"),
    ('×', "\\times"),
    ('·', "\\cdot"),
    ('−', "-"),
    ('√', "\\surd"),
    ('′', "'"),
    ('⟨', "\\langle"),
    ('⟩', "\\rangle"),
    ('<', "<"),
    ('>', ">"),
    ('|', "|"),
    ('²', "^2"),
    ('³', "^3"),
    ('⁴', "^4"),
    ('₀', "_0"),
    ('₁', "_1"),
    ('₂', "_2"),
    ('ᵢ', "_i"),
    ('ᵣ', "_r"),
    ('…', "\\dots"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_what_each_format_has_for_them() {
        let label = "‖F_{⊥}‖ < 10^{−3}";
        assert_eq!(plain(label), "‖F_⊥‖ < 10^−3");
        assert_eq!(html(label), "‖F<sub>⊥</sub>‖ &lt; 10<sup>−3</sup>");
        assert_eq!(
            tex(label),
            "\\ensuremath{\\|}F\\textsubscript{\\ensuremath{\\perp}}\\ensuremath{\\|} \\ensuremath{<} 10\\textsuperscript{\\ensuremath{-}3}"
        );
        // The next piece returns to the line.
        assert_eq!(svg("F_{i}G", 10.0), r#"F<tspan dy="2.20" font-size="7.20">i</tspan><tspan dy="-2.20">G</tspan>"#);
    }

    #[test]
    fn names_with_underscores_and_lone_braces_are_text() {
        for label in ["my_flow[step=0.1]", "a_{b", "x}", "_{", ""] {
            assert_eq!(plain(label), label);
        }
        assert_eq!(tex("my_flow 50%"), "my\\_flow 50\\%");
    }

    #[test]
    fn widths_add_up() {
        assert!((width("AB", 10.0) - 13.70).abs() < 1e-12);
        assert!((width("A_{B}", 10.0) - (6.84 + SMALL * 6.86)).abs() < 1e-12);
    }
}
