//! Links of a whole answer, which some servers list beside its choices.

use super::chunk::Chunk;
use serde_json::{Value, json};

/// Most links of one answer that are read.
const MAX_SOURCES: usize = 256;

/// Returns the links of a chunk as annotations of a text; `None` where it lists none.
pub(super) fn of(chunk: &Chunk<'_>) -> Option<Vec<Value>> {
    let listed = chunk.search_results.or(chunk.citations)?;
    let list: Value = serde_json::from_str(listed.get()).ok()?;
    let links = list.as_array()?.iter().filter_map(annotation);
    let links: Vec<Value> = links.take(MAX_SOURCES).collect();
    (!links.is_empty()).then_some(links)
}

fn annotation(source: &Value) -> Option<Value> {
    let url = source.as_str().or_else(|| source["url"].as_str())?;
    let title = source["title"].as_str().unwrap_or(url);
    Some(json!({
        "type": "url_citation",
        "url_citation": {"start_index": 0, "end_index": 0, "title": title, "url": url},
    }))
}
