//! Simulated responses, independent of any vendor's format.

use super::random::{DrawPurpose, RequestRandom};
use super::simulated_request::{ResponseKind, SimulatedTool, Thinking};
use super::vendor_route::VendorRoute;
use super::{lorem, schema, vector};
use std::time::Duration;

/// A response of a simulated vendor.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedResponse {
    /// Which kind of request it responds to.
    pub route: VendorRoute,
    /// Unique during the vendor's life.
    pub identity: u64,
    /// The model that responds.
    pub model: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Whether `max_tokens` ended it.
    pub is_cut_short: bool,
    /// Whether the stream ends with its token counts.
    pub wants_usage: bool,
    /// Whether it has reasoning, and whether the client sees it.
    pub thinking: Thinking,
    /// Time to read the prompt.
    pub reading: Duration,
    pub writing: Duration,
    pub content: Content,
}

impl SimulatedResponse {
    /// Output tokens, without reasoning.
    pub fn tokens(&self) -> u32 {
        self.content.tokens()
    }

    /// Reasoning tokens: half as many as the output has.
    pub fn reasoning_tokens(&self) -> u32 {
        match self.thinking {
            Thinking::Off => 0,
            Thinking::Hidden | Thinking::Shown => self.tokens().div_ceil(2),
        }
    }

    /// The text of the reasoning, if it is shown to the client.
    pub fn reasoning(&self) -> Option<String> {
        (self.thinking == Thinking::Shown)
            .then(|| lorem::words(self.identity >> 1, 0, self.reasoning_tokens()))
    }

    /// The parts of the message, in order; empty for vectors and counts.
    pub fn parts(&self) -> &[ResponsePart] {
        match &self.content {
            Content::Message(parts) => parts,
            Content::Vectors(_) | Content::Count => &[],
        }
    }

    /// All text of the message, without tool calls.
    pub fn text(&self) -> String {
        let texts = self.parts().iter().filter(|part| part.call.is_none());
        texts.map(|part| part.text.as_str()).collect()
    }

    /// All tool calls, numbered from 0.
    pub fn calls(&self) -> impl Iterator<Item = (usize, &str, &ResponsePart)> {
        let calls = self.parts().iter();
        let calls = calls.filter_map(|part| Some((part.call.as_deref()?, part)));
        calls
            .enumerate()
            .map(|(number, (name, part))| (number, name, part))
    }

    /// An id for one part, unique during the vendor's life.
    pub fn part_identity(&self, part: usize) -> String {
        format!("{:016x}{part}", self.identity)
    }
}

/// The payload of a response.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text, or tool calls.
    Message(Vec<ResponsePart>),
    /// One vector per text.
    Vectors(Vectors),
    /// Only the number of prompt tokens.
    Count,
}

/// Vectors in the order of the request's texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    pub vectors: Vec<Vec<f32>>,
    /// Whether the vectors are encoded as base64 of little-endian floats.
    pub is_base64: bool,
}

/// One text, or one tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePart {
    /// The name of the called tool.
    pub call: Option<String>,
    /// The text, or the arguments of the call as JSON.
    pub text: String,
    /// Whether it is complete; false if `max_tokens` cut it.
    pub is_whole: bool,
    /// The byte offsets in the text at which its tokens end.
    ends: Vec<usize>,
}

/// Some tokens of one part: the unit of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice<'a> {
    /// The index of the part.
    pub number: usize,
    pub part: &'a ResponsePart,
    pub text: &'a str,
    /// Whether the part begins, or ends, with this slice.
    pub is_first: bool,
    pub is_last: bool,
    /// Output tokens of the whole response up to the end of this slice.
    pub tokens_so_far: u32,
}

