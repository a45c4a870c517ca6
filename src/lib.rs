//! Everwire serves a Postgres database as GraphQL and keeps every front-end's partial copy of it in step.
//!
//! ```text
//! request: text → document → operation → plan → SQL → Postgres' JSON → envelope
//! change:  slot → pgoutput → commit → history + matcher → payload, encoded once → hub → sockets
//! ```
//!
//! The modules from the ground up; each imports only from those above it (`tests/structure.rs` holds that):
//!
//! - [`config`], [`error`]: what can be set, what can go wrong.
//! - [`sql`], [`model`]: the writer of SQL text; what the database looks like.
//! - [`caller`], [`input`], [`filter`], [`selection`], [`sequence`]: the values that both flows share.
//! - [`schema`], [`operation`]: what can be asked, and what was.
//! - [`request`], [`changes`]: the two flows, which know nothing of each other.
//! - [`http`]: routes, GraphQL over HTTP, the socket.
//! - [`embedded`]: the Postgres that comes with the program.
//! - [`check`]: whether a database is ready.
//! - [`server`]: start and stop.

pub mod caller;
pub mod changes;
pub mod check;
pub mod config;
pub mod embedded;
pub mod error;
pub mod filter;
pub mod http;
pub mod input;
pub mod model;
pub mod operation;
pub mod request;
pub mod schema;
pub mod selection;
pub mod sequence;
pub mod server;
pub mod sql;
