//! One form for what every protocol says, used only where two protocols meet: between parties
//! that speak the same one bytes pass as they are.

mod conversation;
mod extent;
mod members;
mod reply;
mod translation;

pub use conversation::{
    Conversation, Effort, Format, Media, MediaKind, Part, Role, Sampling, Source, Tool, ToolCall,
    ToolChoice, Turn, text_of,
};
pub use members::{Losses, Members, Mistake};
pub use reply::{Choice, Delta, Deltas, Finish, Reply, Tokens};
pub use translation::{Decode, Encode, Step, Translation};
