//! Ids of targets and decisions.

use super::units::UnixTime;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Id of a target, provider + model. Written `provider/model`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId {
    /// Name of the provider.
    pub provider: Arc<str>,
    /// Model id at that provider.
    pub model: Arc<str>,
}

impl TargetId {
    /// Creates the id of a target.
    pub fn new(provider: &str, model: &str) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
        }
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.provider, self.model))
    }
}

/// Id of one balancing decision. Written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(pub u64);

impl DecisionId {
    /// Random bits of an id, after those that tell its time.
    const RANDOM_BITS: u32 = 44;
    /// Seconds of one step of its time.
    const STEP_SECONDS: u64 = 2;

    /// An id of this time. Its first 20 bits count steps of two seconds and repeat after 24 days, so
    /// that ids of one time are neighbours: an index then changes few of its pages. The 44 bits after
    /// them are the last of `random`, so that no client can guess an id.
    pub fn at(time: UnixTime, random: u64) -> Self {
        let step = time.unix_seconds() / Self::STEP_SECONDS;
        let random = random & ((1 << Self::RANDOM_BITS) - 1);
        Self(step << Self::RANDOM_BITS | random)
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for DecisionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() != 16 {
            return Err(format!(
                "decision id is {text:?}, but must be 16 hexadecimal digits"
            ));
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| format!("decision id is {text:?}, but must be 16 hexadecimal digits"))
    }
}

/// Position of a key in the list of its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyIdx(u16);

impl KeyIdx {
    /// Makes the index of a position, counted from 0.
    pub const fn new(position: u16) -> Self {
        Self(position)
    }

    /// Returns the position, counted from 0.
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    /// Iterates over the positions of a list with `len` keys.
    pub fn all(len: usize) -> impl Iterator<Item = Self> {
        (0..u16::try_from(len).unwrap_or(u16::MAX)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decision_ids_of_one_time_are_neighbours() {
        let time = UnixTime::from_seconds(1_700_000_000);
        let id = DecisionId::at(time, u64::MAX);
        let later = UnixTime::from_seconds(1_700_000_002);

        assert_eq!(id.0 & 0xfff_ffff_ffff, 0xfff_ffff_ffff);
        assert_eq!(DecisionId::at(later, 0).0, id.0 + 1);
    }

    #[test]
    fn a_written_decision_id_is_parsed_to_the_same_id() {
        let id = DecisionId(0x00ab_cdef);

        assert_eq!(id.to_string(), "0000000000abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("xyz".parse::<DecisionId>().is_err());
    }
}
