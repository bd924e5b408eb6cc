//! The text of a CIF: data blocks of items and loops.

use super::super::error::BadCrystal;

/// How names begin that are this program's own; what follows keeps upper and lower case.
pub(super) const OWN: &str = "_langevin_";

/// A value and its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Value {
    /// `?` and `.` stand for what is not known or does not apply.
    pub(super) fn known(&self) -> Option<&Self> {
        (!matches!(self.text.as_str(), "?" | ".")).then_some(self)
    }
}

/// What stands between two `data_`. Names are in lower case.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) line: usize,
    /// Columns: an item alone is a column of one value.
    columns: Vec<(String, Vec<Value>)>,
}

impl Block {
    /// All values of the first of `names` that is there.
    pub(super) fn column(&self, names: &[&str]) -> Option<&[Value]> {
        let named = |name: &&str| self.columns.iter().find(|(other, _)| other == name);
        names.iter().find_map(named).map(|(_, values)| values.as_slice())
    }

    /// What this program wrote beside the standard's items: names without [`OWN`], and values.
    pub(super) fn own(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.columns.iter().filter_map(|(name, values)| match &values[..] {
            [value] => Some((name.strip_prefix(OWN)?, value.known()?)),
            _ => None,
        })
    }

    /// The first known value of the first of `names` that has one.
    pub(super) fn item(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.column(&[name])?.first()?.known())
    }
}

/// A word of the text.
struct Token {
    text: String,
    line: usize,
    /// Quoted words are values, whatever they look like.
    quoted: bool,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word)
    }

    fn block(&self) -> Option<&str> {
        let head = self.text.get(..5).filter(|_| !self.quoted)?;
        head.eq_ignore_ascii_case("data_").then(|| &self.text[5..])
    }

    fn name(&self) -> Option<String> {
        let name = (!self.quoted && self.text.starts_with('_')).then_some(&self.text)?;
        Some(if name.starts_with(OWN) { name.clone() } else { name.to_ascii_lowercase() })
    }

    fn is_value(&self) -> bool {
        self.quoted || !(self.is("loop_") || self.block().is_some() || self.text.starts_with('_'))
    }

    fn value(self) -> Value {
        Value { text: self.text, line: self.line }
    }
}

/// The data blocks of a text.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, BadCrystal> {
    let mut tokens = tokens(text)?.into_iter().peekable();
    let mut blocks: Vec<Block> = Vec::new();
    while let Some(token) = tokens.next() {
        let line = token.line;
        if let Some(name) = token.block() {
            blocks.push(Block { name: name.into(), line, columns: Vec::new() });
            continue;
        }
        let Some(block) = blocks.last_mut() else {
            return Err(BadCrystal::text(
                line,
                crate::error::shown(&token.text),
                "data_ and a name",
            ));
        };
        if let Some(name) = token.name() {
            let value = tokens.next_if(Token::is_value);
            let value =
                value.ok_or_else(|| BadCrystal::text(line, name.clone(), "a value after it"))?;
            block.columns.push((name, vec![value.value()]));
        } else if token.is("loop_") {
            let mut columns: Vec<(String, Vec<Value>)> = Vec::new();
            while let Some(name) = tokens.peek().and_then(Token::name) {
                columns.push((name, Vec::new()));
                tokens.next();
            }
            let (mut count, width) = (0, columns.len());
            while let Some(value) = tokens.next_if(|token| width > 0 && token.is_value()) {
                columns[count % width].1.push(value.value());
                count += 1;
            }
            if width == 0 || count % width != 0 {
                let found = format!("a loop of {width} columns with {count} values");
                return Err(BadCrystal::text(line, found, "as many in each column"));
            }
            block.columns.extend(columns);
        } else {
            let found = crate::error::shown(&token.text);
            return Err(BadCrystal::text(line, found, "a name that begins with _, loop_ or data_"));
        }
    }
    Ok(blocks)
}

fn tokens(text: &str) -> Result<Vec<Token>, BadCrystal> {
    let mut tokens = Vec::new();
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    while let Some((line, row)) = lines.next() {
        if let Some(first) = row.strip_prefix(';') {
            // A text field: all lines up to one that begins with a semicolon.
            let mut words = first.to_string();
            loop {
                match lines.next() {
                    Some((_, row)) if row.starts_with(';') => break,
                    Some((_, row)) => words = words + "\n" + row,
                    None => {
                        return Err(BadCrystal::text(line, "a text without end", "a closing ;"));
                    }
                }
            }
            tokens.push(Token { text: words, line, quoted: true });
            continue;
        }
        words_of(row, line, &mut tokens)?;
    }
    Ok(tokens)
}

fn words_of(row: &str, line: usize, tokens: &mut Vec<Token>) -> Result<(), BadCrystal> {
    let mut rest = row.trim_start();
    while let Some(first) = rest.chars().next().filter(|&c| c != '#') {
        let quote = matches!(first, '"' | '\'').then_some(first);
        let end = match quote {
            // A quote ends its value only before a blank.
            Some(quote) => rest.char_indices().skip(1).find_map(|(at, c)| {
                let after = rest[at + 1..].chars().next();
                (c == quote && after.is_none_or(char::is_whitespace)).then_some(at)
            }),
            None => Some(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        let Some(end) = end else {
            return Err(BadCrystal::text(
                line,
                crate::error::shown(rest),
                "a quote that is closed",
            ));
        };
        let (start, next) = if quote.is_some() { (1, end + 1) } else { (0, end) };
        tokens.push(Token { text: rest[start..end].into(), line, quoted: quote.is_some() });
        rest = rest[next..].trim_start();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_loops_texts_and_quotes_are_read() {
        let text = "# made by hand\ndata_one\n_A 'it''s' # so\n_b\n;two\nlines\n;\nloop_\n_c\n_D\n1 \"2 3\"\n? .\ndata_two\n";
        let blocks = blocks(text).unwrap();
        assert_eq!((blocks.len(), blocks[0].name.as_str(), blocks[1].line), (2, "one", 13));
        let one = &blocks[0];
        assert_eq!(one.item(&["_a"]).unwrap().text, "it''s");
        assert_eq!(one.item(&["_none", "_b"]).unwrap().text, "two\nlines");
        let d = one.column(&["_d"]).unwrap();
        assert_eq!((d[0].text.as_str(), d[0].line, d[1].known()), ("2 3", 11, None));
    }

    #[test]
    fn broken_texts_are_told_with_their_line() {
        let message = |text: &str| blocks(text).unwrap_err().to_string();
        assert_eq!(message("_a 1"), "line 1: found \"_a\", allowed: data_ and a name");
        assert_eq!(message("data_x\n_a\n_b 1"), "line 2: found _a, allowed: a value after it");
        let torn = message("data_x\nloop_\n_a\n_b\n1 2 3");
        assert_eq!(
            torn,
            "line 2: found a loop of 2 columns with 3 values, allowed: as many in each column"
        );
        assert!(message("data_x\n_a 'b").contains("a quote that is closed"));
        assert!(message("data_x\n_a\n;b").contains("a closing ;"));
    }
}
