//! What does a browser get to see? Takes nothing but a path, gives the pages (the project board, GraphiQL) and
//! their assets as `web/` built them. They are inside the binary; a debug build reads them from disk at each
//! request, so that `npm run build` shows without compiling. This module must not know the schema: the pages
//! ask for what they need like any other client.

use std::borrow::Cow;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::accept::takes_brotli;

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true] // Without npm the server still builds, and says so: NOT_BUILT.
struct Pages;

const NOT_BUILT: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Everwire</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem } pre { white-space: pre-wrap }</style>
<h1>Everwire</h1>
<p>The pages for a browser (GraphiQL, and the project board where the example database is served) were not
built: start with <code>make run</code>, or run <code>npm ci</code> and <code>npm run build</code> in
<code>web/</code> and build the program again.</p>
<p>The API itself is at <a href="/graphql">/graphql</a>: POST a query to it, or open a WebSocket on it
(<code>graphql-transport-ws</code>).</p>
<pre>curl -H 'content-type: application/json' -d '{"query": "{ __typename }"}' http://…/graphql</pre>
</html>
"#;

/// Nothing from elsewhere is loaded or told. `'self'` covers the WebSocket; inline styles are what
/// GraphiQL's menus and dialogs write; images as `data:` are in its style sheet. An address of an image
/// in a result is never fetched.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A name holds its content's hash, so what is behind it never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Names the assets, so it must be fresh after an update of the program.
const ASK_AGAIN: &str = "no-cache";

/// What the project board follows. The page is offered where this can be followed.
pub(crate) const BOARD: &str = include_str!("../../web/src/board/board.graphql");

/// Whether the pages are inside, or on disk where a debug build looks for them.
pub fn are_built() -> bool {
    Pages::get("graphiql.html").is_some()
}

/// The project board, for `GET /`. If it was not built, a page that says how to.
pub(crate) fn board() -> Response {
    page("board.html")
}

/// The GraphiQL page, for `GET /graphql` from a browser. If it was not built, a page that says how to.
pub(crate) fn graphiql() -> Response {
    page("graphiql.html")
}

fn page(name: &str) -> Response {
    let page = Pages::get(name).map_or(Cow::Borrowed(NOT_BUILT.as_bytes()), |page| page.data);
    page_part(StatusCode::OK, "text/html; charset=utf-8", ASK_AGAIN, page)
}

/// What the pages consist of, for `GET /assets/{*path}`. 404 for every other path. `web/` compressed them as well as
/// can be, which is too slow to be done for a request.
pub(crate) fn asset(Path(path): Path<String>, headers: &HeaderMap) -> Response {
    let name = format!("assets/{path}");
    let compressed = || Pages::get(&format!("{name}.br")).filter(|_| takes_brotli(headers));
    match Pages::get(&name) {
        Some(file) => {
            let media_type = file.metadata.mimetype();
            let Some(compressed) = compressed() else {
                return page_part(StatusCode::OK, media_type, FOR_EVER, file.data);
            };
            let mut response = page_part(StatusCode::OK, media_type, FOR_EVER, compressed.data);
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
            response
        }
        None => page_part(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            ASK_AGAIN,
            Cow::Borrowed(b"There is no such file. Reload the page if the program was updated.\n"),
        ),
    }
}

fn page_part(status: StatusCode, media_type: &str, caching: &'static str, body: Cow<'static, [u8]>) -> Response {
    let media_type =
        HeaderValue::from_str(media_type).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Response {
        asset(Path(path.to_owned()), &HeaderMap::new())
    }

    fn value(response: &Response, name: HeaderName) -> &str {
        response.headers()[name].to_str().unwrap()
    }

    #[test]
    fn the_page_is_html_and_guarded_whether_it_was_built_or_not() {
        for page in [board(), graphiql()] {
            assert_eq!(page.status(), StatusCode::OK);
            assert_eq!(value(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
            assert_eq!(value(&page, header::CACHE_CONTROL), "no-cache");
            assert_eq!(value(&page, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            let policy = value(&page, header::CONTENT_SECURITY_POLICY);
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        }
    }

    #[test]
    fn only_the_assets_are_served() {
        for path in ["nothing.js", "", "..", "../graphiql.htm", "../../../Cargo.toml", "/etc/passwd", "%2e%2e/x"] {
            assert_eq!(get(path).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn everything_that_was_built_is_served_for_ever() {
        for name in Pages::iter() {
            let Some(path) = name.strip_prefix("assets/").filter(|path| !path.ends_with(".br")) else {
                continue;
            };
            let file = get(path);
            assert_eq!(file.status(), StatusCode::OK, "{path}");
            assert_eq!(value(&file, header::CACHE_CONTROL), FOR_EVER);
            let media_type = match path.rsplit('.').next() {
                Some("js") => "text/javascript",
                Some("css") => "text/css",
                Some("woff2") => "font/woff2",
                other => panic!("no media type is known for {other:?}: add it here"),
            };
            assert_eq!(value(&file, header::CONTENT_TYPE), media_type);
        }
    }

    #[test]
    fn what_is_compressed_is_sent_to_those_who_take_it() {
        let encoding = |path: &str, accepted: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            asset(Path(path.to_owned()), &headers).headers().get(header::CONTENT_ENCODING).cloned()
        };
        for name in Pages::iter().filter(|name| name.ends_with(".br")) {
            let path = name.strip_prefix("assets/").and_then(|path| path.strip_suffix(".br")).unwrap();
            for accepted in ["gzip, deflate, br, zstd", "BR;q=0.1"] {
                assert_eq!(encoding(path, accepted).unwrap(), "br", "{path}");
            }
            for refused in ["", "gzip", "br;q=0", "br;q=0.000, gzip", "brr", "br;level=11"] {
                assert_eq!(encoding(path, refused), None, "{refused}");
            }
        }
    }

    #[test]
    fn every_asset_that_a_page_names_was_built() {
        for page in ["board.html", "graphiql.html"].into_iter().filter_map(Pages::get) {
            let page = String::from_utf8_lossy(&page.data).into_owned();
            let names: Vec<&str> = page.split('"').filter_map(|part| part.strip_prefix('/')).collect();
            assert!(!names.is_empty());
            for name in names {
                assert!(Pages::get(name).is_some(), "{name}");
            }
        }
    }
}
