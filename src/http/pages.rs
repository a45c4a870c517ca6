//! The pages for people.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

/// GraphiQL.
pub fn graphiql() -> Response {
    Html("<!doctype html><title>Everwire</title>").into_response()
}

/// A file that a page needs.
pub fn asset(Path(_path): Path<String>) -> Response {
    StatusCode::NOT_FOUND.into_response()
}
