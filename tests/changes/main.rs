//! The flow of changes against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod backlog;
mod convergence;
mod history;
mod large;
#[path = "../postgres/mod.rs"]
mod postgres;
mod setup;
mod slow;
mod standby;
mod stream;
mod sync;
mod world;
