//! The neutral form of requests and responses, used only where two protocols meet. Where client and
//! provider use the same protocol, bytes pass unchanged.

mod call_buffer;
mod call_ids;
mod chat_request;
mod chat_response;
mod fill_in;
mod object_reader;
mod reasoning_memory;
mod size_tracker;
mod transcoder;
mod unique_call_ids;

pub use call_buffer::{CallBuffer, ObjectScan};
pub use call_ids::CallIds;
pub use chat_request::{
    CacheMark, ChatMessage, ChatRequest, ChatRole, ContentPart, Media, MediaKind, MediaSource,
    ReasoningEffort, ResponseFormat, Sampling, ServerTool, ServerToolKind, Tool, ToolCall,
    ToolChoice, ToolForm, text_of,
};
pub use chat_response::{ChatResponse, Choice, Delta, Deltas, Finish, ReportedUsage};
pub use fill_in::fill_in;
pub use object_reader::{DroppedFields, ObjectReader, TranslationError};
pub use reasoning_memory::{KeptReasoning, ReasoningMemory};
pub use transcoder::{Decode, DecodeStep, Encode, Transcoder};
