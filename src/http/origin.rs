//! May this page open a socket? Browsers let every page open a WebSocket to every host, with the user's
//! cookies and network; only the server can refuse.

use axum::http::{HeaderMap, header};

/// True for a client that is no browser (no `Origin`), for a page of this very host, and for the listed
/// origins, each written as browsers do: `https://board.example.com`.
pub(super) fn may_connect(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let listed = |listed: &String| listed.trim_end_matches('/').eq_ignore_ascii_case(origin);
    allowed.iter().any(listed) || is_host(origin, headers)
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
