//! Reads a Rust file for the rules: the code without comments and literals, the comments and the
//! literals, the functions with their lengths, and the paths in `use` trees.
//!
//! It scans the text and has no parser: the rules need a few words and their lines, and scanning
//! needs no dependency.

use std::ops::Range;
use std::path::Path;

/// One file, and what of it is code.
#[derive(Debug)]
pub struct Source {
    /// From the package's root, with `/`.
    pub path: String,
    pub text: String,
    /// As long as `text` and with the same lines, but comments and literals are spaces.
    pub code: String,
    /// Whether the whole file is compiled for tests only.
    pub is_test: bool,
    literals: Vec<Range<usize>>,
    comments: Vec<Range<usize>>,
    tests: Vec<Range<usize>>,
}

/// One function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// The line of its `fn`.
    pub line: usize,
    /// From `fn` to the closing brace, both counted.
    pub lines: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (code, literals, comments) = separate(text);
        let tests = test_items(&code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            is_test: code.contains("#![cfg(test)]"),
            code,
            literals,
            comments,
            tests,
        }
    }

    /// Every Rust file of the package's folders, in the order of their paths. A folder that does
    /// not exist holds no files.
    pub fn read_all(folders: &[&str]) -> Vec<Self> {
        Self::read_below(Path::new(env!("CARGO_MANIFEST_DIR")), folders)
    }

    /// The same for a package elsewhere.
    pub fn read_below(root: &Path, folders: &[&str]) -> Vec<Self> {
        let mut paths = Vec::new();
        for folder in folders {
            collect(&root.join(folder), &mut paths);
        }
        paths.sort();
        let mut sources: Vec<Self> = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(&path).expect("the package's files are readable");
            let path = path.strip_prefix(root).expect("collected below the root");
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            sources.push(Self::new(&parts.join("/"), &text));
        }
        mark_test_files(&mut sources);
        sources
    }

    /// The top-level module of `src` that this file belongs to: `engine` for
    /// `src/engine/run.rs`, `main` for `src/main.rs`.
    pub fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split(['/', '.']).next().unwrap_or(inside)
    }

    /// The line of a place in the file, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// `src/engine/run.rs:12`, the form that editors open.
    pub fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.line(at))
    }

    /// The length of the test item that begins at a place, if one does.
    pub fn test_length_at(&self, at: usize) -> Option<usize> {
        let item = self.tests.iter().find(|range| range.start == at);
        item.map(ExactSizeIterator::len)
    }

    /// The comments, doc comments included: where each begins and its text.
    pub fn comments(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = |range: &Range<usize>| (range.start, &self.text[range.clone()]);
        self.comments.iter().map(text)
    }

    /// Whether a place is compiled for tests only.
    pub fn is_test_at(&self, at: usize) -> bool {
        self.is_test || self.tests.iter().any(|range| range.contains(&at))
    }

    /// The string literals: where each begins and its text, escapes as written.
    pub fn literals(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = |range: &Range<usize>| (range.start, &self.text[range.clone()]);
        self.literals.iter().map(text)
    }

    /// Where a word stands in the code by itself.
    pub fn words(&self, word: &str) -> Vec<usize> {
        words(&self.code, word)
    }

    /// Every path that begins with one of `heads`, `use` trees written out:
    /// `use crate::{a, b::c}` is `crate::a` and `crate::b::c`.
    pub fn paths(&self, heads: &[&str]) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for head in heads {
            for at in self.words(head) {
                let before = &self.code[..at];
                let is_inside = before.strip_suffix("::").is_some_and(|rest| {
                    rest.ends_with(|last: char| is_word(last) || matches!(last, '>' | '}'))
                });
                if !is_inside {
                    write_out(&self.code, at, &[], &mut found);
                }
            }
        }
        found
    }

    /// The module that a place is in, below the crate: `["engine", "run", "tests"]`.
    pub fn module_at(&self, at: usize) -> Vec<String> {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let stem = inside.trim_end_matches(".rs").trim_end_matches("/mod");
        let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
        for start in self.words("mod") {
            let name = word_at(&self.code, skip_space(&self.code, start + 3));
            let open = self.code[start..].find(['{', ';']).map(|step| start + step);
            if let Some(open) = open.filter(|open| self.code.as_bytes()[*open] == b'{')
                && (open..closing(&self.code, open)).contains(&at)
            {
                module.push(name.to_owned());
            }
        }
        module
    }

    /// Every function that has a body, methods and nested ones included.
    pub fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for at in self.words("fn") {
            let name = word_at(&self.code, skip_space(&self.code, at + 2));
            let (false, Some(open)) = (name.is_empty(), body(&self.code, at)) else {
                continue;
            };
            let line = self.line(at);
            functions.push(Function {
                name: name.to_owned(),
                line,
                lines: self.line(closing(&self.code, open)) - line + 1,
            });
        }
        functions
    }
}

