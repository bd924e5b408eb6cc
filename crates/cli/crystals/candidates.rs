//! Candidate structures of a composition in their order, how they fare, and what confidence that gives.

use anyhow::Result;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::ranking::ranked;
use langevin_crystals::record::Crystal;
use langevin_uq::calibration::Isotonic;
use serde::{Deserialize, Serialize};

/// The candidates of a composition, in their order.
pub struct Group {
    pub crystals: Vec<Crystal>,
    /// The part of the candidates that each agrees with.
    pub supports: Vec<f64>,
    /// The place of the first one that is the same structure, from 1.
    clusters: Vec<usize>,
}

impl Group {
    /// `candidates` put in order.
    pub fn of(matcher: &Matcher, candidates: &[Crystal]) -> Self {
        let order = ranked(matcher, candidates);
        Self {
            crystals: order.iter().map(|ranked| candidates[ranked.candidate].clone()).collect(),
            supports: order.iter().map(|ranked| ranked.support).collect(),
            clusters: order.iter().map(|ranked| ranked.cluster).collect(),
        }
    }

    /// The first `keep` of them, with labels support, cluster and, where it can be told, confidence.
    pub fn labelled(
        self,
        keep: usize,
        confidence: Option<&Isotonic>,
    ) -> impl Iterator<Item = Crystal> {
        let labelled = move |((crystal, support), cluster): ((Crystal, f64), usize)| {
            let crystal = crystal.with_label("support", support);
            let crystal = crystal.with_label("cluster", cluster as f64);
            match confidence {
                Some(confidence) => crystal.with_label("confidence", confidence.at(support)),
                None => crystal,
            }
        };
        let all = self.crystals.into_iter().zip(self.supports).zip(self.clusters);
        all.take(keep).map(labelled)
    }
}

/// Distances of the candidates of a composition from the real structure, in their order.
pub struct Hits(pub Vec<Option<f64>>);

impl Hits {
    /// Of `group`, whose real structure is `reference`.
    pub fn of(matcher: &Matcher, group: &Group, reference: &Crystal) -> Self {
        let reference = matcher.reduce(reference);
        let one = |crystal: &Crystal| {
            let distance = matcher.distance_of_reduced(&matcher.reduce(crystal), &reference);
            distance.map(|distance| distance.rms)
        };
        Self(group.crystals.iter().map(one).collect())
    }
}

/// How often the first candidate is right, by its support: learnt on compositions whose structures are known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub generated_by: String,
    /// Candidates of each composition.
    pub candidates: usize,
    /// Compositions that it was learnt on.
    pub compositions: usize,
    /// How they were drawn, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    pub confidence: Isotonic,
}

impl Calibration {
    /// Learnt from `groups` of `candidates` each, drawn by `settings`, and how they fared.
    ///
    /// # Errors
    /// If there are none.
    pub fn learnt(
        groups: &[Group],
        hits: &[Hits],
        candidates: usize,
        settings: Option<String>,
    ) -> Result<Self> {
        let supports: Vec<f64> = groups.iter().map(|group| group.supports[0]).collect();
        let outcomes: Vec<bool> = hits.iter().map(|hits| hits.0[0].is_some()).collect();
        Ok(Self {
            generated_by: concat!("langevin ", env!("CARGO_PKG_VERSION")).into(),
            candidates,
            compositions: groups.len(),
            settings,
            confidence: Isotonic::fit(&supports, &outcomes)?,
        })
    }
}
