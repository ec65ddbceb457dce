//! Rules for the documents: they are short, their links and paths exist, and their prose names its
//! subjects.

use super::retired_names::VAGUE_WORDS;
use std::fs;
use std::path::{Path, PathBuf};

const README_LINES_MAX: usize = 250;

/// The documents outside of `docs/`.
const ROOT_DOCUMENTS: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "README.pt-BR.md",
    "SECURITY.md",
];

/// One Markdown file.
pub struct Document {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

impl Document {
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// All documents, sorted by path.
    pub fn read_all() -> Vec<Self> {
        let mut paths: Vec<String> = ROOT_DOCUMENTS.iter().map(ToString::to_string).collect();
        for entry in fs::read_dir(root().join("docs")).expect("docs/ is a folder") {
            let name = entry.expect("an entry of docs/").file_name();
            paths.push(format!("docs/{}", name.to_str().expect("a name in UTF-8")));
        }
        paths.retain(|path| has_extension(path, "md"));
        paths.sort();
        let read = |path: String| {
            let text = fs::read_to_string(root().join(&path));
            let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
            Self { path, text }
        };
        paths.into_iter().map(read).collect()
    }

    /// The lines outside of code blocks, with their numbers from 1.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_code = false;
        (1..).zip(self.text.lines()).filter(move |(_, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
    }

    /// The anchors of all headings, as GitHub makes them.
    fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|(_, line)| {
            let text = line.trim_start_matches('#');
            (text.len() < line.len()).then(|| text.strip_prefix(' '))?
        });
        headings.map(anchor).collect()
    }
}

/// The README is short enough to be read.
pub fn overlong_readme(document: &Document) -> Vec<String> {
    let lines = document.text.lines().count();
    let is_too_long = document.path.starts_with("README") && README_LINES_MAX < lines;
    let violation = || {
        format!(
            "{}: {lines} lines; {README_LINES_MAX} are allowed. Move details to docs/.",
            document.path
        )
    };
    is_too_long.then(violation).into_iter().collect()
}

/// Links to files or headings that do not exist.
pub fn broken_links(document: &Document) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, line) in document.prose() {
        let links = line.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split([')', ' ']).next()) {
            if let Some(problem) = link_problem(document, link) {
                violations.push(format!("{}:{number}: {link}: {problem}.", document.path));
            }
        }
    }
    violations
}

fn link_problem(document: &Document, link: &str) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let folder = Path::new(&document.path).parent()?;
    let path = root().join(folder).join(file);
    if !file.is_empty() && !path.exists() {
        return Some("the file does not exist");
    }
    let has_heading = if file.is_empty() {
        document.anchors().iter().any(|anchor| anchor == heading)
    } else if heading.is_empty() || !has_extension(file, "md") {
        true
    } else {
        let target = Document::new(file, &fs::read_to_string(path).ok()?);
        target.anchors().iter().any(|anchor| anchor == heading)
    };
    (!has_heading).then_some("the heading does not exist")
}

/// Paths of source files in code spans that do not exist. A path begins at the root or in `src/`; a
/// bare file name may be anywhere below `src/`.
pub fn missing_source_files(document: &Document) -> Vec<String> {
    let files = files_below(&root().join("src"));
    let mut violations = Vec::new();
    for (number, line) in document.prose() {
        for span in line.split('`').skip(1).step_by(2) {
            let is_path = span.starts_with("src/") || has_extension(span, "rs");
            let is_plain = span
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/_-.".contains(c));
            if !is_path || !is_plain {
                continue;
            }
            let exists = root().join(span).exists()
                || root().join("src").join(span).exists()
                || !span.contains('/') && files.iter().any(|file| file.ends_with(span));
            if !exists {
                violations.push(format!(
                    "{}:{number}: `{span}` does not exist.",
                    document.path
                ));
            }
        }
    }
    violations
}

/// Words without a clear subject.
pub fn vague_prose(document: &Document) -> Vec<String> {
    let mut violations = Vec::new();
    for (number, line) in document.prose() {
        let words = line.split(|c: char| !c.is_alphabetic());
        for word in words.filter(|word| VAGUE_WORDS.contains(&word.to_lowercase().as_str())) {
            violations.push(format!(
                "{}:{number}: `{word}` does not say which; name the request, client, target or \
                 operator.",
                document.path
            ));
        }
    }
    violations
}

/// The anchor of a heading: lower case, punctuation removed, spaces to hyphens.
fn anchor(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    let text = heading.trim().to_lowercase();
    text.chars()
        .filter(is_kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of src/") {
        let path = entry.expect("an entry of src/").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|it| it == extension)
}

fn root() -> PathBuf {
    let root = std::env::var_os("SOURCE_ROOT");
    root.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
