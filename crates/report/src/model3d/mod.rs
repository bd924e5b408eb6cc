//! Ball-and-stick pictures that can be turned with the mouse or a finger, without a network.
//!
//! A [`Structure`] is balls and sticks in space and knows nothing of chemistry. Pages draw it on a 2-D
//! canvas by painter's order with a program of their own (`viewer.js`), so that a picture costs about as
//! many bytes as its coordinates. Without scripts a page says what is missing.

mod data;
mod html;

pub(crate) use html::{grid, script};

/// A ball of a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    /// Written on the ball where it is large enough, such as "C"; may be empty.
    pub label: String,
    /// Red, green, blue.
    pub colour: [u8; 3],
    /// In the unit of positions; above 0.
    pub radius: f64,
    /// Its centre.
    pub position: [f64; 3],
    /// Drawn with a ring in the colour of what fails.
    pub marked: bool,
}

/// A stick between two balls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stick {
    /// Places of its ends in the list of balls.
    pub ends: [usize; 2],
    /// Parallel lines, 1 to 3.
    pub lines: u8,
}

/// Balls and sticks in space; positions are finite and sticks have two ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    title: String,
    notes: String,
    balls: Vec<Ball>,
    sticks: Vec<Stick>,
}

/// Why a structure cannot be drawn. Balls are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StructureError {
    /// There must be something to see.
    #[error("{title}: found no balls, allowed: at least one")]
    Empty {
        /// Of the structure.
        title: String,
    },
    /// A position or a radius that has no place on a page.
    #[error(
        "{title}: ball {ball} of radius {radius} is at {position:?}, allowed: finite positions and a \
         radius above 0"
    )]
    Ball {
        /// Of the structure.
        title: String,
        /// Which ball.
        ball: usize,
        /// Its radius.
        radius: f64,
        /// Its position.
        position: [f64; 3],
    },
    /// A stick that does not join two balls, or of no or too many lines.
    #[error(
        "{title}: stick {}–{} of {lines} lines, allowed: 1 to 3 lines between two of {balls} balls",
        ends[0], ends[1]
    )]
    Stick {
        /// Of the structure.
        title: String,
        /// Numbers of the balls.
        ends: [usize; 2],
        /// Its lines.
        lines: u8,
        /// How many balls there are.
        balls: usize,
    },
}

impl Structure {
    /// What is to be drawn under `title`.
    ///
    /// # Errors
    /// [`StructureError`].
    pub fn new(
        title: impl Into<String>,
        balls: Vec<Ball>,
        sticks: Vec<Stick>,
    ) -> Result<Self, StructureError> {
        let title = title.into();
        if balls.is_empty() {
            return Err(StructureError::Empty { title });
        }
        let drawn = |ball: &Ball| {
            let sound = ball.radius.is_finite() && ball.radius > 0.0;
            sound && ball.position.iter().all(|x| x.is_finite())
        };
        if let Some(at) = balls.iter().position(|ball| !drawn(ball)) {
            let Ball { radius, position, .. } = balls[at];
            return Err(StructureError::Ball { title, ball: at + 1, radius, position });
        }
        let joins = |Stick { ends: [a, b], lines }: &Stick| {
            a != b && *a.max(b) < balls.len() && (1..=3).contains(lines)
        };
        if let Some(&Stick { ends, lines }) = sticks.iter().find(|stick| !joins(stick)) {
            let (ends, balls) = (ends.map(|end| end + 1), balls.len());
            return Err(StructureError::Stick { title, ends, lines, balls });
        }
        Ok(Self { title, notes: String::new(), balls, sticks })
    }

    /// A line under the title.
    #[must_use]
    pub fn notes(mut self, text: impl Into<String>) -> Self {
        self.notes = text.into();
        self
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn ball(label: &str, position: [f64; 3]) -> Ball {
        let (label, colour) = (label.into(), [204, 32, 32]);
        Ball { label, colour, radius: 0.4, position, marked: false }
    }

    /// Two balls and a double stick.
    pub(crate) fn pair(title: &str) -> Structure {
        let balls = vec![ball("C", [0.0; 3]), ball("O", [1.2, 0.0, 0.0])];
        Structure::new(title, balls, vec![Stick { ends: [0, 1], lines: 2 }]).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::ball;
    use super::*;

    #[test]
    fn what_cannot_be_drawn_is_refused_with_its_numbers() {
        let message = |balls, sticks| Structure::new("x", balls, sticks).unwrap_err().to_string();
        assert_eq!(message(vec![], vec![]), "x: found no balls, allowed: at least one");
        let lost = || vec![ball("C", [0.0; 3]), ball("O", [f64::NAN, 0.0, 0.0])];
        assert_eq!(
            message(lost(), vec![]),
            "x: ball 2 of radius 0.4 is at [NaN, 0.0, 0.0], allowed: finite positions and a radius \
             above 0"
        );
        let two = || vec![ball("C", [0.0; 3]), ball("O", [1.0; 3])];
        for (ends, lines) in [([0, 2], 1), ([1, 1], 1), ([0, 1], 0), ([0, 1], 4)] {
            let [a, b] = ends.map(|end| end + 1);
            let message = message(two(), vec![Stick { ends, lines }]);
            assert!(
                message.starts_with(&format!("x: stick {a}–{b} of {lines} lines")),
                "{message}"
            );
        }
        let flat = vec![Ball { radius: 0.0, ..ball("C", [0.0; 3]) }];
        assert!(message(flat, vec![]).contains("radius 0 "));
    }
}
