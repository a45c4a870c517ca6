//! The operations that run on one connection: which have something to say? Holds their streams, polls only
//! those that were woken, and frees an id the moment that its operation ends. Writes nothing.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{AbortHandle, Abortable, SelectAll};
use futures_util::{Stream, StreamExt};
use prometheus_client::metrics::gauge::Gauge;
use tokio::task::JoinSet;

use super::gateway::{Allowed, Answer, Changes, Gateway, GraphqlRequest, Outcome};
use super::protocol::OperationId;
use crate::error::{Code, Error};

/// Something that an operation has to say.
pub(super) struct Event {
    pub(super) id: OperationId,
    pub(super) news: News,
}

/// What it says.
pub(super) enum News {
    /// The one result of a query or mutation, or its refusal. The operation is over.
    Answer(Answer),
    /// A message of a subscription.
    Change(Bytes),
    /// A subscription broke off, or was refused. The operation is over.
    Failed(Vec<Error>),
    /// A subscription came to its end. The operation is over.
    Completed,
}

impl News {
    fn ends(&self) -> bool {
        match self {
            Self::Change(_) => false,
            Self::Answer(_) | Self::Failed(_) | Self::Completed => true,
        }
    }
}

/// Only the connection's own task touches it.
pub(super) struct Operations {
    /// The streams; an aborted one drops out when it is polled next, silently.
    streams: SelectAll<Abortable<Operation>>,
    /// The ids in use: from `start` to the event that ends the operation, or to `stop`.
    handles: HashMap<OperationId, AbortHandle>,
    /// Bytes of requests that have no outcome yet.
    unanswered: Arc<AtomicUsize>,
    /// All connections' operations.
    gauge: Gauge,
}

impl Operations {
    pub(super) fn new(gauge: Gauge) -> Self {
        Self { streams: SelectAll::new(), handles: HashMap::new(), unanswered: Arc::default(), gauge }
    }

    pub(super) fn len(&self) -> usize {
        self.handles.len()
    }

    pub(super) fn contains(&self, id: &OperationId) -> bool {
        self.handles.contains_key(id)
    }

    /// Bytes of requests that wait for their answer or their stream.
    pub(super) fn unanswered_bytes(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Starts an operation under an id that is not in use.
    pub(super) fn start(&mut self, id: OperationId, gateway: Arc<Gateway>, request: GraphqlRequest) {
        let weight = Weight::of(&request, &self.unanswered);
        // In a task of its own, which ends with this operation: a socket is polled only while it takes something, and
        // what holds a connection to the database must not depend on that.
        let outcome = async move {
            let mut task = JoinSet::new();
            task.spawn(async move {
                let _held_until_the_outcome = weight;
                gateway.run(&request, Allowed::Everything).await
            });
            match task.join_next().await {
                Some(Ok(outcome)) => outcome,
                Some(Err(_)) | None => {
                    Outcome::Answer(Answer::request_error(Error::new(Code::Internal, "the operation broke off")))
                }
            }
        };
        self.put(id, Stage::Starting(Box::pin(outcome)));
    }

    fn put(&mut self, id: OperationId, stage: Stage) {
        let operation = Operation { id: id.clone(), stage };
        let (handle, registration) = AbortHandle::new_pair();
        self.streams.push(Abortable::new(operation, registration));
        self.handles.insert(id, handle);
        self.gauge.inc();
    }

    /// Drops the operation, if it still runs: nothing more of it is heard.
    pub(super) fn stop(&mut self, id: &OperationId) {
        if let Some(handle) = self.handles.remove(id) {
            handle.abort();
            self.gauge.dec();
        }
    }

    /// Drops all of them.
    pub(super) fn stop_all(&mut self) {
        self.streams.clear();
        let stopped = i64::try_from(self.handles.len()).unwrap_or(i64::MAX);
        self.handles.clear();
        self.gauge.dec_by(stopped);
    }

    /// The next event of those operations that were woken, each in its turn.
    pub(super) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let Some(event) = ready!(self.streams.poll_next_unpin(context)) else {
            // Nothing runs; what starts next is started, and polled, by this same task.
            return Poll::Pending;
        };
        if event.news.ends() && self.handles.remove(&event.id).is_some() {
            self.gauge.dec();
        }
        Poll::Ready(event)
    }
}

/// Also when the connection's task is dropped with the runtime.
impl Drop for Operations {
    fn drop(&mut self) {
        self.stop_all();
    }
}

/// One operation, as the stream of its events.
struct Operation {
    id: OperationId,
    stage: Stage,
}

