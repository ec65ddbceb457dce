//! Latency of a target by its load: constant up to a knee, then a power of the load.

/// Minimum variance of the logarithm of the load for a fit.
const MIN_VARIANCE: f64 = 1e-3;
/// Minimum number of responses for a fit, and the bound of its exponent.
const MIN_RESPONSES: f64 = 50.0;
const MAX_EXPONENT: f64 = 2.0;
/// Bound of the logarithm of the factor.
const MAX_LOG_FACTOR: f64 = 3.0;
/// Improvement of the fit over a constant that is no chance, in units of `ln n`.
const REQUIRED_GAIN: f64 = 3.0;
/// Share of the responses that began at a load that counts as seen.
const SEEN_SHARE: f64 = 0.99;
/// Minimum exponent of the law that is steeper than the fitted one.
const MIN_STEEP_EXPONENT: f64 = 0.3;

/// Factor of the latency by the number of attempts at the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KneeCurve {
    /// Exponent beyond the knee; 0 for a constant.
    pub exponent: f64,
    /// Number of attempts up to which the latency does not grow.
    pub knee: f64,
    /// Highest number of attempts that was seen, apart from rare ones.
    pub seen: f64,
}

/// What is assumed of a load that was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnseenLoad {
    /// The fitted curve.
    Fitted,
    /// No further growth.
    Flat,
    /// Twice the exponent.
    Steep,
}

impl KneeCurve {
    /// A constant.
    pub const FLAT: Self = Self {
        exponent: 0.0,
        knee: 1.0,
        seen: 1.0,
    };

    /// Fits responses, each with the attempts in flight before it and the logarithm of its pace.
    pub fn fit(responses: &[(f64, f64)]) -> Self {
        let mut loads: Vec<f64> = responses.iter().map(|(before, _)| 1.0 + before).collect();
        loads.sort_by(f64::total_cmp);
        let Some(&most) = loads.last() else {
            return Self::FLAT;
        };
        let seen = quantile(&loads, SEEN_SHARE).unwrap_or(most);
        let flat = Self { seen, ..Self::FLAT };
        let n = responses.len() as f64;
        if n < MIN_RESPONSES {
            return flat;
        }
        loads.dedup();
        let groups = grouped(responses, &loads);
        let mean = responses.iter().map(|(_, pace)| pace).sum::<f64>() / n;
        let constant: f64 = responses
            .iter()
            .map(|(_, pace)| (pace - mean).powi(2))
            .sum();
        let mut best = (constant, flat);
        for &knee in loads.iter().filter(|&&load| load < most) {
            let (mut logs, mut squares, mut products) = (0.0, 0.0, 0.0);
            for (load, count, paces) in &groups {
                let x = (load / knee).ln().max(0.0);
                logs += x * count;
                squares += x * x * count;
                products += x * (paces - mean * count);
            }
            let variance = squares - logs * logs / n;
            if variance / n < MIN_VARIANCE {
                continue;
            }
            let exponent = (products / variance).clamp(0.0, MAX_EXPONENT);
            let rest = constant - 2.0 * exponent * products + exponent * exponent * variance;
            if rest < best.0 {
                let curve = Self {
                    exponent,
                    knee,
                    seen,
                };
                best = (rest, curve);
            }
        }
        let gain = n * (constant / best.0.max(1e-12)).ln();
        if gain > REQUIRED_GAIN * n.ln() {
            best.1
        } else {
            flat
        }
    }

    /// Returns the factor at `attempts`, the new one included.
    pub fn at(&self, attempts: f64) -> f64 {
        let growth = self.exponent * (attempts / self.knee).ln().max(0.0);
        growth.clamp(0.0, MAX_LOG_FACTOR).exp()
    }

    /// Returns the factor at `attempts` by a law for a load that was never seen.
    pub fn at_unseen(&self, attempts: f64, law: UnseenLoad) -> f64 {
        if attempts <= self.seen {
            return self.at(attempts);
        }
        match law {
            UnseenLoad::Fitted => self.at(attempts),
            UnseenLoad::Flat => self.at(self.seen),
            UnseenLoad::Steep => {
                let exponent = (2.0 * self.exponent).max(MIN_STEEP_EXPONENT);
                self.at(self.seen) * (attempts / self.seen).powf(exponent)
            }
        }
    }
}

/// Returns load, number and sum of the paces of the responses at each load.
fn grouped(responses: &[(f64, f64)], loads: &[f64]) -> Vec<(f64, f64, f64)> {
    let mut groups: Vec<(f64, f64, f64)> = loads.iter().map(|&load| (load, 0.0, 0.0)).collect();
    for (before, pace) in responses {
        let place = loads.partition_point(|load| *load < 1.0 + before);
        if let Some((_, count, sum)) = groups.get_mut(place) {
            *count += 1.0;
            *sum += pace;
        }
    }
    groups
}

/// Returns the value below which `share` of the sorted values lie.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product lies in 0..=len"
)]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_show_as_a_knee_and_a_constant_as_none() {
        let slots: Vec<(f64, f64)> = (0..400)
            .map(|step| {
                let before = f64::from(step % 16);
                (before, (0.02 * ((1.0 + before) / 6.0).max(1.0)).ln())
            })
            .collect();
        let curve = KneeCurve::fit(&slots);
        assert!((curve.knee - 6.0).abs() < 0.1, "{curve:?}");
        assert!((curve.exponent - 1.0).abs() < 0.01, "{curve:?}");
        assert_eq!(curve.seen, 16.0);
        assert!((curve.at(12.0) - 2.0).abs() < 0.02);
        assert_eq!(curve.at_unseen(32.0, UnseenLoad::Flat), curve.at(16.0));
        assert!(curve.at_unseen(32.0, UnseenLoad::Steep) > curve.at(32.0));

        let level: Vec<(f64, f64)> = slots.iter().map(|(before, _)| (*before, -4.0)).collect();
        assert_eq!(KneeCurve::fit(&level).exponent, 0.0);
        assert_eq!(KneeCurve::fit(&[]), KneeCurve::FLAT);
    }
}
