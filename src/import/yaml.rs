//! A YAML document as a tree in which every value knows its line.
//!
//! Size, depth and the number of values are limited, those that aliases repeat included, so that a small
//! file cannot become a large tree.

use super::ImportError;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// Largest file that is read.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most values of a document.
const MAX_NODES: usize = 50_000;
/// Most lists and tables inside each other.
const MAX_DEPTH: usize = 64;

/// A value with the line where it begins, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct YamlNode {
    pub line: usize,
    kind: NodeKind,
    /// Values in it, itself included.
    size: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NodeKind {
    /// A text; `is_plain` if it stands without quotation marks, so that it may mean something else.
    Scalar {
        text: String,
        is_plain: bool,
    },
    Sequence(Vec<YamlNode>),
    Mapping(Vec<(String, YamlNode)>),
}

impl YamlNode {
    /// Reads one document; an empty one is an empty table.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        if text.len() > MAX_BYTES {
            let limit = MAX_BYTES >> 20;
            return Err(ImportError(format!("the file has more than {limit} MB")));
        }
        let mut builder = TreeBuilder::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let (line, info) = (error.marker().line(), error.info());
                ImportError(format!("line {line}: it is no valid YAML: {info}"))
            })?;
            builder.apply(event, span.start.line())?;
        }
        let empty = Self::new(1, NodeKind::Mapping(Vec::new()));
        Ok(builder.root.unwrap_or(empty))
    }

    fn new(line: usize, kind: NodeKind) -> Self {
        let size = 1 + match &kind {
            NodeKind::Scalar { .. } => 0,
            NodeKind::Sequence(items) => items.iter().map(|item| item.size).sum(),
            NodeKind::Mapping(entries) => entries.iter().map(|(_, value)| value.size + 1).sum(),
        };
        Self { line, kind, size }
    }

    /// The value at a key of a table; null counts as missing.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.entries().iter();
        let (_, value) = entries.find(|(name, _)| name == key)?;
        (!value.is_null()).then_some(value)
    }

    /// The entries of a table; none where it is something else.
    pub fn entries(&self) -> &[(String, Self)] {
        match &self.kind {
            NodeKind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none where it is something else.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            NodeKind::Sequence(items) => items,
            _ => &[],
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar { text, is_plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text of a scalar, whatever it means.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A finite number.
    pub fn number(&self) -> Option<f64> {
        let text = self.text()?.replace('_', "");
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    pub fn flag(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

/// A list or table that is not complete.
#[derive(Debug)]
struct OpenNode {
    line: usize,
    anchor: usize,
    kind: NodeKind,
    /// The key whose value comes next.
    key: Option<String>,
}

#[derive(Debug, Default)]
struct TreeBuilder {
    open: Vec<OpenNode>,
    anchors: BTreeMap<usize, YamlNode>,
    nodes: usize,
    root: Option<YamlNode>,
}

impl TreeBuilder {
    fn apply(&mut self, event: Event<'_>, line: usize) -> Result<(), ImportError> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let kind = NodeKind::Scalar {
                    text: text.into_owned(),
                    is_plain: style == ScalarStyle::Plain,
                };
                self.add(anchor, YamlNode::new(line, kind))
            }
            Event::SequenceStart(anchor, _) => {
                self.open(line, anchor, NodeKind::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                self.open(line, anchor, NodeKind::Mapping(Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                self.add(open.anchor, YamlNode::new(open.line, open.kind))
            }
            Event::Alias(anchor) => {
                // Counted before it is copied.
                let size = self.anchors.get(&anchor).map_or(1, |node| node.size);
                self.count(size, line)?;
                let unknown = || ImportError(format!("line {line}: an alias has no anchor"));
                let node = self.anchors.get(&anchor).cloned().ok_or_else(unknown)?;
                self.attach(node, line)
            }
            Event::DocumentStart(_) if self.root.is_some() => Err(ImportError(format!(
                "line {line}: a second document begins, but a configuration is one document"
            ))),
            _ => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), ImportError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(ImportError(format!(
                "line {line}: the file has more than {MAX_NODES} values, those that aliases repeat included"
            )));
        }
        Ok(())
    }

    fn open(&mut self, line: usize, anchor: usize, kind: NodeKind) -> Result<(), ImportError> {
        if self.open.len() == MAX_DEPTH {
            return Err(ImportError(format!(
                "line {line}: more than {MAX_DEPTH} lists and tables stand inside each other"
            )));
        }
        self.open.push(OpenNode {
            line,
            anchor,
            kind,
            key: None,
        });
        Ok(())
    }

    fn add(&mut self, anchor: usize, node: YamlNode) -> Result<(), ImportError> {
        let line = node.line;
        self.count(1, line)?;
        if anchor > 0 {
            // Its copy takes as much room as an alias of it.
            self.count(node.size, line)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.attach(node, line)
    }

    fn attach(&mut self, node: YamlNode, line: usize) -> Result<(), ImportError> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.kind {
            NodeKind::Sequence(items) => items.push(node),
            NodeKind::Mapping(entries) => match open.key.take() {
                None => {
                    let not_text = || ImportError(format!("line {line}: a key must be a text"));
                    open.key = Some(node.text().ok_or_else(not_text)?.to_owned());
                }
                Some(key) if key == "<<" => merge(entries, &node),
                Some(key) => insert(entries, key, node),
            },
            NodeKind::Scalar { .. } => {}
        }
        Ok(())
    }
}

/// Sets a key; as in YAML's usual readers, the last of several equal keys counts.
fn insert(entries: &mut Vec<(String, YamlNode)>, key: String, value: YamlNode) {
    match entries.iter_mut().find(|(name, _)| *name == key) {
        Some((_, old)) => *old = value,
        None => entries.push((key, value)),
    }
}

/// Adds the entries of merged tables (`<<`) that the table does not have itself.
fn merge(entries: &mut Vec<(String, YamlNode)>, merged: &YamlNode) {
    let tables = match &merged.kind {
        NodeKind::Sequence(tables) => tables.as_slice(),
        _ => std::slice::from_ref(merged),
    };
    for (key, value) in tables.iter().flat_map(YamlNode::entries) {
        if !entries.iter().any(|(name, _)| name == key) {
            entries.push((key.clone(), value.clone()));
        }
    }
}
