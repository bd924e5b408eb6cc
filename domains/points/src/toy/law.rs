//! What a law of points can do: draw, and sometimes say how dense it is.

use langevin_core::Rng;
use langevin_kernels::rng::Stream;

use crate::record::{PointCloud, PointsError};
use crate::space::Geometry;

/// A law of points that can be drawn from.
///
/// A draw uses its own stream only, so that samples of a batch are independent of each other and of
/// the batch. Only [`Law::draw_set`] may look at how many there are.
pub trait Law: std::fmt::Debug + Send + Sync {
    /// Number of coordinates of a point.
    fn dimension(&self) -> usize;

    /// Where the points live.
    fn geometry(&self) -> Geometry {
        Geometry::Flat
    }

    /// One point into `point` (`[dimension]`), and its label: the component, arc or blade.
    fn draw(&self, stream: &mut Stream, point: &mut [f64]) -> i64;

    /// Points `[n, dimension]` of one set, one per stream, and their labels: independent draws, unless
    /// the law spreads the points of a set more evenly.
    fn draw_set(&self, streams: Vec<Stream>, points: &mut [f64]) -> Vec<i64> {
        let rows = points.chunks_exact_mut(self.dimension());
        streams.into_iter().zip(rows).map(|(mut stream, row)| self.draw(&mut stream, row)).collect()
    }

    /// ln p at `point`, in nats per unit volume (per unit area of the unit sphere), where a closed
    /// form is known; −∞ where the law has no mass.
    fn log_density(&self, point: &[f64]) -> Option<f64> {
        let _ = point;
        None
    }
}

/// A set of `law`, one point per sample of `rng`, with labels.
///
/// Each call takes the next draw of `rng`, as its tensors do.
///
/// # Errors
/// [`PointsError::NotFinite`] if the law's scale lets a point overflow.
pub fn sample(law: &dyn Law, rng: &mut Rng) -> Result<PointCloud, PointsError> {
    let d = law.dimension();
    let mut points = vec![0.0; rng.samples() * d];
    let labels = law.draw_set(rng.streams(), &mut points);
    PointCloud::new(points, d, law.geometry())?.with_labels(labels)
}
