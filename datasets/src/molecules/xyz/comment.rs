//! The second line of a frame: keys with values, or anything.

use langevin_molecules::record::Bond;

use super::{BONDS, COMMENT, LATTICE, PROPERTIES};
use crate::error::shown;
use crate::molecules::text::{self, LineFault, wrong};
use crate::molecules::{Fault, PROVENANCE};

/// What a comment says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Comment {
    pub(crate) layout: Layout,
    pub(crate) labels: Vec<(String, f64)>,
    pub(crate) notes: Vec<(String, String)>,
    pub(super) bonds: Option<Vec<Bond>>,
    /// Of a periodic structure: nine numbers.
    pub(crate) lattice: Option<String>,
}

/// Which columns of an atom's line are what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) species: usize,
    /// The first of three.
    pub(crate) position: usize,
    pub(super) charge: Option<usize>,
    /// How many there are; `None`: any number.
    pub(super) width: Option<usize>,
}

impl Default for Layout {
    /// Plain XYZ.
    fn default() -> Self {
        Self { species: 0, position: 1, charge: None, width: None }
    }
}

impl Comment {
    /// Of the text on `line`, of a molecule.
    pub(super) fn parse(text: &str, line: usize) -> Result<Self, LineFault> {
        let comment = Self::periodic(text, line)?;
        if comment.lattice.is_some() { Err((line, Fault::Periodic)) } else { Ok(comment) }
    }

    /// Of the text on `line`, of anything.
    pub(crate) fn periodic(text: &str, line: usize) -> Result<Self, LineFault> {
        let text = text.trim();
        let mut comment = Self::default();
        let pairs = pairs(text);
        let is = |pair: &Pair, key: &str| !pair.quoted_key && pair.key.eq_ignore_ascii_case(key);
        let extended = |pairs: &[Pair]| {
            pairs.iter().any(|pair| is(pair, PROPERTIES) || is(pair, LATTICE))
                || (!pairs.is_empty() && pairs.iter().all(|pair| pair.value != Value::None))
        };
        let pairs = match pairs {
            Ok(pairs) if extended(&pairs) => pairs,
            Err(open) if text.contains("Properties=") => {
                return Err(wrong(line, shown(open), "a quote that is closed"));
            }
            _ => {
                if !text.is_empty() {
                    comment.notes.push((COMMENT.into(), text.into()));
                }
                return Ok(comment);
            }
        };
        for pair in pairs {
            if is(&pair, LATTICE) {
                comment.lattice = Some(pair.value.text().into());
                continue;
            }
            if is(&pair, PROPERTIES) {
                comment.layout = Layout::parse(pair.value.text()).ok_or_else(|| {
                    let allowed = "Properties with species:S:1 and pos:R:3";
                    wrong(line, shown(pair.value.text()), allowed)
                })?;
                continue;
            }
            if !pair.quoted_key && pair.key.starts_with(PROVENANCE) {
                continue;
            }
            let bonds = if is(&pair, BONDS) { bonds(pair.value.text()) } else { None };
            match (bonds, &pair.value) {
                (Some(bonds), _) => comment.bonds = Some(bonds),
                (_, Value::None) => comment.notes.push((pair.key, "T".into())),
                (_, Value::Quoted(words)) => comment.notes.push((pair.key, words.clone())),
                (_, Value::Plain(word)) => match text::label(word) {
                    Some(number) => comment.labels.push((pair.key, number)),
                    None => comment.notes.push((pair.key, (*word).into())),
                },
            }
        }
        Ok(comment)
    }
}

