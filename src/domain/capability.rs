//! What a request needs of a model beside words.

/// What a request needs of whoever serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// It shows pictures.
    pub images: bool,
    /// It offers functions to call.
    pub tools: bool,
    /// The answer must keep to a JSON schema.
    pub json_schema: bool,
    /// It asks the model to think first.
    pub reasoning: bool,
}
