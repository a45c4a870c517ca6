//! Everwire from outside, on a real Postgres that each test starts for itself.

mod alter;
mod client;
mod http;
mod protocol;
mod readme;
mod schema;
mod structure;
mod world;
