//! The Postgres that comes with it.