fn collect(folder: &Path, paths: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("the package's folders are readable").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// A file that another declares as `#[cfg(test)] mod tests;` is test code from its first line.
fn mark_test_files(sources: &mut [Source]) {
    let mut stems = Vec::new();
    for source in &*sources {
        for range in &source.tests {
            let item = &source.code[range.clone()];
            if let (Some(at), true) = (words(item, "mod").first(), item.ends_with(';')) {
                let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
                let name = word_at(item, skip_space(item, at + 3));
                stems.push(format!("{stem}/{name}"));
                let mut literals = source.literals().filter(|(at, _)| range.contains(at));
                if let (Some((_, file)), true) = (literals.next(), item.contains("#[path")) {
                    let folder = source
                        .path
                        .rsplit_once('/')
                        .map_or("", |(folder, _)| folder);
                    stems.push(format!("{folder}/{}", file.trim_end_matches(".rs")));
                }
            }
        }
    }
    for source in sources {
        let is_declared = |stem: &String| {
            let rest = source.path.strip_prefix(stem.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        source.is_test |= stems.iter().any(is_declared);
    }
}

/// The code with comments and literals as spaces, the contents of string literals, the comments.
fn separate(text: &str) -> (String, Vec<Range<usize>>, Vec<Range<usize>>) {
    let mut code = String::with_capacity(text.len());
    let mut literals = Vec::new();
    let mut comments = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let Some((end, literal)) = opaque(text, at) else {
            code.push(first);
            at += first.len_utf8();
            continue;
        };
        let blank = |byte| if byte == b'\n' { '\n' } else { ' ' };
        code.extend(text[at..end].bytes().map(blank));
        literals.extend(literal);
        comments.extend((first == '/').then_some(at..end));
        at = end;
    }
    (code, literals, comments)
}

/// The comment or literal that begins here: its end, and the content if it is a string.
fn opaque(text: &str, at: usize) -> Option<(usize, Option<Range<usize>>)> {
    let rest = &text[at..];
    let found = |step: Option<usize>| at + step.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return Some((found(rest.find('\n')), None));
    }
    if rest.starts_with("/*") {
        return Some((at + comment_length(rest), None));
    }
    if rest.starts_with('"') {
        let mut bytes = rest.bytes().enumerate().skip(1);
        while let Some((step, byte)) = bytes.next() {
            match byte {
                b'\\' => {
                    bytes.next();
                }
                b'"' => return Some((at + step + 1, Some(at + 1..at + step))),
                _ => {}
            }
        }
        return Some((text.len(), None));
    }
    if let Some(inside) = rest.strip_prefix('\'') {
        let first = inside.chars().next()?;
        // After a backslash the next character never closes; otherwise one character is between
        // two quotes, or this is a lifetime.
        let from = if first == '\\' { 2 } else { first.len_utf8() };
        let close = inside.get(from..)?.find('\'')?;
        return (first == '\\' || close == 0).then_some((at + 1 + from + close + 1, None));
    }
    let is_prefix = |prefix: &str| matches!(prefix, "" | "b" | "c");
    if rest.starts_with('r') && is_prefix(last_word(&text[..at])) {
        let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
        let open = at + 1 + hashes;
        let inside = text[open..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let length = inside.find(&close).unwrap_or(inside.len());
        let end = (open + 1 + length + close.len()).min(text.len());
        return Some((end, Some(open + 1..open + 1 + length)));
    }
    None
}

/// The length of a block comment, those nested in it included.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The items behind `#[cfg(test)]` or `#[cfg(all(test, …))]`, attribute included.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    for marker in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (start, _) in code.match_indices(marker) {
            let after = code[start..]
                .find(']')
                .map_or(code.len(), |step| start + step + 1);
            let end = match body(code, after) {
                Some(open) => closing(code, open) + 1,
                None => code[after..]
                    .find(';')
                    .map_or(code.len(), |step| after + step + 1),
            };
            items.push(start..end.min(code.len()));
        }
    }
    items
}

/// The brace that opens the body of the item that begins here; none where a `;` ends it first.
fn body(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (step, byte) in code[at..].bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at + step),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The brace that closes the one at `open`, or the end of the code where none does.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_i32;
    for (step, byte) in code[open..].bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + step;
        }
    }
    code.len()
}

/// Writes out the path or `use` tree that begins here and returns where it ends.
fn write_out(
    code: &str,
    at: usize,
    parents: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let name = word_at(code, at);
    let mut path = parents.to_vec();
    path.extend((!name.is_empty()).then(|| name.to_owned()));
    let end = at + name.len();
    let next = skip_space(code, end);
    let Some(after) = code[next..]
        .strip_prefix("::")
        .map(|_| skip_space(code, next + 2))
    else {
        found.push((at, path));
        return end;
    };
    if !code[after..].starts_with('{') {
        return write_out(code, after, &path, found);
    }
    let close = closing(code, after);
    let mut entry = skip_space(code, after + 1);
    while entry < close {
        let end = write_out(code, entry, &path, found);
        // What is left of the entry is `as name` or the star of a glob.
        let comma = code[end..close].find(',').map_or(close, |step| end + step);
        entry = skip_space(code, comma + 1);
    }
    close + 1
}

fn words(code: &str, word: &str) -> Vec<usize> {
    let stands_alone = |&at: &usize| {
        !code[..at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word)
    };
    let places = code.match_indices(word).map(|(at, _)| at);
    places.filter(stands_alone).collect()
}

fn word_at(code: &str, at: usize) -> &str {
    let rest = code.get(at..).unwrap_or("");
    &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
}

fn last_word(code: &str) -> &str {
    &code[code.trim_end_matches(is_word).len()..]
}

fn skip_space(code: &str, at: usize) -> usize {
    let rest = code.get(at..).unwrap_or("");
    at + rest.len() - rest.trim_start().len()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