enum Stage {
    /// The gateway is at work.
    Starting(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    /// A subscription.
    Streaming(Changes),
    /// Has said its last word.
    Over,
}

impl Operation {
    fn poll_news(&mut self, context: &mut Context<'_>) -> Poll<Option<News>> {
        loop {
            match &mut self.stage {
                Stage::Starting(outcome) => match ready!(outcome.as_mut().poll(context)) {
                    Outcome::Answer(answer) => return Poll::Ready(Some(News::Answer(answer))),
                    Outcome::Refused(refusal) => {
                        return Poll::Ready(Some(News::Failed(vec![refusal.error()])));
                    }
                    Outcome::Stream(changes) => self.stage = Stage::Streaming(changes),
                },
                Stage::Streaming(changes) => {
                    let news = match ready!(changes.as_mut().poll_next(context)) {
                        Some(Ok(data)) => News::Change(data),
                        Some(Err(errors)) => News::Failed(errors),
                        None => News::Completed,
                    };
                    return Poll::Ready(Some(news));
                }
                Stage::Over => return Poll::Ready(None),
            }
        }
    }
}

impl Stream for Operation {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let news = ready!(self.poll_news(context));
        if news.as_ref().is_none_or(News::ends) {
            self.stage = Stage::Over;
        }
        let id = self.id.clone();
        Poll::Ready(news.map(|news| Event { id, news }))
    }
}

/// A request's bytes, counted as unanswered until this is dropped.
struct Weight {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Weight {
    fn of(request: &GraphqlRequest, total: &Arc<AtomicUsize>) -> Self {
        let variables = request.variables.as_ref().map_or(0, |raw| raw.get().len());
        // Never zero: the sum also tells whether any request is unanswered.
        let query = request.query.as_ref().map_or(0, String::len);
        let bytes = 1 + query + variables;
        total.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, total: Arc::clone(total) }
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures_util::stream;

    use super::super::protocol::Incoming;
    use super::*;

    fn id(text: &str) -> OperationId {
        let message = format!(r#"{{"type":"complete","id":"{text}"}}"#);
        match Incoming::decode(&message) {
            Ok(Incoming::Complete { id }) => id,
            other => panic!("{other:?}"),
        }
    }

    fn request(query: &str) -> GraphqlRequest {
        let body = serde_json::json!({ "query": query }).to_string();
        GraphqlRequest::from_json(body.as_bytes()).unwrap()
    }

    /// A subscription whose stream is at hand already.
    fn put(operations: &mut Operations, name: &str, changes: Changes) {
        operations.put(id(name), Stage::Streaming(changes));
    }

    fn counting(messages: usize) -> Changes {
        let data = Bytes::from_static(b"1");
        Box::pin(stream::repeat_with(move || Ok(data.clone())).take(messages))
    }

    fn drain(operations: &mut Operations) -> Vec<(String, bool)> {
        let mut context = Context::from_waker(Waker::noop());
        let mut events = Vec::new();
        while let Poll::Ready(Event { id, news }) = operations.poll_event(&mut context) {
            events.push((id.as_json().to_owned(), news.ends()));
        }
        events
    }

    #[test]
    fn each_gets_its_turn_and_frees_its_id_with_its_last_event() {
        let mut operations = Operations::new(Gauge::default());
        put(&mut operations, "a", counting(2));
        put(&mut operations, "b", counting(1));
        let event = |id: &str, ends| (format!("\"{id}\""), ends);
        assert_eq!(
            drain(&mut operations),
            [event("a", false), event("b", false), event("a", false), event("b", true), event("a", true),]
        );
        assert_eq!(operations.len(), 0);
    }

    #[test]
    fn what_was_stopped_is_dropped_unheard_and_its_id_is_free() {
        let gauge = Gauge::default();
        let mut operations = Operations::new(gauge.clone());
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let changes = stream::repeat_with(move || {
            let _in_use = &held;
            Ok(Bytes::new())
        });
        put(&mut operations, "a", Box::pin(changes));
        operations.stop(&id("a"));
        put(&mut operations, "a", counting(0));
        assert_eq!(drain(&mut operations).len(), 1);
        assert_eq!(Arc::strong_count(&alive), 1);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn requests_weigh_until_they_are_answered_or_dropped() {
        let gauge = Gauge::default();
        let mut operations = Operations::new(gauge.clone());
        for (name, query) in [("a", "{a}"), ("b", "{bb}")] {
            let weight = Weight::of(&request(query), &operations.unanswered);
            let outcome = async move {
                let _held = weight;
                std::future::pending().await
            };
            operations.put(id(name), Stage::Starting(Box::pin(outcome)));
        }
        assert_eq!(operations.unanswered_bytes(), 9);
        operations.stop(&id("b"));
        drain(&mut operations);
        assert_eq!(operations.unanswered_bytes(), 4);
        assert_eq!(gauge.get(), 1);
        operations.stop_all();
        assert_eq!((operations.unanswered_bytes(), gauge.get()), (0, 0));
    }
}
