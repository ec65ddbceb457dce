//! Texts of mistakes in clients' requests.

use super::error::{HeaderFormat, InvalidRequest};
use super::operation::Operation;
use crate::domain::{ModelType, TagError};
use std::fmt;

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => {
                let (line, column) = (error.line(), error.column());
                write!(
                    f,
                    "the body is not a JSON object (at line {line}, column {column})"
                )
            }
            Self::TooMuch(excess) => write!(f, "the body {excess}; send less at once"),
            Self::BodyIncomplete => f.write_str("the request body ended early; send it again"),
            Self::MissingPrompt { field } => {
                write!(
                    f,
                    "{field} is missing; without it there is nothing to answer"
                )
            }
            Self::MissingText { field } => write!(f, "{field} is missing; it must be a text"),
            Self::NotText { field, found } => {
                write!(f, "{field} is {found}, but must be a text")
            }
            Self::NotBool { field, found } => {
                write!(f, "{field} is {found}, but must be true or false")
            }
            Self::Field(error) => error.fmt(f),
            Self::Header {
                name,
                found,
                expected,
            } => header_text(f, name, found.as_deref(), expected),
            Self::WrongPathForType {
                operation,
                model_type,
            } => {
                let path = match operation {
                    Operation::Embed(_) => "this path serves only embeddings",
                    _ => "embeddings are served at /v1/embeddings",
                };
                write!(f, "the requested model type is {model_type}, but {path}")
            }
        }
    }
}

fn header_text(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    found: Option<&str>,
    expected: &HeaderFormat,
) -> fmt::Result {
    let Some(found) = found else {
        return write!(f, "{name} must be plain ASCII text");
    };
    match expected {
        HeaderFormat::Ascii => write!(f, "{name} must be plain ASCII text"),
        HeaderFormat::Positive { unit } => {
            write!(
                f,
                "{name} is {found:?}, but must be a number above 0, in {unit}"
            )
        }
        HeaderFormat::Provider { known } => {
            write!(
                f,
                "{name} is {found:?}, but must be one of {}",
                known.join(", ")
            )
        }
        HeaderFormat::ModelType => {
            let known = ModelType::ALL.map(ModelType::as_str).join(", ");
            write!(f, "{name} is {found:?}, but must be one of {known}")
        }
        HeaderFormat::Bool => {
            write!(f, "{name} is {found:?}, but must be true or false")
        }
        HeaderFormat::Tag => {
            write!(f, "{name} is {found:?}, but {TagError}")
        }
        HeaderFormat::NoOrAbsent => {
            write!(f, "{name} is {found:?}, but must be \"no\" or left out")
        }
    }
}
