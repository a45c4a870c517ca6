//! The flow of changes against a real Postgres.

mod convergence;
#[path = "../postgres/mod.rs"]
mod postgres;
mod stream;
mod world;
