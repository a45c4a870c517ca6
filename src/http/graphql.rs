//! GraphQL over HTTP (<https://graphql.github.io/graphql-over-http/draft/>): from a request by GET or POST to
//! the gateway, and its answer as a response. Decides status codes and media types; knows nothing of sockets.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Limits;
use super::accept::{self, Media};
use super::gateway::{Allowed, Answer, Gateway, GraphqlRequest, Outcome, Refusal};
use super::protocol::{errors_json, json_string};
use crate::error::{Code, Error};

/// The methods that `/graphql` takes.
const METHODS: &str = "GET, POST";

/// A response that is not GraphQL's: something about the HTTP request is wrong. The body has the form of a
/// GraphQL error all the same.
#[derive(Debug)]
pub(super) struct Rejection {
    status: StatusCode,
    media: Media,
    error: Error,
    allow: Option<&'static str>,
}

impl Rejection {
    fn new(status: StatusCode, media: Media, error: Error) -> Self {
        Self { status, media, error, allow: None }
    }

    /// A method that `/graphql` does not know.
    pub(super) fn method() -> Self {
        let error = Error::new(Code::BadRequest, "send GraphQL by GET or POST");
        Self { allow: Some(METHODS), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, Media::Json, error) }
    }

    /// A socket more than may be open.
    pub(super) fn connections(most: usize) -> Self {
        let message =
            format!("{most} sockets are open, as many as may be (setting: --max-connections); try again later");
        let error = Error::new(Code::ConnectionsLimit, message);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Media::Json, error)
    }

    /// A page of another host that wants a socket.
    pub(super) fn origin() -> Self {
        let message = "pages of this origin may not connect; the setting allowed-origins lists those that may";
        let error = Error::new(Code::Forbidden, message);
        Self::new(StatusCode::FORBIDDEN, Media::Json, error)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let body = format!(r#"{{"errors":{}}}"#, errors_json(std::slice::from_ref(&self.error)));
        let mut response = respond(self.status, self.media, body.into());
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// Whether a GET comes from a person's browser rather than from a program.
pub(super) fn prefers_page(headers: &HeaderMap) -> bool {
    let offers = [Media::Json, Media::GraphqlResponse, Media::Html];
    accept::negotiate(headers, &offers) == Some(Media::Html)
}

/// A query in the URL.
pub(super) async fn get(gateway: &Gateway, request: Request) -> Result<Response, Rejection> {
    let media = negotiate(request.headers())?;
    let parameters = GraphqlRequest::from_query_string(request.uri().query().unwrap_or_default())
        .map_err(|error| Rejection::new(StatusCode::BAD_REQUEST, media, error))?;
    run(gateway, &parameters, Allowed::QueriesOnly, media).await
}

/// A query or mutation in the body, which must be JSON and arrive in time. Its size is bounded by the route.
pub(super) async fn post(gateway: &Gateway, request: Request, limits: &Limits) -> Result<Response, Rejection> {
    let media = negotiate(request.headers())?;
    require_json(request.headers(), media)?;
    let body = read_body(request, media, limits).await?;
    let parameters =
        GraphqlRequest::from_json(&body).map_err(|error| Rejection::new(StatusCode::BAD_REQUEST, media, error))?;
    run(gateway, &parameters, Allowed::QueriesAndMutations, media).await
}

fn negotiate(headers: &HeaderMap) -> Result<Media, Rejection> {
    accept::negotiate(headers, &[Media::Json, Media::GraphqlResponse]).ok_or_else(|| {
        let message = "accept application/graphql-response+json or application/json";
        let error = Error::new(Code::BadRequest, message);
        Rejection::new(StatusCode::NOT_ACCEPTABLE, Media::Json, error)
    })
}

/// Only a type that a page cannot send across origins without asking first: that keeps foreign pages from
/// posting mutations in the user's name.
fn require_json(headers: &HeaderMap, media: Media) -> Result<(), Rejection> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let other_charset = parts
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, value)| name.eq_ignore_ascii_case("charset") && !accept::is_utf8(value));
    if is_json && !other_charset {
        return Ok(());
    }
    let message = "send the request as JSON in UTF-8, with the header Content-Type: application/json";
    let error = Error::new(Code::BadRequest, message);
    Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, media, error))
}

