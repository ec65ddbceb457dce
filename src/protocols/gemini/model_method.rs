//! The methods of models, as Gemini's paths name them.

/// Begins the paths of versions that only this protocol has.
pub const CONTENT_PREFIXES: [&str; 3] = ["/v1beta", "/v1beta1", "/v1alpha"];

/// What a path asks of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelVerb {
    /// A whole response.
    Generate,
    /// A streamed response.
    Stream,
    /// The number of a prompt's tokens.
    CountTokens,
    /// The embedding of one content.
    Embed,
    /// The embeddings of several contents.
    BatchEmbed,
}

/// A method of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelMethod {
    /// Name of the model, without the prefix of the list.
    pub model: String,
    /// What is asked of it.
    pub verb: ModelVerb,
}

impl ModelMethod {
    /// Reads the end of a path, such as `gemini-3.5-flash:generateContent`.
    pub fn parse(text: &str) -> Option<Self> {
        let (model, verb) = text.rsplit_once(':')?;
        let verb = match verb {
            "generateContent" => ModelVerb::Generate,
            "streamGenerateContent" => ModelVerb::Stream,
            "countTokens" => ModelVerb::CountTokens,
            "embedContent" => ModelVerb::Embed,
            "batchEmbedContents" => ModelVerb::BatchEmbed,
            _ => return None,
        };
        let model = model.rsplit_once("models/").map_or(model, |(_, name)| name);
        (!model.is_empty()).then(|| Self {
            model: model.to_owned(),
            verb,
        })
    }

    /// Checks whether a path is one of this protocol, so that its errors have its shape.
    pub fn is_path(path: &str) -> bool {
        CONTENT_PREFIXES.iter().any(|start| path.starts_with(start))
            || (path.contains("/models/") && path.contains(':') && Self::parse(path).is_some())
    }
}
