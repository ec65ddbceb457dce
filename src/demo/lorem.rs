//! Placeholder text for prompts and responses: one word is one token.

const WORDS: [&str; 32] = [
    "lorem", "ipsum", "dolor", "sit", "amet", "elit", "sed", "do", "tempor", "ut", "labore", "et",
    "magna", "aliqua", "enim", "ad", "minim", "quis", "nostrud", "nisi", "ex", "ea", "duis",
    "aute", "irure", "in", "velit", "esse", "cillum", "fugiat", "nulla", "sint",
];

/// Words `from` to `to` (exclusive) of the endless text that begins at `offset`. Every word but the
/// first begins with a space, so that concatenated slices give the complete text.
pub fn words(offset: u64, from: u32, to: u32) -> String {
    let mut text = String::with_capacity(7 * to.saturating_sub(from) as usize);
    for number in from..to {
        if 0 < number {
            text.push(' ');
        }
        let index = offset.wrapping_add(u64::from(number)) % WORDS.len() as u64;
        text.push_str(usize::try_from(index).map_or(WORDS[0], |index| WORDS[index]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concatenated_slices_give_the_complete_text() {
        let pieces = [words(30, 0, 1), words(30, 1, 4), words(30, 4, 9)].concat();

        assert_eq!(pieces, words(30, 0, 9));
        assert_eq!(pieces.split(' ').count(), 9);
    }
}
