//! Everwire from outside, on a real Postgres that each test starts for itself.

mod client;
mod golden;
mod hostile;
mod http;
mod layout;
mod protocol;
mod structure;
mod world;
