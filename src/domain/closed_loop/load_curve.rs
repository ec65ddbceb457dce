//! Latency of a target by its load. Two shapes are fitted: constant up to a knee and then a power of
//! the load, as with a number of slots; and a growth with the square of the load, as where everything
//! is shared. The second has one parameter less and shows at a lower load.

/// Minimum variance of the logarithm of the load for a fit.
const MIN_VARIANCE: f64 = 1e-3;
/// Minimum number of responses for a fit, and the bound of its exponent.
const MIN_RESPONSES: f64 = 50.0;
const MAX_EXPONENT: f64 = 2.0;
/// Bound of the logarithm of the factor.
const MAX_LOG_FACTOR: f64 = 3.0;
/// Improvement of the fit over a simpler one that is no chance, in units of `ln n`.
const REQUIRED_GAIN: f64 = 3.0;
/// Loads of double latency to try, from and to these multiples of the highest load.
const DOUBLE_AT: (f64, f64) = (0.25, 20.0);
const DOUBLE_STEP: f64 = 1.05;
/// Share of the responses that began at a load that counts as seen.
const SEEN_SHARE: f64 = 0.99;
/// Minimum exponent of the law that is steeper than the fitted one.
const MIN_STEEP_EXPONENT: f64 = 0.3;

/// Growth of the latency with the number of attempts at the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// None.
    Flat,
    /// None up to the knee, then a power of the load.
    Knee { exponent: f64, knee: f64 },
    /// With the square of the load; the latency is twice as high at this one.
    Square { double_at: f64 },
}

/// Factor of the latency by the number of attempts at the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearntCurve {
    pub growth: Growth,
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

impl Growth {
    /// Returns the factor at `attempts`, the new one included.
    fn at(self, attempts: f64) -> f64 {
        let log = match self {
            Self::Flat => 0.0,
            Self::Knee { exponent, knee } => exponent * (attempts / knee).ln().max(0.0),
            Self::Square { double_at } => (attempts / double_at).powi(2).ln_1p(),
        };
        log.clamp(0.0, MAX_LOG_FACTOR).exp()
    }

    /// Returns the exponent of the power of the load that it comes to at `attempts`.
    fn exponent_at(self, attempts: f64) -> f64 {
        match self {
            Self::Flat => 0.0,
            Self::Knee { exponent, .. } => exponent,
            Self::Square { double_at } => {
                let part = (attempts / double_at).powi(2);
                2.0 * part / (1.0 + part)
            }
        }
    }

    /// Returns the load at which the latency is twice as high.
    pub fn double_at(self) -> f64 {
        match self {
            Self::Flat => f64::INFINITY,
            Self::Knee { exponent, knee } => knee * (std::f64::consts::LN_2 / exponent).exp(),
            Self::Square { double_at } => double_at,
        }
    }
}

impl LearntCurve {
    /// A constant.
    pub const FLAT: Self = Self {
        growth: Growth::Flat,
        seen: 1.0,
    };

    /// Returns the factor at `attempts`, the new one included.
    pub fn at(&self, attempts: f64) -> f64 {
        self.growth.at(attempts)
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
                let exponent = (2.0 * self.growth.exponent_at(self.seen)).max(MIN_STEEP_EXPONENT);
                self.at(self.seen) * (attempts / self.seen).powf(exponent)
            }
        }
    }
}

/// Paces of responses by load.
#[derive(Debug)]
pub struct PacesByLoad {
    /// Load, number of responses and sum of the logarithms of their paces.
    groups: Vec<(f64, f64, f64)>,
    n: f64,
    mean: f64,
    /// Squared deviations from the mean.
    constant: f64,
    seen: f64,
}

impl PacesByLoad {
    /// Takes responses, each with the attempts in flight before it and the logarithm of its pace.
    pub fn of(responses: &[(f64, f64)]) -> Self {
        let mut loads: Vec<f64> = responses.iter().map(|(before, _)| 1.0 + before).collect();
        loads.sort_by(f64::total_cmp);
        let seen = quantile(&loads, SEEN_SHARE).unwrap_or(1.0);
        loads.dedup();
        let n = responses.len() as f64;
        let mean = responses.iter().map(|(_, pace)| pace).sum::<f64>() / n.max(1.0);
        let squares = responses.iter().map(|(_, pace)| (pace - mean).powi(2));
        Self {
            constant: squares.sum(),
            groups: grouped(responses, &loads),
            n,
            mean,
            seen,
        }
    }

    /// Returns the curve that fits best; a constant unless the others fit clearly better.
    pub fn fitted(&self) -> LearntCurve {
        let curve = |growth| LearntCurve {
            growth,
            seen: self.seen,
        };
        if self.n < MIN_RESPONSES {
            return curve(Growth::Flat);
        }
        let required = REQUIRED_GAIN * self.n.ln();
        let [square, knee] =
            [self.best_square(), self.best_knee()].map(|(rest, growth)| (self.gain(rest), growth));
        // A knee has one parameter more.
        let best = if knee.0 - self.n.ln() > square.0 {
            knee
        } else {
            square
        };
        curve(if best.0 > required {
            best.1
        } else {
            Growth::Flat
        })
    }