impl Layout {
    /// Of `name:kind:columns` one after the other, joined by colons.
    fn parse(properties: &str) -> Option<Self> {
        let parts: Vec<&str> = properties.split(':').collect();
        let (mut width, mut species, mut position, mut charge) = (0usize, None, None, None);
        for part in parts.chunks(3) {
            let &[name, kind, columns] = part else { return None };
            let columns: usize = columns.parse().ok().filter(|&n| n > 0 && n < 1 << 16)?;
            let name = name.to_ascii_lowercase();
            let place = match (name.as_str(), kind, columns) {
                ("species" | "element" | "elements" | "symbol" | "symbols", "S", 1)
                | ("species" | "z" | "numbers" | "atomic_numbers", "I", 1) => Some(&mut species),
                ("pos" | "position" | "positions", "R" | "I", 3) => Some(&mut position),
                ("formal_charges" | "formal_charge" | "charges" | "charge", "I", 1) => {
                    Some(&mut charge)
                }
                (_, "S" | "R" | "I" | "L", _) => None,
                _ => return None,
            };
            // Symbols and atomic numbers may stand side by side; they say the same.
            if let Some(place) = place {
                place.get_or_insert(width);
            }
            width += columns;
        }
        Some(Self { species: species?, position: position?, charge, width: Some(width) })
    }
}

/// `1-2:1 …`; `None` if the words are something else.
fn bonds(text: &str) -> Option<Vec<Bond>> {
    let bond = |word: &str| {
        let (atoms, order) = word.split_once(':')?;
        let (a, b) = atoms.split_once('-')?;
        let atom = |text: &str| text.parse::<usize>().ok()?.checked_sub(1);
        Some(Bond { atoms: [atom(a)?, atom(b)?], order: text::order(order)? })
    };
    text.split_ascii_whitespace().map(bond).collect()
}

#[derive(Debug, PartialEq)]
struct Pair<'a> {
    key: String,
    quoted_key: bool,
    value: Value<'a>,
}

#[derive(Debug, PartialEq)]
enum Value<'a> {
    /// A key alone.
    None,
    Plain(&'a str),
    Quoted(String),
}

impl Value<'_> {
    fn text(&self) -> &str {
        match self {
            Self::None => "",
            Self::Plain(text) => text,
            Self::Quoted(text) => text,
        }
    }
}

/// The pairs of a comment, or its rest from a quote that is not closed.
fn pairs(mut rest: &str) -> Result<Vec<Pair<'_>>, &str> {
    let mut pairs = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(pairs);
        }
        let (key, quoted_key, after) = match quoted(rest)? {
            Some((key, after)) => (key, true, after),
            None => {
                let end = rest.find(|c: char| c == '=' || c.is_whitespace());
                let (key, after) = rest.split_at(end.unwrap_or(rest.len()));
                (key.to_string(), false, after)
            }
        };
        let (value, after) = match after.strip_prefix('=') {
            None => (Value::None, after),
            Some(after) => match quoted(after)? {
                Some((words, after)) => (Value::Quoted(words), after),
                None => {
                    let (word, after) = after.split_at(word(after));
                    (Value::Plain(word), after)
                }
            },
        };
        pairs.push(Pair { key, quoted_key, value });
        rest = after;
    }
}

/// The text between quotes at the start, and what follows; `None` if there is no quote.
fn quoted(text: &str) -> Result<Option<(String, &str)>, &str> {
    let Some(quote) = text.chars().next().filter(|&c| c == '"' || c == '\'') else {
        return Ok(None);
    };
    let mut words = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        // A backslash before anything else is one: SMILES are full of them.
        let escaped = match letters.peek() {
            Some(&(_, next)) if letter == '\\' => match next {
                '\\' | '"' | '\'' => Some(next),
                'n' => Some('\n'),
                'r' => Some('\r'),
                _ => None,
            },
            _ => None,
        };
        if let Some(escaped) = escaped {
            letters.next();
            words.push(escaped);
        } else if letter == quote {
            return Ok(Some((words, &text[at + 1..])));
        } else {
            words.push(letter);
        }
    }
    Err(text)
}

/// Length of the word at the start; blanks within brackets at its start belong to it.
fn word(text: &str) -> usize {
    let blank = text.find(char::is_whitespace).unwrap_or(text.len());
    if !text.starts_with(['[', '{']) {
        return blank;
    }
    let mut depth = 0i32;
    for (at, letter) in text.char_indices() {
        depth += i32::from("[{".contains(letter)) - i32::from("]}".contains(letter));
        if depth == 0 && letter.is_whitespace() {
            return at;
        }
    }
    if depth == 0 { text.len() } else { blank }
}
