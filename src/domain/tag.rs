//! Tags: what clients say a request is for, so that its costs can be told apart.

use super::units::UnixTime;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 64;
/// Different tags in one day (UTC); every further one is counted as [`Tag::other`].
pub const MAX_TAGS_PER_DAY: usize = 1_000;

const SECONDS_PER_DAY: u64 = 86_400;

/// Label of a request: 1 to 64 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// A text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tag has 1 to {MAX_TAG_BYTES} printable ASCII characters")]
pub struct TagError;

impl Tag {
    /// Reads a tag; spaces around it are removed.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let text = text.trim_matches(' ');
        let fits = (1..=MAX_TAG_BYTES).contains(&text.len());
        let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if fits && is_printable {
            Ok(Self(text.into()))
        } else {
            Err(TagError)
        }
    }

    /// The tag of all requests whose own tag came after too many others.
    pub fn other() -> Self {
        Self("other".into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The tags of one day. It bounds their number, because each one has sums of its own.
#[derive(Debug, Default)]
pub struct DailyTags {
    day: u64,
    seen: BTreeSet<Tag>,
}

impl DailyTags {
    /// Returns the tag that a request counts under: its own, or [`Tag::other`] where the day has too
    /// many already.
    pub fn admit(&mut self, tag: Tag, now: UnixTime) -> Tag {
        let day = now.unix_seconds() / SECONDS_PER_DAY;
        if day != self.day {
            self.day = day;
            self.seen.clear();
        }
        if self.seen.contains(&tag) {
            return tag;
        }
        if self.seen.len() >= MAX_TAGS_PER_DAY {
            return Tag::other();
        }
        self.seen.insert(tag.clone());
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_tag_is_short_and_printable() {
        assert_eq!(
            Tag::parse(" team a/nightly ").unwrap().as_str(),
            "team a/nightly"
        );
        assert!(Tag::parse(&"x".repeat(MAX_TAG_BYTES)).is_ok());
        let wrong = [
            "",
            "  ",
            "a\tb",
            "a\u{1b}[2J",
            "é",
            &"x".repeat(MAX_TAG_BYTES + 1),
        ];
        for text in wrong {
            assert_eq!(Tag::parse(text), Err(TagError), "{text:?}");
        }
    }

    #[test]
    fn further_tags_of_a_day_are_counted_together() {
        let mut tags = DailyTags::default();
        let start = UnixTime::from_seconds(20_000 * SECONDS_PER_DAY);
        let tag = |number: usize| Tag::parse(&format!("t{number}")).unwrap();
        for number in 0..MAX_TAGS_PER_DAY {
            assert_eq!(tags.admit(tag(number), start), tag(number));
        }

        assert_eq!(tags.admit(tag(MAX_TAGS_PER_DAY), start), Tag::other());
        assert_eq!(tags.admit(tag(7), start), tag(7), "known tags stay apart");
        let tomorrow = start.plus(Duration::from_hours(24));
        assert_eq!(
            tags.admit(tag(MAX_TAGS_PER_DAY), tomorrow),
            tag(MAX_TAGS_PER_DAY)
        );
    }
}
