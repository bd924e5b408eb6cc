//! One curve and what is uncertain about it.

use super::axis::Scale;
use super::frame::Frame;
use super::pen::{PathData, Pen};
use super::style::Colour;

/// One curve, with error bars or a band if its values are uncertain.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub(super) name: String,
    pub(super) points: Vec<[f64; 2]>,
    pub(super) band: Option<Vec<[f64; 2]>>,
    pub(super) bars: bool,
    markers: bool,
    pub(super) dashed: bool,
    pub(super) colour: Option<Colour>,
}

impl Line {
    /// A plain curve through `[x, y]` in the given order; a value that is not finite breaks it.
    pub fn new(name: impl Into<String>, points: &[[f64; 2]]) -> Self {
        Self {
            name: name.into(),
            points: points.to_vec(),
            band: None,
            bars: false,
            markers: false,
            dashed: false,
            colour: None,
        }
    }

    /// A shaded band of `[lower, upper]` ends, one pair per point.
    pub fn band(mut self, ends: &[[f64; 2]]) -> Self {
        (self.band, self.bars) = (Some(ends.to_vec()), false);
        self
    }

    /// Error bars of `y ± sd`, one `sd` per point, and a marker on each point.
    pub fn errors(mut self, sd: &[f64]) -> Self {
        // A missing sd leaves its end out, so that `render` sees the lengths differ.
        let ends = self.points.iter().zip(sd).map(|(p, sd)| [p[1] - sd, p[1] + sd]);
        let mut ends: Vec<_> = ends.collect();
        ends.extend(sd.iter().skip(self.points.len()).map(|_| [f64::NAN; 2]));
        (self.band, self.bars, self.markers) = (Some(ends), true, true);
        self
    }

    /// A marker on each point.
    pub fn markers(mut self) -> Self {
        self.markers = true;
        self
    }

    /// A dashed curve: a reference, not a result.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// A given colour in place of the next one.
    pub fn colour(mut self, colour: Colour) -> Self {
        self.colour = Some(colour);
        self
    }
}

/// The band or the error bars.
pub(super) fn draw_uncertainty(frame: &Frame<'_>, pen: &mut Pen, line: &Line, colour: Colour) {
    let Some(band) = &line.band else { return };
    let (log, floor) = (frame.y_range().scale == Scale::Log, frame.y_range().value(0.0));
    // On a log axis mean − sd may fall below zero: the bar then runs out of the picture.
    let floor = if log { floor } else { f64::NEG_INFINITY };
    let place = |x: f64, y: f64| frame.place([x, y.max(floor)]);
    let drawable = |(point, ends): &(&[f64; 2], &[f64; 2])| {
        point.iter().chain(ends.iter()).all(|v| v.is_finite())
    };
    let pairs: Vec<_> = line.points.iter().zip(band).filter(drawable).collect();
    if line.bars {
        for (point, ends) in pairs {
            let (low, high) = (place(point[0], ends[0]), place(point[0], ends[1]));
            pen.line(&format!("thin {}", colour.stroke()), low, high);
            for [x, y] in [low, high] {
                pen.line(&format!("thin {}", colour.stroke()), [x - 3.0, y], [x + 3.0, y]);
            }
        }
        return;
    }
    let edge = |end: usize| -> Vec<[f64; 2]> {
        let places: Vec<_> = pairs.iter().map(|(p, ends)| place(p[0], ends[end])).collect();
        column_extremes(&places)
    };
    let outline: Vec<[f64; 2]> = edge(1).into_iter().chain(edge(0).into_iter().rev()).collect();
    if outline.len() > 3 {
        let mut data = PathData::default();
        data.polyline(outline);
        data.close();
        pen.path(&format!("area soft {}", colour.fill()), &data);
    }
}

/// The curve and its markers.
pub(super) fn draw_line(frame: &Frame<'_>, pen: &mut Pen, line: &Line, colour: Colour) {
    let places: Vec<[f64; 2]> = line.points.iter().map(|&p| frame.place(p)).collect();
    let mut data = PathData::default();
    data.polyline(column_extremes(&places));
    let dash = if line.dashed { " dashed" } else { "" };
    // A noisy curve with many steps per pixel would be a solid band at full width.
    let dense = if places.len() > 1000 { " dense" } else { "" };
    pen.path(&format!("curve {}{dash}{dense}", colour.stroke()), &data);
    if line.markers {
        let dots = places.into_iter().filter(|p| p.iter().all(|v| v.is_finite()));
        let class = format!(r#"class="dots {}" stroke-width="6""#, colour.stroke());
        pen.group(&class, |pen| pen.dots(dots));
    }
}

/// First, lowest, highest and last place in each pixel column: what a curve of a million steps
/// looks like, in a few thousand.
fn column_extremes(places: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if places.len() <= 2000 {
        return places.to_vec();
    }
    let mut kept = Vec::new();
    let same = |a: &[f64; 2], b: &[f64; 2]| a[0].floor() == b[0].floor();
    for run in places.chunk_by(same) {
        let lowest = (0..run.len()).max_by(|&a, &b| run[a][1].total_cmp(&run[b][1]));
        let highest = (0..run.len()).min_by(|&a, &b| run[a][1].total_cmp(&run[b][1]));
        let mut wanted = vec![0, run.len() - 1];
        wanted.extend(lowest.into_iter().chain(highest));
        wanted.sort_unstable();
        wanted.dedup();
        kept.extend(wanted.into_iter().map(|index| run[index]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_a_spike_and_the_ends() {
        let mut places: Vec<[f64; 2]> =
            (0..100_000).map(|i| [f64::from(i) / 200.0, (f64::from(i) * 0.7).sin()]).collect();
        places[50_000][1] = 9.0;
        places[70_000] = [f64::NAN; 2];
        let kept = column_extremes(&places);
        assert!(kept.len() < 2_100, "{}", kept.len());
        assert!(kept.iter().any(|place| place[1] == 9.0));
        assert!(kept.iter().any(|place| place[1].is_nan()), "the gap stays");
        assert_eq!((kept.first(), kept.last()), (places.first(), places.last()));
    }
}
