//! Operation → plan → SQL → JSON. Planning is pure and touches no database; executing sends the plan's
//! statements and passes on the bytes that Postgres made. Serves queries and mutations; changes have their
//! own way (`changes`).

mod aggregate;
mod call;
mod cost;
mod cursor;
mod database;
mod execute;
mod order;
mod page;
mod plan;
mod rows;
mod write;

pub use database::{connect, public_error};
pub use execute::{Answer, Requests};
pub use plan::{Limits, Plan, Source, Work, plan};
pub use write::{Refusal, Repetition, Step};
