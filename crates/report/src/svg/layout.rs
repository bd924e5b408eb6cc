//! Size and title of a figure.

/// Size and title of a figure; the defaults suit the report, whose text is about 850 px wide.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) title: Option<String>,
}

impl Default for Layout {
    fn default() -> Self {
        Self { width: 480.0, height: 320.0, title: None }
    }
}

impl Layout {
    /// For a grid of several figures.
    pub fn small() -> Self {
        Self { width: 320.0, height: 250.0, title: None }
    }

    /// For curves over a long range.
    pub fn wide() -> Self {
        Self { width: 840.0, height: 340.0, title: None }
    }

    /// A title inside the figure; most figures say it in their caption instead.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Width and height, px; at least 160 × 120. Figures of equal aspect choose their own height.
    pub fn size(mut self, width: f64, height: f64) -> Self {
        (self.width, self.height) = (width.max(160.0), height.max(120.0));
        self
    }
}

/// Estimated width of `text` in a common sans-serif, px.
///
/// No font can be assumed, so none can be measured; these are the averages of Helvetica-like faces,
/// rounded up.
pub(crate) fn text_width(text: &str, font_size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.27,
            ' ' | 'f' | 't' | 'r' | '(' | ')' | '-' | '/' => 0.36,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.88,
            c if c.is_ascii_uppercase() => 0.68,
            _ => 0.58,
        })
        .sum();
    em * font_size
}

/// `text` in one line, or broken at the blank nearest its middle if it is longer than `length` px.
pub(crate) fn wrapped(text: &str, length: f64) -> Vec<&str> {
    let middle = text.len() / 2;
    let blanks = text.match_indices(' ').map(|(at, _)| at);
    match blanks.min_by_key(|at| at.abs_diff(middle)) {
        Some(at) if text_width(text, 12.0) > length => vec![&text[..at], &text[at + 1..]],
        _ => vec![text],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_break_at_a_blank() {
        assert_eq!(wrapped("temperature anomaly (K)", 400.0), ["temperature anomaly (K)"]);
        assert_eq!(wrapped("temperature anomaly (K)", 100.0), ["temperature", "anomaly (K)"]);
        assert_eq!(wrapped("temperature", 10.0), ["temperature"]);
    }

    #[test]
    fn wide_letters_take_more_room() {
        assert!(text_width("www", 12.0) > 2.0 * text_width("iii", 12.0));
        assert!(text_width("ab", 24.0) == 2.0 * text_width("ab", 12.0));
    }
}
