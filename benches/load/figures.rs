//! The results of a measurement, as one line of JSON.

use std::time::Duration;

/// Latencies, in order of completion.
#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The quantile at `part` (0 to 1), in milliseconds.
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a length is an index"
        )]
        let index = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted
            .get(index)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

/// Formats the results.
pub fn line(times: &Times, wrong: usize, seconds: f64) -> String {
    let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|part| times.quantile(part));
    let count = times.len();
    let worst = times.quantile(1.0);
    format!(
        r#"{{"count":{count},"wrong":{wrong},"seconds":{seconds:.3},"perSecond":{:.1},"p50":{p50:.4},"p90":{p90:.4},"p99":{p99:.4},"max":{worst:.4}}}"#,
        count as f64 / seconds
    )
}
