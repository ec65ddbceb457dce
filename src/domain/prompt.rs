//! Estimate of the length of a prompt from its bytes.

use super::pricing::estimate_tokens;

/// Minimum length of a run without a terminator that counts as a Base64 file (image, audio,
/// document). Words of that length do not exist.
const MIN_BASE64_RUN: usize = 2_000;
/// Tokens of a file of any size: vendors count 85 to 1 600 tokens for an image, depending on its
/// area, and about 1 500 for a page of a document.
const FILE_TOKENS: u64 = 1_000;
/// Bytes checked together in the search for the end of a file.
const SCAN_BLOCK_BYTES: usize = 64;

/// Estimates the tokens of a request body, raw JSON. One pass: text is skipped in strides of
/// `MIN_BASE64_RUN` bytes, a file in blocks.
pub fn prompt_tokens(body: &[u8]) -> u64 {
    let (mut text, mut files) = (body.len(), 0);
    let mut at = 0;
    while at + MIN_BASE64_RUN <= body.len() {
        // If a run ends within the stride, no run before it is long enough, and the next candidate
        // begins after the last end.
        if let Some(last) = (at..at + MIN_BASE64_RUN)
            .rev()
            .find(|place| ends(body, *place))
        {
            at = last + 1;
        } else {
            let end = end_of_file(body, at + MIN_BASE64_RUN);
            text -= end - at;
            files += 1;
            at = end;
        }
    }
    estimate_tokens(text) + files * FILE_TOKENS
}

/// Returns the position of the first terminator, or the length of the body.
fn end_of_file(body: &[u8], from: usize) -> usize {
    let mut at = from;
    while let (Some(block), Some(next)) = (
        body.get(at..at + SCAN_BLOCK_BYTES),
        body.get(at + 1..=at + SCAN_BLOCK_BYTES),
    ) {
        // No early exit, so that the compiler vectorises the loop.
        let has_end = block
            .iter()
            .zip(next)
            .fold(false, |found, (byte, next)| found | is_end(*byte, *next));
        if has_end {
            break;
        }
        at += SCAN_BLOCK_BYTES;
    }
    let end = (at..body.len()).find(|place| ends(body, *place));
    end.unwrap_or(body.len())
}

fn ends(body: &[u8], place: usize) -> bool {
    is_end(body[place], body.get(place + 1).copied().unwrap_or(b'"'))
}

/// Returns true if `byte` before `next` ends a run: white space, quotes, commas (after the head of a
/// data URL and between numbers), and non-ASCII bytes, because some languages have no spaces. Some
/// clients write the slash of Base64 as `\/`; every other escape (`\u4e2d`) ends a run.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "every operand is evaluated, so that the loop has no branches"
)]
const fn is_end(byte: u8, next: u8) -> bool {
    (byte <= b' ')
        | (byte == b'"')
        | (byte == b',')
        | (byte >= 0x80)
        | ((byte == b'\\') & (next != b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picture(bytes: usize) -> String {
        format!("\"data:image/png;base64,{}\"", "iVBORw0K".repeat(bytes / 8))
    }

    #[test]
    fn a_picture_of_any_size_counts_as_one_file() {
        let text = "what is this? ".repeat(20);
        let about = |bytes| prompt_tokens(format!("{text}{}{text}", picture(bytes)).as_bytes());
        let words = estimate_tokens(text.len() * 2);

        for bytes in [2_000, 100_000, 3_000_000] {
            assert!(
                (words + 1_000..words + 1_020).contains(&about(bytes)),
                "{bytes}"
            );
        }
        let two = format!("[{},{}]", picture(9_000), picture(9_000));
        assert!((2_000..2_030).contains(&prompt_tokens(two.as_bytes())));
    }

    #[test]
    fn a_picture_with_escaped_slashes_is_one_picture() {
        let body = format!(
            "\"data:image\\/png;base64,{}\"",
            "iVBO\\/Rw0K".repeat(9_000)
        );

        assert!((1_000..1_020).contains(&prompt_tokens(body.as_bytes())));
    }

    #[test]
    fn text_of_any_language_counts_in_full() {
        let texts = [
            "a word and another ".repeat(5_000),
            "没有空格的文字".repeat(5_000),
            "\\u6ca1\\u6709".repeat(5_000),
            "[1,2,3,4,5]".repeat(5_000),
            "\\u0430\\n".repeat(5_000),
            "x".repeat(MIN_BASE64_RUN - 1),
        ];

        for text in texts {
            assert_eq!(prompt_tokens(text.as_bytes()), estimate_tokens(text.len()));
        }
    }

    proptest! {
        #[test]
        fn the_estimate_equals_that_of_a_split_into_runs(
            runs in prop::collection::vec((1_usize..5_000, prop::sample::select(vec![" ", "\"", "é"])), 0..12),
        ) {
            let body: String = runs.iter().map(|(length, end)| "a".repeat(*length) + end).collect();
            let (mut text, mut files) = (0, 0);
            for run in body.split_inclusive([' ', '"', 'é']) {
                let length = run.trim_end_matches([' ', '"', 'é']).len();
                if length >= MIN_BASE64_RUN {
                    files += 1;
                    text += run.len() - length;
                } else {
                    text += run.len();
                }
            }
            prop_assert_eq!(prompt_tokens(body.as_bytes()), estimate_tokens(text) + files * FILE_TOKENS);
        }
    }
}
