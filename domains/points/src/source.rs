//! Training batches of points: fresh draws of a law, or shuffled epochs of a finite cloud.

use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Tensor};
use langevin_core::{Batch, Condition, Error, Result, Rng, Source, State};
use langevin_kernels::rng::{Stream, tag};
use sha2::{Digest, Sha256};

use crate::record::PointCloud;
use crate::space::Points;
use crate::toy::Law;

/// Where one end of the path takes its points from.
#[derive(Debug)]
pub enum End {
    /// Drawn anew for every sample.
    Law(Box<dyn Law>),
    /// A finite set, each point once per epoch in an order of its own.
    Cloud(Box<PointCloud>, Shuffle),
}

impl End {
    /// A finite cloud; `name` keeps the orders of the two ends apart.
    pub fn cloud(cloud: PointCloud, name: &'static str) -> Self {
        let shuffle = Shuffle { purpose: tag(name), epochs: Mutex::default() };
        Self::Cloud(Box::new(cloud), shuffle)
    }

    /// Points, row-major, and labels of the samples of `rng`, `position` samples into the run.
    fn rows(&self, position: u64, rng: &mut Rng) -> Result<(Vec<f64>, Vec<i64>)> {
        match self {
            Self::Law(law) => {
                let (d, streams) = (law.dimension(), rng.streams());
                let mut rows = vec![0.0; streams.len() * d];
                let draw = |(mut stream, row)| law.draw(&mut stream, row);
                let labels = streams.into_iter().zip(rows.chunks_exact_mut(d)).map(draw).collect();
                Ok((rows, labels))
            }
            Self::Cloud(cloud, shuffle) => {
                let (n, d) = (cloud.len() as u64, cloud.dimension());
                let (mut rows, mut labels) = (Vec::new(), Vec::new());
                for number in position..position + rng.samples() as u64 {
                    let order = shuffle.order(rng.seed().0, number / n, cloud.len());
                    let row = order[(number % n) as usize];
                    rows.extend_from_slice(&cloud.points()[row * d..(row + 1) * d]);
                    labels.push(cloud.labels().map_or(0, |labels| labels[row]));
                }
                Ok((rows, labels))
            }
        }
    }