async fn read_body(request: Request, media: Media, limits: &Limits) -> Result<Bytes, Rejection> {
    let reading = tokio::time::timeout(limits.body_timeout, Bytes::from_request(request, &()));
    match reading.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(cause)) if cause.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let most = limits.body_bytes;
            let message = format!("the body is too large; {most} bytes are allowed (setting: --max-body-bytes)");
            Err(Rejection::new(cause.status(), media, Error::new(Code::BodyTooLarge, message)))
        }
        Ok(Err(_)) => {
            let error = Error::new(Code::BadRequest, "the body broke off");
            Err(Rejection::new(StatusCode::BAD_REQUEST, media, error))
        }
        Err(_) => {
            let seconds = limits.body_timeout.as_secs_f64();
            let message = format!("the body did not arrive within {seconds} seconds (setting: --body-timeout)");
            Err(Rejection::new(StatusCode::REQUEST_TIMEOUT, media, Error::new(Code::BodyTimeout, message)))
        }
    }
}

async fn run(
    gateway: &Gateway,
    request: &GraphqlRequest,
    allowed: Allowed,
    media: Media,
) -> Result<Response, Rejection> {
    match gateway.run(request, allowed).await {
        Outcome::Answer(answer) => Ok(respond(status(&answer, media), media, body(&answer).into())),
        Outcome::Refused(refusal @ Refusal::MutationByGet) => Err(Rejection {
            allow: Some("POST"),
            ..Rejection::new(StatusCode::METHOD_NOT_ALLOWED, media, refusal.error())
        }),
        Outcome::Refused(refusal @ Refusal::SubscriptionByHttp) => {
            let answer = Answer::request_error(refusal.error());
            Ok(respond(status(&answer, media), media, body(&answer).into()))
        }
        Outcome::Stream(_) => {
            let error = Error::new(Code::Internal, "a stream where one answer was asked for");
            Err(Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, media, error))
        }
    }
}

/// `application/json` cannot tell an intermediary's error from GraphQL's, so there a well-formed request is
/// always 200; the newer type says what happened.
fn status(answer: &Answer, media: Media) -> StatusCode {
    if media == Media::Json || answer.executed {
        return StatusCode::OK;
    }
    match answer.errors.first().map(|error| error.code) {
        Some(Code::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(Code::Internal) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// `data` is copied once, as it is.
fn body(answer: &Answer) -> Vec<u8> {
    let data = answer.data.as_deref().unwrap_or(b"null");
    let mut body = Vec::with_capacity(data.len() + 64);
    if answer.executed {
        body.extend_from_slice(br#"{"data":"#);
        body.extend_from_slice(data);
        body.extend_from_slice(if answer.errors.is_empty() { b"" } else { b"," });
    } else {
        body.push(b'{');
    }
    if !answer.errors.is_empty() {
        body.extend_from_slice(br#""errors":"#);
        body.extend_from_slice(errors_json(&answer.errors).as_bytes());
    }
    if let Some(transaction) = &answer.transaction {
        body.extend_from_slice(br#","extensions":{"transaction":"#);
        body.extend_from_slice(json_string(transaction).as_bytes());
        body.push(b'}');
    }
    body.push(b'}');
    body
}

fn respond(status: StatusCode, media: Media, body: Bytes) -> Response {
    let headers = [(header::CONTENT_TYPE, media.content_type()), (header::VARY, "accept")];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(executed: bool, errors: Vec<Error>) -> Answer {
        Answer { data: executed.then(|| Bytes::from_static(br#"{"a":1}"#)), errors, transaction: None, executed }
    }

    #[test]
    fn a_body_has_the_members_that_the_answer_has() {
        let error = || vec![Error::new(Code::Validation, "no")];
        let text = |answer| String::from_utf8(body(&answer)).unwrap();
        let errors = r#""errors":[{"message":"no","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]"#;
        assert_eq!(text(answer(true, Vec::new())), r#"{"data":{"a":1}}"#);
        assert_eq!(text(answer(false, error())), format!("{{{errors}}}"));
        assert_eq!(text(answer(true, error())), format!(r#"{{"data":{{"a":1}},{errors}}}"#));
        let mutation = Answer { data: None, transaction: Some("7".to_owned()), ..answer(true, Vec::new()) };
        assert_eq!(text(mutation), r#"{"data":null,"extensions":{"transaction":"7"}}"#);
    }

    #[test]
    fn only_the_newer_type_tells_by_its_status() {
        let refused = |code| answer(false, vec![Error::new(code, "no")]);
        assert_eq!(status(&refused(Code::Parse), Media::Json), 200);
        assert_eq!(status(&refused(Code::Parse), Media::GraphqlResponse), 400);
        assert_eq!(status(&refused(Code::Unavailable), Media::GraphqlResponse), 503);
        let partial = answer(true, vec![Error::new(Code::Internal, "no")]);
        assert_eq!(status(&partial, Media::GraphqlResponse), 200);
    }
}
