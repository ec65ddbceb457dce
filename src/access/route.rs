//! Calls as the router, the check of roles and the description of the API state them.

use super::Permission;
use http::Method;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};

/// Makes the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Form of a successful answer.
#[derive(Debug, Clone, Copy)]
pub enum AnswerForm {
    /// JSON of a type.
    Json(SchemaOf),
    /// JSON whose shape another API defines.
    ForeignJson,
    /// A text of this media type.
    Text(&'static str),
}

/// One call: who may make it, what it takes and what it answers.
#[derive(Debug, Clone)]
pub struct RouteDescription {
    /// Its method.
    pub method: Method,
    /// Its path; parts in braces stand for any text.
    pub path: &'static str,
    /// The permission that it needs; `None`: it needs no token.
    pub needs: Option<Permission>,
    /// What it does, as a sentence without a full stop.
    pub about: &'static str,
    /// Shape of its query.
    pub query: Option<SchemaOf>,
    /// Shape of its JSON body.
    pub request: Option<SchemaOf>,
    /// Status of success.
    pub status: u16,
    /// Form of the answer.
    pub answer: AnswerForm,
}

impl RouteDescription {
    /// A call without query and body.
    pub fn new(
        (method, path): (Method, &'static str),
        needs: Option<Permission>,
        about: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            needs,
            about,
            query: None,
            request: None,
            status: 200,
            answer: AnswerForm::ForeignJson,
        }
    }

    /// The same with parameters in the query.
    #[must_use]
    pub fn with_query<T: JsonSchema>(self) -> Self {
        Self {
            query: Some(schema_of::<T>),
            ..self
        }
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn with_body<T: JsonSchema>(self) -> Self {
        Self {
            request: Some(schema_of::<T>),
            ..self
        }
    }

    /// The same that answers JSON of a type.
    #[must_use]
    pub fn answering<T: JsonSchema>(self) -> Self {
        Self {
            answer: AnswerForm::Json(schema_of::<T>),
            ..self
        }
    }

    /// The same that answers text.
    #[must_use]
    pub fn answering_text(self, media_type: &'static str) -> Self {
        Self {
            answer: AnswerForm::Text(media_type),
            ..self
        }
    }

    /// The same with another status of success.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
