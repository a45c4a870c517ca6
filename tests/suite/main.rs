//! Everwire from outside, on a real Postgres that each test starts for itself.

mod alter;
mod client;
mod composites;
mod filters;
mod functions;
mod golden;
mod hostile;
mod http;
mod judgement;
mod kinds;
mod layout;
mod nasty;
mod pages;
mod paging;
mod persisted;
mod protocol;
mod readme;
mod schema;
mod seed;
mod shapes;
mod structure;
mod sync;
mod target;
mod values;
mod world;
mod writes;
