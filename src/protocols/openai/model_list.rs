//! The model list of OpenAI and Anthropic.

use crate::protocols::lenient::{IdText, from_json, lenient_json, lenient_object};
use crate::protocols::model_names::{ListedModels, is_usable, usable_names};
use crate::protocols::token_counts::any_count;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Smallest context window that is believed, in tokens.
const MIN_WINDOW: u64 = 512;

/// Reads the names in a list that has them as `data[].id`.
pub(in crate::protocols) fn listed_names(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        data: ListedModels<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }
    let list = serde_json::from_slice::<List>(body).ok()?;
    Some(usable_names(list.data.0.into_iter().map(|model| model.id)))
}

lenient_object! {
    struct ModelShape<'a> {
        id: Option<IdText<'a>> = "id",
        /// vLLM and `SGLang`; Mistral and LM Studio; Groq.
        window: Option<u64> = "max_model_len" | "max_context_length" | "context_window",
        meta: Option<MetaShape> = "meta",
    }
}

/// What llama.cpp states of a loaded model.
#[derive(Debug, Deserialize)]
struct MetaShape {
    #[serde(default, deserialize_with = "any_count")]
    n_ctx: Option<u64>,
}

lenient_json!(MetaShape);

/// Reads the context windows in tokens that servers with their own models state.
pub(super) fn listed_windows(body: &[u8]) -> Vec<(String, u64)> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: ListedModels<&'a RawValue>,
    }
    let Ok(list) = serde_json::from_slice::<List<'_>>(body) else {
        return Vec::new();
    };
    let windows = list.data.0.into_iter().filter_map(|model| {
        let model: ModelShape<'_> = from_json(model.get().as_bytes()).ok()??;
        let loaded = model.meta.and_then(|meta| meta.n_ctx);
        let window = loaded
            .or(model.window)
            .filter(|window| *window >= MIN_WINDOW)?;
        let name = model.id?.text.into_owned();
        is_usable(&name).then_some((name, window))
    });
    windows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_windows_of_local_servers_are_read() {
        let body = br#"{"object":"list","data":[
            {"id":"a","max_model_len":32768},
            {"id":"b","meta":{"n_ctx":8192,"n_ctx_train":131072}},
            {"id":"c","meta":null,"max_model_len":null},
            {"id":"d","context_window":1},
            7
        ]}"#;
        let expected = [("a".to_owned(), 32_768), ("b".to_owned(), 8_192)];
        assert_eq!(listed_windows(body), expected);
        assert_eq!(listed_windows(b"{"), []);
    }
}
