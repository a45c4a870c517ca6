//! Which media type does the client want? From the `Accept` header to the best of those on offer.

use std::cmp::Reverse;

use axum::http::{HeaderMap, header};

/// What the server can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: status 200 for every well-formed request.
    Json,
    /// `application/graphql-response+json`: status 400 for a request that was refused before it ran.
    GraphqlResponse,
    /// The page for people.
    Html,
}

impl Media {
    /// The value of `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    fn essence(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::GraphqlResponse => ("application", "graphql-response+json"),
            Self::Html => ("text", "html"),
        }
    }
}

/// The best of `offers`, or none that the client accepts. The higher weight wins, then the range that names
/// the type more exactly, then the place in the header, then the place in `offers`. No header, or an empty
/// one: the first offer.
pub(super) fn negotiate(headers: &HeaderMap, offers: &[Media]) -> Option<Media> {
    let mut entries = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("not text").split(','))
        .filter(|entry| !entry.trim().is_empty())
        .peekable();
    if entries.peek().is_none() {
        return offers.first().copied();
    }
    let ranges: Vec<Range> = entries.enumerate().filter_map(|(place, text)| Range::parse(place, text)).collect();
    let ranked = offers.iter().filter_map(|offer| {
        let range = ranges
            .iter()
            .filter(|range| range.covers(*offer))
            .max_by_key(|range| (range.exactness, Reverse(range.place)))?;
        (range.weight > 0).then_some((range, *offer))
    });
    ranked
        // `min_by_key` keeps the first of equals.
        .min_by_key(|(range, _)| (Reverse(range.weight), Reverse(range.exactness), range.place))
        .map(|(_, offer)| offer)
}

/// Whether the client takes a body that is compressed by brotli.
pub(super) fn takes_brotli(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("br") && weight.is_some_and(|weight| weight > 0.0)
    })
}

/// One entry of the header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// Thousandths.
    weight: u16,
    exactness: Exactness,
    place: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    Any,
    Kind,
    Full,
}

impl<'a> Range<'a> {
    /// None for what is not a media range, and for a character set that is not UTF-8: as if not there.
    fn parse(place: usize, text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut weight = 1000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=')?;
            if name.eq_ignore_ascii_case("q") {
                weight = thousandths(value)?;
            } else if name.eq_ignore_ascii_case("charset") && !is_utf8(value) {
                return None;
            }
        }
        let exactness = match (kind, subtype) {
            ("*", "*") => Exactness::Any,
            ("*", _) => return None,
            (_, "*") => Exactness::Kind,
            _ => Exactness::Full,
        };
        Some(Self { kind, subtype, weight, exactness, place })
    }

    fn covers(&self, offer: Media) -> bool {
        let (kind, subtype) = offer.essence();
        match self.exactness {
            Exactness::Any => true,
            Exactness::Kind => self.kind.eq_ignore_ascii_case(kind),
            Exactness::Full => self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype),
        }
    }
}

/// Whether a `charset` parameter means UTF-8.
pub(super) fn is_utf8(charset: &str) -> bool {
    let name = charset.trim_matches('"');
    name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8")
}

/// A weight (`q`), as a whole number.
pub(super) fn thousandths(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    // The range check also refuses NaN.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    (0.0..=1.0).contains(&weight).then_some((weight * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(accept: &str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        negotiate(&headers, &[Media::Json, Media::GraphqlResponse, Media::Html])
    }

    #[test]
    fn chooses_by_weight_then_exactness_then_place() {
        assert_eq!(best("*/*"), Some(Media::Json));
        assert_eq!(best("application/*"), Some(Media::Json));
        assert_eq!(best("application/graphql-response+json, */*"), Some(Media::GraphqlResponse));
        assert_eq!(best("application/json;q=0.9, application/graphql-response+json"), Some(Media::GraphqlResponse));
        assert_eq!(best("application/graphql-response+json, application/json"), Some(Media::GraphqlResponse));
        assert_eq!(best("Application/JSON; charset=UTF-8; q=0.5"), Some(Media::Json));
        assert_eq!(best("application/json;q=0, */*;q=0.1"), Some(Media::GraphqlResponse));
    }

    #[test]
    fn a_browser_gets_the_page() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(best(browser), Some(Media::Html));
    }

    #[test]
    fn finds_nothing_in_other_or_broken_ranges() {
        for accept in [
            "image/png",
            "application/json;q=0",
            "application/json; charset=latin1",
            "json",
            "*/json",
            "application/json;q=x",
            ";",
        ] {
            assert_eq!(best(accept), None, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &[Media::Json]), Some(Media::Json));
    }
}
