//! WHAT A VENDOR ANSWERS, before a wire gives it a shape.

use super::random::{DrawPurpose, RequestRandom};
use super::simulated_request::{ResponseKind, SimulatedTool, Thinking};
use super::vendor_route::VendorRoute;
use super::{lorem, schema, vector};
use std::time::Duration;

/// An answer as it will be told.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedResponse {
    /// What it answers.
    pub route: VendorRoute,
    /// Unique in the vendor's life.
    pub identity: u64,
    /// The model that speaks.
    pub model: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Tokens read.
    pub prompt_tokens: u32,
    /// Whether `max_tokens` ended it.
    pub is_cut_short: bool,
    /// Whether the stream ends with its token counts.
    pub wants_usage: bool,
    /// Whether the model thought before.
    pub thinking: Thinking,
    /// How long it took to read, and how long it takes to speak.
    pub reading: Duration,
    pub speaking: Duration,
    pub content: Content,
}

impl SimulatedResponse {
    /// Tokens told, thoughts not among them.
    pub fn tokens(&self) -> u32 {
        self.content.tokens()
    }

    /// Tokens thought: half as many as are told.
    pub fn thought_tokens(&self) -> u32 {
        match self.thinking {
            Thinking::Off => 0,
            Thinking::Hidden | Thinking::Shown => self.tokens().div_ceil(2),
        }
    }

    /// The thoughts, where they are to be seen.
    pub fn thoughts(&self) -> Option<String> {
        (self.thinking == Thinking::Shown)
            .then(|| lorem::words(self.identity >> 1, 0, self.thought_tokens()))
    }

    /// What it says, in order; nothing where it is vectors or a count.
    pub fn parts(&self) -> &[ResponsePart] {
        match &self.content {
            Content::Said(parts) => parts,
            Content::Vectors(_) | Content::Count => &[],
        }
    }

    /// All text that it says, without the calls.
    pub fn text(&self) -> String {
        let texts = self.parts().iter().filter(|part| part.call.is_none());
        texts.map(|part| part.text.as_str()).collect()
    }

    /// Its calls, each with its number among them.
    pub fn calls(&self) -> impl Iterator<Item = (usize, &str, &ResponsePart)> {
        let calls = self.parts().iter();
        let calls = calls.filter_map(|part| Some((part.call.as_deref()?, part)));
        calls
            .enumerate()
            .map(|(number, (name, part))| (number, name, part))
    }

    /// A name for a part of it, unique in the vendor's life.
    pub fn part_identity(&self, part: usize) -> String {
        format!("{:016x}{part}", self.identity)
    }
}

/// What an answer consists of.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text, or calls of tools.
    Said(Vec<ResponsePart>),
    /// One vector per text.
    Vectors(Vectors),
    /// Nothing but the number of tokens that were read.
    Count,
}

/// The vectors of a request's texts, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    pub vectors: Vec<Vec<f32>>,
    /// Whether the numbers are to come as base64 of little-endian floats.
    pub is_base64: bool,
}

/// One text, or one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePart {
    /// The tool that is called.
    pub call: Option<String>,
    /// The text, or the call's arguments as JSON.
    pub text: String,
    /// Whether nothing of it was cut off.
    pub is_whole: bool,
    /// Where its tokens end in the text.
    ends: Vec<usize>,
}

/// Some tokens of one part, as a stream tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice<'a> {
    /// Which part of the answer it is from.
    pub number: usize,
    pub part: &'a ResponsePart,
    pub text: &'a str,
    /// Whether the part begins, or ends, with it.
    pub is_first: bool,
    pub is_last: bool,
    /// Tokens told of the whole answer with it.
    pub told: u32,
}

impl Content {
    /// What a request gets that has this luck; `length` (in tokens) and `dimensions` are those of
    /// prose and of vectors where the request leaves them to the model.
    pub fn of(want: &ResponseKind, luck: RequestRandom, length: u32, dimensions: u32) -> Self {
        match want {
            ResponseKind::Text => {
                let offset = luck.choice(DrawPurpose::Words, 1 << 20);
                Self::Said(vec![ResponsePart::prose(lorem::words(offset, 0, length))])
            }
            ResponseKind::Json(schema) => {
                let text = schema::instance(schema, luck).to_string();
                Self::Said(vec![ResponsePart::json(None, text)])
            }
            ResponseKind::Calls(tools) => {
                let call = |(number, tool): (u64, &SimulatedTool)| {
                    let luck = RequestRandom::of(luck.identity(), &tool.name, number);
                    let arguments = schema::arguments(&tool.schema, luck);
                    ResponsePart::json(Some(tool.name.clone()), arguments.to_string())
                };
                Self::Said((0..).zip(tools).map(call).collect())
            }
            ResponseKind::Vectors(texts) => {
                let dimensions = texts.dimensions.unwrap_or(dimensions);
                let of = |text: &String| vector::of(text, dimensions);
                Self::Vectors(Vectors {
                    vectors: texts.texts.iter().map(of).collect(),
                    is_base64: texts.is_base64,
                })
            }
            ResponseKind::Count => Self::Count,
        }
    }

