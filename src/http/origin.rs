//! May this page ask? Browsers let every page open a WebSocket to every host, with the user's cookies and network;
//! only the server can refuse. Over HTTP they ask first (CORS), and take no answer for a no.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Seconds for which a browser need not ask again.
const REMEMBERED: Duration = Duration::from_secs(600);

/// True for a client that is no browser (no `Origin`), for a page of this very host, and for the listed
/// origins, each written as browsers do: `https://board.example.com`.
pub(super) fn may_connect(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    is_listed(origin, allowed) || is_host(origin, headers)
}

fn is_listed(origin: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
}

/// Pages of the listed origins may send queries and mutations, with whatever headers they need, and read the answers.
/// Credentials of the browser (cookies) are left out.
pub(super) fn cors(allowed: Vec<String>) -> CorsLayer {
    let is_allowed = move |origin: &HeaderValue, _: &_| origin.to_str().is_ok_and(|origin| is_listed(origin, &allowed));
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(REMEMBERED)
}

fn is_host(origin: &str, headers: &HeaderMap) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let bare = |authority: &str| authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase();
    host.is_some_and(|host| bare(host) == bare(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        may_connect(&headers, &["https://app.example.com".to_owned()])
    }

    #[test]
    fn lets_in_its_own_pages_and_listed_ones() {
        assert!(may("http://localhost:8080", "localhost:8080"));
        assert!(may("https://Board.example.com", "board.example.com"));
        assert!(may("https://board.example.com", "board.example.com:443"));
        assert!(may("http://[::1]:8080", "[::1]:8080"));
        assert!(may("https://app.example.com", "board.example.com"));
        assert!(may_connect(&HeaderMap::new(), &[]));
    }

    #[test]
    fn keeps_others_out() {
        assert!(!may("http://localhost:3000", "localhost:8080"));
        assert!(!may("https://evil.example", "board.example.com"));
        assert!(!may("null", "board.example.com"));
        assert!(!may("file://", ""));
        assert!(!may("https://app.example.com.evil", "board.example.com"));
    }
}
