//! A list of models as OpenAI and Anthropic answer it.

use serde::Deserialize;

/// The names in a list that has them as `data[].id`.
pub(in crate::protocols) fn listed_names(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }
    let list = serde_json::from_slice::<List>(body).ok()?;
    Some(list.data.into_iter().map(|model| model.id).collect())
}
