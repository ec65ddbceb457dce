//! EMBEDDINGS without a model: texts that share words are near each other, and the same text is
//! always at the same place.

use super::random::{DrawPurpose, RequestRandom};

/// The most words that count; what follows changes nothing.
const MAX_WORDS: usize = 256;
/// How many numbers one word moves: few enough that thousands of texts take no time to speak of.
const MOVES: u64 = 64;

/// A vector of length 1 with so many numbers.
pub fn of(text: &str, dimensions: u32) -> Vec<f32> {
    let mut sum = vec![0.0; dimensions as usize];
    // A text without a word has its place too.
    let words = text.split_whitespace().take(MAX_WORDS);
    for word in words.chain(text.trim().is_empty().then_some("")) {
        let seed = RequestRandom::of(0, word, 0).identity();
        for step in 0..MOVES {
            let luck = RequestRandom::of(seed, "", step);
            let place = luck.choice(DrawPurpose::Identity, u64::from(dimensions));
            if let Some(number) = usize::try_from(place).ok().and_then(|at| sum.get_mut(at)) {
                *number += 2.0 * luck.uniform(DrawPurpose::Words) - 1.0;
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

    fn nearness(one: &str, other: &str) -> f32 {
        let pairs = of(one, 256).into_iter().zip(of(other, 256));
        pairs.map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_with_common_words_are_nearer_than_strangers() {
        assert!((nearness("the north pier", "the north pier") - 1.0).abs() < 1e-4);
        assert!(0.4 < nearness("the north pier", "the south pier"));
        assert!(nearness("the north pier", "lorem ipsum dolor").abs() < 0.3);
    }

    #[test]
    fn even_nothing_has_a_place_of_length_one() {
        assert_eq!(of("", 8).len(), 8);
        assert!((nearness("", " ") - 1.0).abs() < 1e-4);
    }
}
