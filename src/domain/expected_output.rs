//! Expected output tokens of a class of requests: a decayed mean per class, shrunk towards the
//! mean of its parent (model type, streamed or whole), which is shrunk towards a fixed prior.

use super::decay::DecayedMean;
use super::model_type::{ModelType, RequestClass};
use super::units::UnixTime;

/// Memory of response lengths, in seconds.
const MEMORY_S: f64 = 600.0;
/// Prior output tokens; embeddings have none.
const PRIOR_TOKENS: f64 = 300.0;
/// Weight of the parent's mean, and of the prior, in observations.
const PRIOR_WEIGHT: f64 = 2.0;

/// Expected output tokens of each class, by [`RequestClass::index`].
pub type ExpectedOutputs = [f64; RequestClass::COUNT];

/// The statistics of all targets together.
#[derive(Debug, Clone)]
pub struct OutputStatistics {
    classes: [DecayedMean; RequestClass::COUNT],
    parents: [DecayedMean; RequestClass::PARENTS],
}

impl Default for OutputStatistics {
    fn default() -> Self {
        Self {
            classes: [DecayedMean::new(MEMORY_S); RequestClass::COUNT],
            parents: [DecayedMean::new(MEMORY_S); RequestClass::PARENTS],
        }
    }
}

impl OutputStatistics {
    /// Records a response of `tokens` output tokens.
    pub fn observe(&mut self, class: RequestClass, tokens: f64, now: UnixTime) {
        self.classes[class.index()].add(tokens, now);
        self.parents[class.parent()].add(tokens, now);
    }

    /// Returns the expected output tokens of a class.
    pub fn expected(&self, class: RequestClass, now: UnixTime) -> f64 {
        let parent = self.of_parent(class.parent(), now);
        self.classes[class.index()].shrunk(parent, PRIOR_WEIGHT, now)
    }

    /// Returns the expected output tokens of every class. A class without observations needs no
    /// exponential.
    pub fn all(&self, now: UnixTime) -> ExpectedOutputs {
        let mut expected = [0.0; RequestClass::COUNT];
        let children = RequestClass::COUNT / RequestClass::PARENTS;
        for parent in 0..RequestClass::PARENTS {
            let usual = self.of_parent(parent, now);
            let classes = parent * children..(parent + 1) * children;
            for (tokens, class) in expected[classes.clone()]
                .iter_mut()
                .zip(&self.classes[classes])
            {
                *tokens = if class.is_empty() {
                    usual
                } else {
                    class.shrunk(usual, PRIOR_WEIGHT, now)
                };
            }
        }
        expected
    }

    fn of_parent(&self, parent: usize, now: UnixTime) -> f64 {
        let is_embedding = parent / 2 == ModelType::Embedding as usize;
        let prior = if is_embedding { 0.0 } else { PRIOR_TOKENS };
        let mean = &self.parents[parent];
        if mean.is_empty() {
            prior
        } else {
            mean.shrunk(prior, PRIOR_WEIGHT, now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_one_type_have_their_own_means() {
        let now = UnixTime::from_seconds(1_000);
        let mut statistics = OutputStatistics::default();
        let chat = RequestClass::new(ModelType::Chat, false);
        let label = chat.with_max_tokens(Some(8.0));
        for _ in 0..50 {
            statistics.observe(chat, 400.0, now);
            statistics.observe(label, 3.0, now);
        }

        assert!(statistics.expected(chat, now) > 380.0);
        assert!(statistics.expected(label, now) < 12.0);
        let unseen = chat.with_tools(true);
        assert!((statistics.expected(unseen, now) - 203.0).abs() < 5.0);
        assert_eq!(
            statistics.all(now)[label.index()],
            statistics.expected(label, now)
        );
    }

    #[test]
    fn embeddings_have_no_output() {
        let statistics = OutputStatistics::default();
        let class = RequestClass::new(ModelType::Embedding, false);
        assert_eq!(statistics.expected(class, UnixTime::from_seconds(1)), 0.0);
    }
}
