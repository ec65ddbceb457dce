//! Names and words that the code no longer uses.

use super::source::Source;

/// Identifiers that were renamed, with the new name.
pub const RETIRED_NAMES: &[(&str, &str)] = &[];

/// Words that leave the subject of a sentence open.
const VAGUE_WORDS: &[&str] = &["whoever", "somebody", "nobody", "whom", "anybody"];

/// How often the vague words stand in comments and strings. Lower it; the aim is no rows.
pub const VAGUE_WORDS_TODAY: &[(&str, usize)] = &[];

/// These rules name what they forbid.
const RULES: &str = "tests/architecture";

/// Retired names in the code and between backticks in comments.
pub fn retired_names(source: &Source) -> Vec<String> {
    use_of_names(source, RETIRED_NAMES)
}

pub fn use_of_names(source: &Source, retired: &[(&str, &str)]) -> Vec<String> {
    if source.path.starts_with(RULES) {
        return Vec::new();
    }
    let new_name = |word: &str| {
        let row = retired.binary_search_by(|(old, _)| (*old).cmp(word));
        row.ok().map(|row| retired[row].1)
    };
    let mut found: Vec<(usize, &str)> = words(&source.code).collect();
    for (start, comment) in source.comments() {
        // Every second part is between backticks.
        let mut at = start;
        for (part, text) in comment.split('`').enumerate() {
            if part % 2 == 1 {
                found.extend(words(text).map(|(step, word)| (at + step, word)));
            }
            at += text.len() + 1;
        }
    }
    let mut violations = Vec::new();
    for (at, word) in found {
        if let Some(new) = new_name(word) {
            violations.push(format!(
                "{}: write `{new}` instead of `{word}`.",
                source.place(at)
            ));
        }
    }
    violations
}

/// The vague words in a file's comments and string literals, with their places.
pub fn vague_words(source: &Source) -> Vec<(usize, &str)> {
    if source.path.starts_with(RULES) {
        return Vec::new();
    }
    let texts = source.comments().chain(source.literals());
    let in_text = |(start, text)| words(text).map(move |(step, word)| (start + step, word));
    let is_vague = |(_, word): &(usize, &str)| {
        let is_same = |vague: &&str| vague.eq_ignore_ascii_case(word);
        VAGUE_WORDS.iter().any(|vague| is_same(&vague))
    };
    texts.flat_map(in_text).filter(is_vague).collect()
}

/// The part of the package that a count is for: a module of `src`, `tests` or `benches`.
fn part(source: &Source) -> &str {
    if source.path.starts_with("src/") {
        return source.module();
    }
    source.path.split('/').next().unwrap_or(&source.path)
}

/// Parts of the package with more vague words than allowed, or with fewer.
pub fn vague_prose(sources: &[Source], allowed: &[(&str, usize)]) -> Vec<String> {
    let mut parts: Vec<&str> = sources.iter().map(part).collect();
    parts.extend(allowed.iter().map(|(part, _)| *part));
    parts.sort_unstable();
    parts.dedup();
    let mut violations = Vec::new();
    for name in parts {
        let mut places = Vec::new();
        for source in sources.iter().filter(|source| part(source) == name) {
            let place = |(at, word): (usize, &str)| {
                format!(
                    "{}: name the subject instead of `{word}`: request, client, target, operator.",
                    source.place(at)
                )
            };
            places.extend(vague_words(source).into_iter().map(place));
        }
        let row = allowed.iter().find(|(part, _)| *part == name);
        let allowed = row.map_or(0, |(_, count)| *count);
        let count = places.len();
        if count > allowed {
            violations.push(format!(
                "{}\n{name}: {count} vague words, {allowed} are allowed.",
                places.join("\n")
            ));
        } else if count < allowed {
            violations.push(format!(
                "tests/architecture/retired_names.rs: `{name}` has {count} vague words; lower the \
                 number in VAGUE_WORDS_TODAY from {allowed} to {count}."
            ));
        }
    }
    violations
}

/// The words of a text with their places.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let parts = text.split(move |c| !is_word(c));
    let base = text.as_ptr().addr();
    parts
        .filter(|part| !part.is_empty())
        .map(move |part| (part.as_ptr().addr() - base, part))
}
