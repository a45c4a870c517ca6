//! The outside of the server: routes, GraphQL over HTTP and over the WebSocket, pages, health, metrics. All
//! that it knows of the core is the [`gateway`].
//!
//! ```text
//! POST, GET → accept, graphql, parameters → gateway ← persisted
//! upgrade   → origin, socket → protocol, operations → gateway
//!                        └───→ wire → listener's stream
//! ```

mod accept;
mod encoding;
pub mod gateway;
mod graphql;
mod listener;
mod metrics;
mod operations;
mod origin;
pub mod pages;
mod parameters;
pub mod persisted;
pub mod protocol;
mod socket;
mod wire;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use crate::config::HttpLimits as Limits;
use gateway::Gateway;
use listener::{CountingListener, Taken};
use metrics::{Kind, Metrics};

/// Bytes of a response that is sent as it is.
const SMALLEST_COMPRESSED: u16 = 1_024;

/// What the HTTP side can be told.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Origins of other hosts whose pages may ask and open a socket, such as `https://board.example.com`.
    pub allowed_origins: Vec<String>,
    /// How much and how long.
    pub limits: Limits,
}

/// What all handlers share.
pub struct Http {
    gateway: Arc<Gateway>,
    options: HttpOptions,
    metrics: Metrics,
    registry: Registry,
    /// True once the server stops; written by [`serve`], waited for by each socket. Each open socket holds a
    /// receiver, so that `closed` waits for all of them.
    leaving: watch::Sender<bool>,
    /// A permit for each socket that may still be opened.
    sockets: Arc<Semaphore>,
}

impl Http {
    /// `registry` may hold metrics of others already; it is what `/metrics` shows.
    pub fn new(gateway: Arc<Gateway>, options: HttpOptions, mut registry: Registry) -> Arc<Self> {
        let metrics = Metrics::register(&mut registry);
        let sockets = Arc::new(Semaphore::new(options.limits.connections.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { gateway, options, metrics, registry, leaving: watch::Sender::new(false), sockets })
    }
}

/// All routes.
pub fn router(http: Arc<Http>) -> Router {
    let largest_body = DefaultBodyLimit::max(http.options.limits.body_bytes);
    let api = Router::new().route("/graphql", any(graphql).layer(largest_body));
    // Without origins there is nothing that a page of another host may be told.
    let api = match &http.options.allowed_origins[..] {
        [] => api,
        origins => api.layer(origin::cors(origins.to_vec())),
    };
    api.route("/", get(front))
        .route("/assets/{*path}", get(asset))
        .route("/healthz", get(|| std::future::ready("ok")))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
        // A socket's handshake has no body, and what is smaller than a packet gains nothing.
        .layer(
            CompressionLayer::new().compress_when(SizeAbove::new(SMALLEST_COMPRESSED).and(NotForContentType::IMAGES)),
        )
        .layer(map_request(encoding::prefer_what_is_known))
        .with_state(http)
}

/// Serves until `shutdown`, then stops: no new connections, unanswered requests have [`Limits::drain`] to
/// finish, sockets are closed with 1001.
pub async fn serve(
    listener: TcpListener,
    http: Arc<Http>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = router(Arc::clone(&http)).into_make_service_with_connect_info::<Taken>();
    let leaving = http.leaving.clone();
    let signal = async move {
        shutdown.await;
        leaving.send_replace(true);
    };
    let server = axum::serve(CountingListener(listener), service).with_graceful_shutdown(signal);
    let drain = http.options.limits.drain;
    let mut leaving = http.leaving.subscribe();
    let too_late = async move {
        let _ = leaving.wait_for(|leaving| *leaving).await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = server => served?,
        () = too_late => tracing::warn!("requests were still running when the time to stop was over"),
    }
    // Sockets are no requests to axum. They began to leave with the signal.
    if timeout(drain, http.leaving.closed()).await.is_err() {
        tracing::warn!("sockets were still open when the time to stop was over");
    }
    Ok(())
}

async fn graphql(State(http): State<Arc<Http>>, request: Request) -> Response {
    let started = Instant::now();
    let kind = kind(&request);
    let gateway = &http.gateway;
    let answered = match kind {
        Kind::Upgrade => Ok(socket::upgrade(Arc::clone(&http), request).await),
        Kind::Page => Ok(pages::graphiql()),
        Kind::Get => graphql::get(gateway, request).await,
        Kind::Post => graphql::post(gateway, request, &http.options.limits).await,
        Kind::Other => Err(graphql::Rejection::method()),
    };
    let response = answered.unwrap_or_else(IntoResponse::into_response);
    http.metrics.request(kind, response.status(), started.elapsed());
    response
}

fn kind(request: &Request) -> Kind {
    let upgrades = request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
    match *request.method() {
        Method::GET if upgrades => Kind::Upgrade,
        Method::GET if graphql::prefers_page(request.headers()) => Kind::Page,
        Method::GET | Method::HEAD => Kind::Get,
        Method::POST => Kind::Post,
        _ => Kind::Other,
    }
}

/// The project board where its tables are served; GraphiQL everywhere else.
async fn front(State(http): State<Arc<Http>>) -> Response {
    match http.gateway.can_follow(pages::BOARD) {
        true => pages::board(),
        false => Redirect::temporary("/graphql").into_response(),
    }
}

async fn asset(path: Path<String>, headers: HeaderMap) -> Response {
    pages::asset(path, &headers)
}

async fn ready(State(http): State<Arc<Http>>) -> Response {
    let missing = http.gateway.missing();
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": missing.is_empty(), "missing": missing });
    (status, axum::Json(body)).into_response()
}

async fn show_metrics(State(http): State<Arc<Http>>) -> Response {
    let mut body = String::new();
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match text::encode(&mut body, &http.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, media)], body).into_response(),
        Err(cause) => {
            tracing::error!(%cause, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