    /// How many tokens there are to tell, at least 1: what is not said comes at once.
    pub fn tokens(&self) -> u32 {
        match self {
            Self::Said(parts) => parts.iter().map(ResponsePart::tokens).sum(),
            Self::Vectors(_) | Self::Count => 1,
        }
    }

    /// The same without what comes after so many tokens.
    pub fn cut(self, tokens: u32) -> Self {
        let Self::Said(parts) = self else { return self };
        let mut left = tokens;
        let mut kept = Vec::new();
        for mut part in parts {
            if left == 0 {
                break;
            }
            let tokens = part.tokens();
            part.cut(left);
            left = left.saturating_sub(tokens);
            kept.push(part);
        }
        Self::Said(kept)
    }

    /// Tokens number `from` to `to` (excluded), part by part.
    pub fn slices(&self, from: u32, to: u32) -> Vec<Slice<'_>> {
        let Self::Said(parts) = self else {
            return Vec::new();
        };
        let mut begin = 0;
        let mut slices = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let end = begin + part.tokens();
            let (first, last) = (from.max(begin), to.min(end));
            if first < last {
                slices.push(Slice {
                    number,
                    part,
                    text: part.between(first - begin, last - begin),
                    is_first: first == begin,
                    is_last: last == end,
                    told: last,
                });
            }
            begin = end;
        }
        slices
    }
}

impl ResponsePart {
    /// A text of words, each of which is a token, with the blank before it.
    fn prose(text: String) -> Self {
        let blanks = text.match_indices(' ').map(|(place, _)| place);
        let ends = blanks.chain([text.len()]).collect();
        Self {
            call: None,
            text,
            is_whole: true,
            ends,
        }
    }

    /// JSON, of which about four bytes make a token.
    fn json(call: Option<String>, text: String) -> Self {
        let borders = text.char_indices().map(|(place, _)| place);
        let ends = borders.step_by(4).skip(1).chain([text.len()]).collect();
        Self {
            call,
            text,
            is_whole: true,
            ends,
        }
    }

    fn tokens(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    fn cut(&mut self, tokens: u32) {
        if tokens < self.tokens() {
            self.ends.truncate(tokens as usize);
            self.text.truncate(self.ends.last().copied().unwrap_or(0));
            self.is_whole = false;
        }
    }

    fn between(&self, from: u32, to: u32) -> &str {
        let end = |count: u32| match count.checked_sub(1) {
            Some(index) => self
                .ends
                .get(index as usize)
                .copied()
                .unwrap_or(self.text.len()),
            None => 0,
        };
        &self.text[end(from)..end(to)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::simulated_request::{SimulatedTool, any_object};
    use proptest::prelude::*;
    use serde_json::json;

    fn wants() -> impl Strategy<Value = ResponseKind> {
        let tool = |name: &str| SimulatedTool {
            name: name.to_owned(),
            schema: any_object(),
        };
        let bare = SimulatedTool {
            schema: json!({}),
            ..tool("bare")
        };
        prop_oneof![
            Just(ResponseKind::Text),
            Just(ResponseKind::Json(any_object())),
            Just(ResponseKind::Calls(vec![tool("one")])),
            Just(ResponseKind::Calls(vec![bare, tool("two")])),
        ]
    }

    proptest! {
        #[test]
        fn slices_put_together_give_the_whole_answer(
            want in wants(),
            seed in any::<u64>(),
            most in 1_u32..60,
            step in 1_u32..9,
        ) {
            let content = Content::of(&want, RequestRandom::of(seed, "test", 0), 40, 8);
            let tokens = content.tokens().min(most);
            let content = content.cut(tokens);
            let Content::Said(parts) = &content else { panic!("nothing is said") };

            prop_assert_eq!(content.tokens(), tokens);
            let mut told: Vec<String> = Vec::new();
            let mut ended = 0;
            for from in (0..tokens).step_by(step as usize) {
                for slice in content.slices(from, from.saturating_add(step).min(tokens)) {
                    prop_assert_eq!(slice.is_first, slice.number == told.len());
                    if slice.is_first {
                        told.push(String::new());
                    }
                    told[slice.number].push_str(slice.text);
                    ended += usize::from(slice.is_last);
                }
            }
            let whole: Vec<String> = parts.iter().map(|part| part.text.clone()).collect();
            prop_assert_eq!(ended, whole.len());
            prop_assert_eq!(told, whole);
        }
    }

    #[test]
    fn what_is_cut_off_is_said_to_be() {
        let want = ResponseKind::Calls(vec![SimulatedTool {
            name: "one".to_owned(),
            schema: any_object(),
        }]);
        let content = Content::of(&want, RequestRandom::of(1, "test", 0), 40, 8).cut(2);

        let Content::Said(parts) = content else {
            panic!("a call is said");
        };
        assert_eq!(parts[0].text, "{\"answer");
        assert!(!parts[0].is_whole);
    }
}
