//! What the page's program is told of a grid of structures.

use serde_json::{Value, json};

use super::{Ball, Structure};

/// Thousandths of the unit: finer than a pixel of any picture.
const DIGITS: f64 = 1000.0;

/// JSON that is safe inside a script element: no markup can begin or end in it.
///
/// `kinds` is a list of `[label, colour, radius]`; each structure has `balls`, four numbers each (kind,
/// x, y, z about their mean), `sticks`, three each (end, end, lines), and `marked`, places of balls.
pub(super) fn json(structures: &[Structure]) -> String {
    let mut kinds: Vec<Value> = Vec::new();
    let mut place = |ball: &Ball| {
        let [r, g, b] = ball.colour;
        let kind = json!([ball.label, format!("#{r:02x}{g:02x}{b:02x}"), rounded(ball.radius)]);
        kinds.iter().position(|own| *own == kind).unwrap_or_else(|| {
            kinds.push(kind);
            kinds.len() - 1
        })
    };
    let one = |structure: &Structure| {
        let balls = &structure.balls;
        let mean: [f64; 3] = std::array::from_fn(|k| {
            balls.iter().map(|ball| ball.position[k]).sum::<f64>() / balls.len() as f64
        });
        let numbers = balls.iter().flat_map(|ball| {
            let [x, y, z] = std::array::from_fn(|k| rounded(ball.position[k] - mean[k]));
            [json!(place(ball)), x, y, z]
        });
        let numbers: Vec<Value> = numbers.collect();
        let sticks = structure.sticks.iter();
        let sticks: Vec<usize> =
            sticks.flat_map(|s| [s.ends[0], s.ends[1], usize::from(s.lines)]).collect();
        let marked: Vec<usize> = (0..balls.len()).filter(|&i| balls[i].marked).collect();
        json!({ "balls": numbers, "sticks": sticks, "marked": marked })
    };
    let structures: Vec<Value> = structures.iter().map(one).collect();
    // In a script element entities are not read, but "</script" and "<!--" are: as escapes of JSON they
    // are neither, and the text stays well-formed XML.
    json!({ "kinds": kinds, "structures": structures })
        .to_string()
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
}

/// To [`DIGITS`]; whole numbers without a point.
fn rounded(x: f64) -> Value {
    let x = (x * DIGITS).round() / DIGITS;
    if x.fract() == 0.0 && x.abs() < 1e9 { json!(x as i64) } else { json!(x) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ball, pair};
    use super::*;

    #[test]
    fn kinds_are_shared_and_positions_centred() {
        let read: Value = serde_json::from_str(&json(&[pair("a"), pair("b")])).unwrap();
        let kinds = json!([["C", "#cc2020", 0.4], ["O", "#cc2020", 0.4]]);
        let one =
            json!({ "balls": [0, -0.6, 0, 0, 1, 0.6, 0, 0], "sticks": [0, 1, 2], "marked": [] });
        assert_eq!(read, json!({ "kinds": kinds, "structures": [one, one] }));
    }

    #[test]
    fn no_markup_gets_through_and_no_word_is_lost() {
        let label = "</script><!-- & ]]>";
        let marked = Ball { marked: true, ..ball(label, [0.0; 3]) };
        let text = json(&[Structure::new("x", vec![marked], vec![]).unwrap()]);
        assert!(!text.contains(['<', '>', '&']), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["kinds"][0][0], label);
        assert_eq!(read["structures"][0]["marked"], json!([0]));
    }
}