    /// Returns true unless the responses fit clearly better to another growth.
    pub fn allow(&self, growth: Growth, other: Growth) -> bool {
        let gain = self.gain(self.rest_of(other)) - self.gain(self.rest_of(growth));
        gain < REQUIRED_GAIN * self.n.max(2.0).ln()
    }

    /// Returns how much better than a constant a fit with this rest is.
    fn gain(&self, rest: f64) -> f64 {
        if self.n < 2.0 {
            return 0.0;
        }
        self.n * (self.constant.max(1e-12) / rest.max(1e-12)).ln()
    }

    /// Returns the squared deviations from a growth around its mean.
    fn rest_of(&self, growth: Growth) -> f64 {
        let (mut logs, mut squares, mut products) = (0.0, 0.0, 0.0);
        for (load, count, paces) in &self.groups {
            let log = growth.at(*load).ln();
            logs += log * count;
            squares += log * log * count;
            products += log * (paces - self.mean * count);
        }
        let variance = squares - logs * logs / self.n.max(1.0);
        self.constant - 2.0 * products + variance
    }

    fn best_square(&self) -> (f64, Growth) {
        let most = self.groups.last().map_or(1.0, |(load, ..)| *load);
        let (from, to) = (DOUBLE_AT.0 * most, DOUBLE_AT.1 * most);
        let mut best = (f64::INFINITY, Growth::Flat);
        let mut double_at = from;
        while double_at <= to {
            let growth = Growth::Square { double_at };
            let rest = self.rest_of(growth);
            if rest < best.0 {
                best = (rest, growth);
            }
            double_at *= DOUBLE_STEP;
        }
        best
    }

    fn best_knee(&self) -> (f64, Growth) {
        let mut best = (self.constant, Growth::Flat);
        let below_most = self.groups.len().saturating_sub(1);
        for &(knee, ..) in &self.groups[..below_most] {
            let (mut logs, mut squares, mut products) = (0.0, 0.0, 0.0);
            for (load, count, paces) in &self.groups {
                let x = (load / knee).ln().max(0.0);
                logs += x * count;
                squares += x * x * count;
                products += x * (paces - self.mean * count);
            }
            let variance = squares - logs * logs / self.n;
            if variance / self.n < MIN_VARIANCE {
                continue;
            }
            let exponent = (products / variance).clamp(0.0, MAX_EXPONENT);
            let rest = self.constant - 2.0 * exponent * products + exponent * exponent * variance;
            if rest < best.0 && exponent > 0.0 {
                best = (rest, Growth::Knee { exponent, knee });
            }
        }
        best
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
        let curve = PacesByLoad::of(&slots).fitted();
        let Growth::Knee { exponent, knee } = curve.growth else {
            panic!("{curve:?}")
        };
        assert!((knee - 6.0).abs() < 0.1, "{curve:?}");
        assert!((exponent - 1.0).abs() < 0.01, "{curve:?}");
        assert_eq!(curve.seen, 16.0);
        assert!((curve.at(12.0) - 2.0).abs() < 0.02);
        assert_eq!(curve.at_unseen(32.0, UnseenLoad::Flat), curve.at(16.0));
        assert!(curve.at_unseen(32.0, UnseenLoad::Steep) > curve.at(32.0));

        let level: Vec<(f64, f64)> = slots.iter().map(|(before, _)| (*before, -4.0)).collect();
        assert_eq!(PacesByLoad::of(&level).fitted().growth, Growth::Flat);
        assert_eq!(PacesByLoad::of(&[]).fitted(), LearntCurve::FLAT);
    }

    /// Responses at loads up to 40, slower by this factor, with a spread of 25 %.
    fn spread(factor: impl Fn(f64) -> f64) -> PacesByLoad {
        let responses: Vec<(f64, f64)> = (0..4_000)
            .map(|step| {
                let before = f64::from(step % 40);
                let luck = if step / 40 % 2 == 0 { 0.25 } else { -0.25 };
                (before, factor(1.0 + before).ln() + luck)
            })
            .collect();
        PacesByLoad::of(&responses)
    }

    #[test]
    fn what_is_shared_shows_as_a_square_that_holds_beyond_the_seen_load() {
        let shared = |load: f64| 1.0 + (load / 60.0).powi(2);
        let curve = spread(shared).fitted();
        assert!(matches!(curve.growth, Growth::Square { .. }), "{curve:?}");
        let expected = shared(120.0);
        let beyond = curve.at_unseen(120.0, UnseenLoad::Fitted);
        assert!((beyond / expected - 1.0).abs() < 0.1, "{curve:?}");
    }

    #[test]
    fn the_growth_of_others_holds_unless_the_own_responses_contradict_it() {
        let level = spread(|_| 1.0);
        let slots = Growth::Knee {
            exponent: 1.0,
            knee: 6.0,
        };
        assert!(level.allow(Growth::Square { double_at: 400.0 }, Growth::Flat));
        assert!(!level.allow(slots, Growth::Flat));
    }
}
