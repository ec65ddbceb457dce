//! How long a prompt is, as far as its bytes tell.

use super::pricing::estimate_tokens;

/// A run of so many bytes without an end is no text, but a file in Base64: a picture, a sound, a
/// document. Words of that length do not exist.
const MIN_BASE64_RUN: usize = 2_000;
/// What a file counts for, whatever its size: vendors count a picture as 85 to 1 600 tokens by its
/// area, a page of a document as about 1 500.
const FILE_TOKENS: u64 = 1_000;
/// Bytes looked at together where only the end of a file is searched.
const SCAN_BLOCK_BYTES: usize = 64;

/// Estimated tokens of a request's body, JSON as it came. One pass: text is passed over in strides
/// of `MIN_BASE64_RUN` bytes, a file in blocks.
pub fn prompt_tokens(body: &[u8]) -> u64 {
    let (mut text, mut files) = (body.len(), 0);
    let mut at = 0;
    while at + MIN_BASE64_RUN <= body.len() {
        // Where a run ends within the stride, none that began before is long enough, and the next
        // to look at begins behind the last end.
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

/// Place of the first end, or the length of it all.
fn end_of_file(body: &[u8], from: usize) -> usize {
    let mut at = from;
    while let (Some(block), Some(next)) = (
        body.get(at..at + SCAN_BLOCK_BYTES),
        body.get(at + 1..=at + SCAN_BLOCK_BYTES),
    ) {
        // Without a way out in the middle, the compiler looks at many bytes at once.
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

/// Whether a run ends with `byte` before `next`: blanks, the quote at a text's end, the comma behind
/// an address's head and between numbers, and whatever is not ASCII, for some languages have no
/// blanks. Some clients write the slash of Base64 as `\/`; every other escape, the letters of those
/// languages among them (`\u4e2d`), is no part of a file.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "every part is reckoned, so that no byte needs a branch of its own"
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
    fn a_picture_counts_as_a_page_whatever_its_size() {
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
        fn it_is_what_looking_at_every_run_gives(
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
