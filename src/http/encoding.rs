//! Which compression do clients get that accept several alike? Not zstd: programs on Node before 22.15, such as
//! GraphQL Code Generator, say that they take it and then fail at it. Whoever prefers it gets it.

use axum::extract::Request;
use axum::http::{HeaderValue, header};

use super::accept::thousandths;

/// Takes zstd out of `Accept-Encoding` where something else is at least as welcome.
pub(super) async fn prefer_what_is_known(mut request: Request) -> Request {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    if let Some(value) = accepted.and_then(without_zstd).and_then(|text| HeaderValue::from_str(&text).ok()) {
        request.headers_mut().insert(header::ACCEPT_ENCODING, value);
    }
    request
}

/// None: it stays as it is.
fn without_zstd(accepted: &str) -> Option<String> {
    let weight_of = |coding: &str| accepted.split(',').filter_map(|entry| weight(entry, coding)).max();
    let zstd = weight_of("zstd")?;
    let other = weight_of("br").max(weight_of("gzip"))?;
    let others = accepted.split(',').filter(|entry| weight(entry, "zstd").is_none());
    (other > 0 && other >= zstd).then(|| others.collect::<Vec<_>>().join(","))
}

/// In thousandths, if the entry is about this coding.
fn weight(entry: &str, coding: &str) -> Option<u16> {
    let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    if !name.trim().eq_ignore_ascii_case(coding) {
        return None;
    }
    let weight = parameters.trim().strip_prefix("q=").or_else(|| parameters.trim().strip_prefix("Q="));
    weight.map_or(Some(1_000), |text| thousandths(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zstd_is_for_those_who_prefer_it() {
        let kept = |accepted| assert_eq!(without_zstd(accepted), None, "{accepted}");
        let cut = |accepted, left: &str| assert_eq!(without_zstd(accepted).as_deref(), Some(left), "{accepted}");
        cut("gzip, deflate, br, zstd", "gzip, deflate, br");
        cut("ZSTD;q=0.5,br;Q=0.5", "br;Q=0.5");
        kept("zstd");
        kept("gzip, br");
        kept("zstd, gzip;q=0.9");
        kept("zstd;q=0.1, gzip;q=0, br;q=0");
        kept("zstd;q=x, deflate");
    }
}
