//! The screens other than the overview. Each draws the area between the trouble line and the
//! notice.

mod alerts;
mod clients;
mod decision_list;
mod decisions;
mod detail;
mod listing;
mod log;
mod model_list;
mod models;
mod revisions;
mod weights;

pub use alerts::draw as alerts;
pub use clients::draw as clients;
pub use decisions::draw as decisions;
pub use detail::draw as detail;
pub use log::draw as log;
pub use model_list::draw as models;
pub use revisions::draw as revisions;
pub use weights::draw as weights;
