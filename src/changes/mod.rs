//! What has changed, for whom? The flow of changes:
//!
//! ```text
//! slot ─ pgoutput ─▶ decode ─▶ commit ─▶ history                      (one task, the hub's)
//!                                  └───▶ matcher ─▶ group ─▶ payload ─▶ log of messages, encoded once
//! subscription: a starting copy (copy), or the history since a position (group) ─▶ then the group's log
//! ```
//!
//! The database is read, never written, but for the publication, the replica identity where the settings
//! say so, an empty message in the log that moves an idle log on, and the event triggers of `watch` where wanted.

mod assembler;
mod backlog;
mod canonical;
mod commit;
mod copy;
mod decode;
mod effect;
mod feed;
mod follow;
mod group;
mod history;
mod hub;
mod large;
mod matcher;
mod payload;
mod plan;
mod publication;
mod reload;
mod retention;
mod row;
#[cfg(feature = "sabotage")]
mod sabotage;
mod shared;
mod slot;
mod snapshot;
mod spool;
mod subscription;
mod watch;

pub use follow::{ChangeField, ChangeSelections, EnvelopeField, Follow, Reset, Rows};
pub use hub::{Hub, Options, Status};
pub use plan::plan;
pub use publication::Unpublished;
pub use reload::{Altered, Swap};
pub use retention::{SlotReport, drop_slot, slots};
pub use subscription::Subscription;
