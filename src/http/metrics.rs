//! What the HTTP side counts, for `/metrics`.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds; from a cached plan by key to a statement that runs into its limit.
const DURATIONS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How a request came to `/graphql`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Get,
    Post,
    Page,
    Upgrade,
    Other,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Page => "page",
            Self::Upgrade => "upgrade",
            Self::Other => "other",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    kind: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabel {
    /// The code of our close frame; 1000 where the client closed, 1006 where the connection broke off.
    code: u16,
}

/// Written by handlers and sockets, read by `/metrics`.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) connections: Gauge,
    pub(super) operations: Gauge,
    pub(super) messages: Counter,
    pub(super) bytes: Counter,
    closed: Family<CloseLabel, Counter>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<KindLabel, Histogram, fn() -> Histogram>,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATIONS);
        let metrics = Self {
            connections: Gauge::default(),
            operations: Gauge::default(),
            messages: Counter::default(),
            bytes: Counter::default(),
            closed: Family::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(durations),
        };
        let sockets = registry.sub_registry_with_prefix("everwire_socket");
        sockets.register("connections", "Open sockets", metrics.connections.clone());
        sockets.register("operations", "Operations running on sockets", metrics.operations.clone());
        sockets.register("messages", "Messages written", metrics.messages.clone());
        sockets.register_with_unit("written", "Payload of frames", Unit::Bytes, metrics.bytes.clone());
        sockets.register("closed", "Sockets closed", metrics.closed.clone());
        let requests = registry.sub_registry_with_prefix("everwire_http");
        requests.register("requests", "Requests to /graphql", metrics.requests.clone());
        requests.register_with_unit(
            "request_duration",
            "Time until the response stands",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        metrics
    }

    pub(super) fn request(&self, kind: Kind, status: StatusCode, duration: Duration) {
        let kind = kind.label();
        let labels = RequestLabels { kind, status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        let histogram = self.durations.get_or_create(&KindLabel { kind });
        histogram.observe(duration.as_secs_f64());
    }

    pub(super) fn closed(&self, code: u16) {
        self.closed.get_or_create(&CloseLabel { code }).inc();
    }
}
