//! The schedule of incidents that an exercise runs, such as the demo's, for the line above the keys.

use super::format;

/// Incidents that repeat every period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incidents {
    /// Whose they are, and their kind: `demo: outage`.
    pub what: String,
    /// Start of the first period, in Unix seconds.
    pub began: u64,
    /// Length of a period, in seconds.
    pub period: u64,
    /// Start and end of each incident from the start of its period, in seconds.
    pub windows: Vec<(u64, u64)>,
}

impl Incidents {
    /// What is due at a time: `demo: outage in 0:12, for 60 s`; `None` without incidents.
    pub fn text(&self, now: u64) -> Option<String> {
        let at = now.saturating_sub(self.began).checked_rem(self.period)?;
        let next = |after: u64| {
            let starts = self.windows.iter().map(|(from, _)| *from);
            let today = starts.clone().filter(|from| after < *from).min();
            let tomorrow = || Some(starts.min()? + self.period);
            today.or_else(tomorrow)
        };
        let running = self
            .windows
            .iter()
            .find(|(from, until)| (*from..*until).contains(&at));
        let next = next(at)?;
        let due = format::countdown(next - at);
        if let Some((_, until)) = running {
            let left = format::countdown(until - at);
            return Some(format!("{}, ends in {left}; the next in {due}", self.what));
        }
        let mut windows = self.windows.iter();
        let window = windows.find(|(from, _)| from % self.period == next % self.period);
        let length = window.map_or(0, |(from, until)| until - from);
        Some(format!("{} in {due}, for {length} s", self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_incident_is_counted_down_and_so_is_its_end() {
        let incidents = Incidents {
            what: "demo: outage".to_owned(),
            began: 1_000,
            period: 180,
            windows: vec![(20, 80)],
        };
        let text = |now| incidents.text(now).unwrap();
        assert_eq!(text(1_008), "demo: outage in 0:12, for 60 s");
        assert_eq!(text(1_020), "demo: outage, ends in 1:00; the next in 3:00");
        assert_eq!(text(1_080), "demo: outage in 2:00, for 60 s");
        assert_eq!(text(1_199), "demo: outage in 0:01, for 60 s");
        let none = Incidents {
            windows: Vec::new(),
            ..incidents.clone()
        };
        assert_eq!(none.text(1_000), None);
    }
}
