//! Embeddings without a model: texts with common words are similar, and a text always has the same
//! vector.

use super::random::{DrawPurpose, RequestRandom};

/// Words that count; further ones are ignored.
const MAX_WORDS: usize = 256;
/// The numbers that one word changes: few, so that thousands of texts take little time.
const NUMBERS_PER_WORD: u64 = 64;

/// A vector of length 1 with `dimensions` numbers.
pub fn embed(text: &str, dimensions: u32) -> Vec<f32> {
    let mut sum = vec![0.0; dimensions as usize];
    // A text without words has a vector too.
    let words = text.split_whitespace().take(MAX_WORDS);
    for word in words.chain(text.trim().is_empty().then_some("")) {
        let seed = RequestRandom::new(0, word, 0).identity();
        for step in 0..NUMBERS_PER_WORD {
            let random = RequestRandom::new(seed, "", step);
            let index = random.choice(DrawPurpose::Identity, u64::from(dimensions));
            if let Some(number) = usize::try_from(index)
                .ok()
                .and_then(|index| sum.get_mut(index))
            {
                *number += 2.0 * random.uniform(DrawPurpose::Words) - 1.0;
            }
        }
    }
    let length = sum.iter().map(|number| number * number).sum::<f64>().sqrt();
    sum.into_iter()
        .map(|number| narrow(number / length))
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "what is lost is precision")]
fn narrow(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarity(one: &str, other: &str) -> f32 {
        let pairs = embed(one, 256).into_iter().zip(embed(other, 256));
        pairs.map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_with_common_words_are_more_similar() {
        assert!((similarity("the north pier", "the north pier") - 1.0).abs() < 1e-4);
        assert!(0.4 < similarity("the north pier", "the south pier"));
        assert!(similarity("the north pier", "lorem ipsum dolor").abs() < 0.3);
    }

    #[test]
    fn an_empty_text_has_a_vector_of_length_one() {
        assert_eq!(embed("", 8).len(), 8);
        assert!((similarity("", " ") - 1.0).abs() < 1e-4);
    }
}
