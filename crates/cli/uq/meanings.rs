//! What scores mean, in a line each.

/// Beginnings of names with what they mean; the first that fits counts.
const MEANINGS: [(&str, &str); 33] = [
    ("CRPS, fair", "error of the distribution, whatever the number of members; best 0"),
    ("CRPS, standard", "error of the distribution that these members are; best 0"),
    ("CRPS above", "CRPS of what exceeds the threshold; best 0"),
    ("CRPS of the other", "that of the forecasts to compare with"),
    ("absolute error", "mean distance of the mean of the members; best 0"),
    ("RMSE", "root of the mean squared error of that mean; best 0"),
    ("bias", "mean of the members less what was observed; best 0"),
    ("anomaly correlation", "of mean and observed, both less the climatology; best 1"),
    ("spread/skill", "spread over RMSE, for so many members; best 1, below: too sure"),
    ("spread", "root of the mean variance of the members"),
    ("rank histogram: delta", "distance from flat; 1 if reliable and cells independent"),
    ("rank histogram: reliability index", "distance from flat; best 0, always below 2"),
    ("Brier reliability", "squared distance of probabilities from frequencies; best 0"),
    ("Brier resolution", "squared distance of frequencies from their mean; the more the better"),
    ("Brier uncertainty", "the score of always telling that mean"),
    ("Brier score", "squared error of the probability; best 0"),
    ("part above", "share of the area above the threshold, of members or observed"),
    ("intensity above", "mean of what is above the threshold, of members or observed"),
    ("maximum", "greatest of all cells and steps, of members or observed"),
    ("return level", "what the greatest cell exceeds once in so many blocks of steps"),
    ("coverage of the", "share of the area within the limits; best what the band says"),
    ("width of the", "mean distance of the limits; the less the better, if they cover"),
    ("energy score", "error of the distribution of whole fields; best 0"),
    ("variogram score", "error of differences between near cells; best 0"),
    ("FSS", "whether windows have as many cells above; 0 to 1, best 1"),
    ("ratio of the", "members over observed, of all cells and steps; best 1"),
    ("log-spectral distance", "3 dB are a factor of 2 in power; best 0"),
    ("difference of CRPS, lower", "lower end of its interval, by a bootstrap over steps"),
    ("difference of CRPS, upper", "upper end of its interval"),
    ("difference of CRPS", "below 0 these forecasts are better than the other ones"),
    ("p of no difference", "chance of such a difference between equal forecasts"),
    ("members", ""),
    ("steps", ""),
];

/// What the score `name` means.
pub fn meaning(name: &str) -> &'static str {
    let fits = |(start, _): &&(&str, &str)| name.starts_with(start);
    MEANINGS.iter().find(fits).map_or("", |(_, meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A beginning that stands before a longer one of the same words would hide it.
    #[test]
    fn every_meaning_is_found_by_its_own_name() {
        for (name, own) in MEANINGS {
            assert_eq!(meaning(name), own, "{name}");
        }
        assert!(meaning("part above 3, observed").starts_with("share"));
        assert_eq!(meaning("unheard of"), "");
    }
}