impl Content {
    /// Generates the payload of a request; repeatable for the same random source. `length` (tokens)
    /// and `dimensions` are used where the request does not set them.
    pub fn generate(
        want: &ResponseKind,
        random: RequestRandom,
        length: u32,
        dimensions: u32,
    ) -> Self {
        match want {
            ResponseKind::Text => {
                let offset = random.choice(DrawPurpose::Words, 1 << 20);
                Self::Message(vec![ResponsePart::prose(lorem::words(offset, 0, length))])
            }
            ResponseKind::Json(schema) => {
                let text = schema::instance(schema, random).to_string();
                Self::Message(vec![ResponsePart::json(None, text)])
            }
            ResponseKind::Calls(tools) => {
                let call = |(number, tool): (u64, &SimulatedTool)| {
                    let random = RequestRandom::new(random.identity(), &tool.name, number);
                    let arguments = schema::arguments(&tool.schema, random);
                    ResponsePart::json(Some(tool.name.clone()), arguments.to_string())
                };
                Self::Message((0..).zip(tools).map(call).collect())
            }
            ResponseKind::Vectors(texts) => {
                let dimensions = texts.dimensions.unwrap_or(dimensions);
                let embed = |text: &String| vector::embed(text, dimensions);
                Self::Vectors(Vectors {
                    vectors: texts.texts.iter().map(embed).collect(),
                    is_base64: texts.is_base64,
                })
            }
            ResponseKind::Count => Self::Count,
        }
    }

    /// The number of output tokens; 1 for vectors and counts, which are sent at once.
    pub fn tokens(&self) -> u32 {
        match self {
            Self::Message(parts) => parts.iter().map(ResponsePart::tokens).sum(),
            Self::Vectors(_) | Self::Count => 1,
        }
    }

    /// Keeps only the first `tokens` tokens.
    pub fn cut(self, tokens: u32) -> Self {
        let Self::Message(parts) = self else {
            return self;
        };
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
        Self::Message(kept)
    }

    /// Slices with tokens `from` to `to` (exclusive), one per part.
    pub fn slices(&self, from: u32, to: u32) -> Vec<Slice<'_>> {
        let Self::Message(parts) = self else {
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
                    tokens_so_far: last,
                });
            }
            begin = end;
        }
        slices
    }
}

impl ResponsePart {
    /// Prose: every word is a token, together with the space before it.
    fn prose(text: String) -> Self {
        let blanks = text.match_indices(' ').map(|(offset, _)| offset);
        let ends = blanks.chain([text.len()]).collect();
        Self {
            call: None,
            text,
            is_whole: true,
            ends,
        }
    }

    /// JSON: four characters are a token.
    fn json(call: Option<String>, text: String) -> Self {
        let boundaries = text.char_indices().map(|(offset, _)| offset);
        let ends = boundaries.step_by(4).skip(1).chain([text.len()]).collect();
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
        fn concatenated_slices_give_the_complete_response(
            want in wants(),
            seed in any::<u64>(),
            max in 1_u32..60,
            step in 1_u32..9,
        ) {
            let content = Content::generate(&want, RequestRandom::new(seed, "test", 0), 40, 8);
            let tokens = content.tokens().min(max);
            let content = content.cut(tokens);
            let Content::Message(parts) = &content else { panic!("not a message") };

            prop_assert_eq!(content.tokens(), tokens);
            let mut tokens_so_far: Vec<String> = Vec::new();
            let mut ended = 0;
            for from in (0..tokens).step_by(step as usize) {
                for slice in content.slices(from, from.saturating_add(step).min(tokens)) {
                    prop_assert_eq!(slice.is_first, slice.number == tokens_so_far.len());
                    if slice.is_first {
                        tokens_so_far.push(String::new());
                    }
                    tokens_so_far[slice.number].push_str(slice.text);
                    ended += usize::from(slice.is_last);
                }
            }
            let whole: Vec<String> = parts.iter().map(|part| part.text.clone()).collect();
            prop_assert_eq!(ended, whole.len());
            prop_assert_eq!(tokens_so_far, whole);
        }
    }

    #[test]
    fn a_part_that_is_cut_is_marked() {
        let want = ResponseKind::Calls(vec![SimulatedTool {
            name: "one".to_owned(),
            schema: any_object(),
        }]);
        let content = Content::generate(&want, RequestRandom::new(1, "test", 0), 40, 8).cut(2);

        let Content::Message(parts) = content else {
            panic!("a call is a message");
        };
        assert_eq!(parts[0].text, "{\"answer");
        assert!(!parts[0].is_whole);
    }
}