    /// SHA-256, in hexadecimal, of what is drawn: the law, or geometry, shape, coordinates and labels of
    /// the cloud, bit by bit.
    fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        match self {
            Self::Law(law) => hash.update(format!("law {law:?}")),
            Self::Cloud(cloud, _) => {
                let (count, dimension) = (cloud.len(), cloud.dimension());
                hash.update(format!("{:?} {count} {dimension} ", cloud.geometry()));
                cloud.points().iter().for_each(|x| hash.update(x.to_le_bytes()));
                // Absent labels add nothing, present ones 8 bytes per point: the two never coincide.
                let labels = cloud.labels().into_iter().flatten();
                labels.for_each(|label| hash.update(label.to_le_bytes()));
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Orders of a finite set, one per epoch: functions of seed and epoch, kept while they are in use.
#[derive(Debug, Default)]
pub struct Shuffle {
    purpose: u64,
    /// The two newest epochs: a batch may reach from one into the next.
    epochs: Mutex<Vec<(u64, Arc<Vec<usize>>)>>,
}

impl Shuffle {
    fn order(&self, seed: u64, epoch: u64, n: usize) -> Arc<Vec<usize>> {
        let mut epochs = self.epochs.lock().expect("no holder of this lock panics");
        if let Some((_, order)) = epochs.iter().find(|(known, _)| *known == epoch) {
            return order.clone();
        }
        let order = Arc::new(Stream::new(seed, self.purpose, epoch, 0).permutation(n));
        epochs.insert(0, (epoch, order.clone()));
        epochs.truncate(2);
        order
    }
}

/// Batches of points, with the other end where it is data too, and labels as conditions.
#[derive(Debug)]
pub struct PointsSource {
    domain: Points,
    data: End,
    reference: Option<End>,
    /// Number of classes that the network is told; 0 for none.
    classes: usize,
    dtype: DType,
}

impl PointsSource {
    /// Points of `data` in `domain`'s standardisation; `classes` labels as one-hot conditions.
    pub fn new(
        domain: Points,
        data: End,
        reference: Option<End>,
        classes: usize,
        dtype: DType,
    ) -> Self {
        Self { domain, data, reference, classes, dtype }
    }
}

/// One-hot conditions of labels in `0..classes`, `[B, classes]`.
///
/// # Errors
/// [`Error::Shape`] if a label is none of the classes.
pub fn one_hot(labels: &[i64], classes: usize, dtype: DType) -> Result<Condition> {
    let mut values = vec![0f32; labels.len() * classes];
    for (i, &label) in labels.iter().enumerate() {
        let class = usize::try_from(label).ok().filter(|&class| class < classes);
        let Some(class) = class else {
            let found = vec![usize::try_from(label).unwrap_or(usize::MAX)];
            return Err(Error::Shape { what: "label".into(), found, expected: vec![classes] });
        };
        values[i * classes + class] = 1.0;
    }
    let features = Tensor::from_vec(values, (labels.len(), classes), &Device::Cpu)?;
    Condition::new(features.to_dtype(dtype)?)
}

impl Source for PointsSource {
    fn batch(&self, position: u64, rng: &mut Rng) -> Result<Batch> {
        let (rows, labels) = self.data.rows(position, rng)?;
        let encode = |rows: &[f64]| -> Result<State> { self.domain.encode_rows(rows, self.dtype) };
        let x_1 = match &self.reference {
            Some(end) => Some(encode(&end.rows(position, rng)?.0)?),
            None => None,
        };
        let condition = match self.classes {
            0 => Condition::none(),
            classes => one_hot(&labels, classes, self.dtype)?,
        };
        Ok(Batch { x_0: encode(&rows)?, x_1, condition })
    }

    fn fingerprint(&self) -> String {
        let data = self.data.fingerprint();
        match &self.reference {
            Some(reference) => format!("{data}-{}", reference.fingerprint()),
            None => data,
        }
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

    use super::*;
    use crate::space::{Geometry, Standardisation};

    #[test]
    fn an_epoch_shows_every_point_once_and_the_next_in_another_order() {
        let cloud = PointCloud::flat((0..10).map(f64::from).collect(), 1).unwrap();
        let domain = Points::new(Geometry::Flat, Standardisation::identity(1), cloud.points());
        let source = PointsSource::new(domain, End::cloud(cloud, "data"), None, 0, DType::F64);
        let batch = |position, count| {
            let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, count), 0);
            let x = source.batch(position, &mut rng).unwrap().x_0;
            x.part(0).flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        let (first, second) = (batch(0, 10), batch(10, 10));
        let mut sorted = first.clone();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(sorted, (0..10).map(f64::from).collect::<Vec<_>>());
        assert_ne!(first, second);
        // A batch across the end of an epoch, and one asked for again later.
        assert_eq!(batch(7, 6), [&first[7..], &second[..3]].concat());
        assert_eq!(batch(0, 10), first);
    }

    /// A run goes on with the same data only: every bit of them counts, those of labels too.
    #[test]
    fn fingerprints_tell_data_apart() {
        let cloud = |rows: &[f64]| PointCloud::flat(rows.to_vec(), 2).unwrap();
        let labelled = |labels: &[i64]| cloud(&[1.0; 4]).with_labels(labels.to_vec()).unwrap();
        let clouds = [
            cloud(&[1.0; 4]),
            // Two signs: in a product of 64-bit words these cancel.
            cloud(&[-1.0, 1.0, -1.0, 1.0]),
            PointCloud::flat(vec![1.0; 4], 1).unwrap(),
            labelled(&[0, 0]),
            labelled(&[0, 1]),
            labelled(&[1, 0]),
        ];
        let end = |cloud: &PointCloud| End::cloud(cloud.clone(), "data").fingerprint();
        let mut found: Vec<String> = clouds.iter().map(end).collect();
        assert_eq!(end(&clouds[0]), found[0]);
        found.sort();
        found.dedup();
        assert_eq!(found.len(), clouds.len());
    }
}
