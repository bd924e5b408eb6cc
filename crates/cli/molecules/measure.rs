//! The numbers of an evaluation by either protocol.

use langevin_molecules::bond_table::orders;
use langevin_molecules::distributions::Distributions;
use langevin_molecules::graph::BondGraph;
use langevin_molecules::metrics::{
    DistanceProtocol, GraphProtocol, NoSamples, Verdict, known_by_distances, known_by_graph,
};
use langevin_molecules::perception::perceive;
use langevin_molecules::record::Molecule;
use langevin_molecules::valence::{is_stable, is_stable_with_charge};

/// How bonds are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Bonds by the distance table of EDM (Hoogeboom et al. 2022), neutral atoms.
    Distance,
    /// Bonds and charges perceived from the geometry.
    Graph,
}

/// A number by its name; nothing where it has no meaning.
pub type Numbers = Vec<(&'static str, Option<f64>)>;

/// One molecule as a protocol sees it.
pub struct Seen {
    pub graph: BondGraph,
    pub verdict: Verdict,
    /// Atoms that are not stable, from 0.
    pub unstable: Vec<usize>,
}

impl Protocol {
    /// As the command line says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Distance => "distance",
            Self::Graph => "graph",
        }
    }

    /// The bonds of `molecule`.
    pub fn bonds(self, molecule: &Molecule) -> BondGraph {
        match self {
            Self::Distance => orders(molecule),
            Self::Graph => perceive(molecule).graph,
        }
    }

    /// Bonds and stability of `molecule`.
    pub fn see(self, molecule: &Molecule) -> Seen {
        let (graph, verdict, stable): (_, _, fn(&BondGraph, usize) -> bool) = match self {
            Self::Distance => (orders(molecule), Verdict::by_distances(molecule), is_stable),
            Self::Graph => {
                let perceived = perceive(molecule);
                let verdict = Verdict::by_graph(&perceived);
                (perceived.graph, verdict, is_stable_with_charge)
            }
        };
        let unstable = (0..graph.len()).filter(|&atom| !stable(&graph, atom)).collect();
        Seen { graph, verdict, unstable }
    }

    /// Stability, validity, uniqueness, and novelty if it is told `against` what.
    ///
    /// # Errors
    /// [`NoSamples`].
    pub fn measure(
        self,
        samples: &[Molecule],
        against: Option<&[Molecule]>,
    ) -> Result<Numbers, NoSamples> {
        Ok(match self {
            Self::Distance => {
                let known = against.map(known_by_distances);
                let found = DistanceProtocol::measure(samples, known.as_ref())?;
                vec![
                    ("atoms stable", Some(found.atoms_stable)),
                    ("molecules stable", Some(found.molecules_stable)),
                    ("valid", Some(found.valid)),
                    ("unique among valid", Some(found.unique)),
                    ("valid and unique", Some(found.valid_unique)),
                    ("novel among unique", found.novel),
                ]
            }
            Self::Graph => {
                let known = against.map(known_by_graph);
                let found = GraphProtocol::measure(samples, known.as_ref())?;
                vec![
                    ("atoms stable", Some(found.atoms_stable)),
                    ("molecules stable", Some(found.molecules_stable)),
                    ("closed shell", Some(found.closed_shell)),
                    ("connected", Some(found.connected)),
                    ("valid", Some(found.valid)),
                    ("unique among valid", Some(found.unique)),
                    ("valid and unique", Some(found.valid_unique)),
                    ("novel among unique", found.novel),
                ]
            }
        })
    }
}

/// First Wasserstein distances of `samples` from `data`.
///
/// # Errors
/// If one of them has no molecules.
pub fn distances(samples: &Distributions, data: &Distributions) -> anyhow::Result<Numbers> {
    let distances = samples.distances(data)?;
    Ok(vec![
        ("W1 of bond lengths in Å", distances.lengths.mean),
        ("W1 of bond angles in degrees", distances.angles.mean),
        ("W1 of numbers of atoms", Some(distances.sizes)),
    ])
}
