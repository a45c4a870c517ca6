//! The WebSocket: one task for each connection, in turns. A turn takes some of what came in, hands out some
//! of what is ready, and sends it with one flush. Nothing is pulled from an operation that the socket would
//! not take: a slow reader holds positions, not queues.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::connect_info::ConnectInfo;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::gateway::{Answer, GraphqlRequest};
use super::graphql::Rejection;
use super::listener::Taken;
use super::operations::{Event, News, Operations};
use super::origin;
use super::protocol::{CloseCode, Closing, Incoming, OperationId, Outgoing, SUBPROTOCOL};
use super::wire::{Ending, Wire};
use super::{Http, Limits};
use crate::error::{Code, Error};

/// A larger one is zeroed at each attempt to read: half the cost of a single delivery, and most of the
/// memory of an idle connection.
const READ_BUFFER: usize = 4 << 10;

/// Small frames gather up to here before they are written; the buffer stays with the connection.
const WRITE_BUFFER: usize = 16 << 10;

/// Bytes handed out in one turn, before others get theirs.
const PORTION: usize = 64 << 10;

/// Frames taken in one turn.
const FRAMES: usize = 16;

/// Pings in a row that may stay without any sign of life.
const PINGS: u32 = 2;

/// Answers the handshake. A client without the right subprotocol is let in and told so by a close code,
/// since browsers show a program nothing else.
pub(super) async fn upgrade(http: Arc<Http>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if !origin::may_connect(&parts.headers, &http.options.allowed_origins) {
        return Rejection::origin().into_response();
    }
    // Held until the socket is closed, or the handshake comes to nothing.
    let Ok(permit) = Arc::clone(&http.sockets).try_acquire_owned() else {
        return Rejection::connections(http.options.limits.connections).into_response();
    };
    let taken =
        parts.extensions.get::<ConnectInfo<Taken>>().map(|ConnectInfo(taken)| taken.clone()).unwrap_or_default();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let largest = http.options.limits.message_bytes;
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(largest)
        .max_frame_size(largest)
        .on_upgrade(move |socket| serve(http, socket, taken, permit))
}

async fn serve(http: Arc<Http>, socket: WebSocket, taken: Taken, permit: OwnedSemaphorePermit) {
    let metrics = &http.metrics;
    metrics.connections.inc();
    // The shutdown waits until it is dropped.
    let open = http.leaving.subscribe();
    let speaks_protocol = socket.protocol().is_some();
    let wire = Wire::new(socket, taken, metrics.messages.clone(), metrics.bytes.clone());
    let mut connection = Connection::new(&http, wire);
    let ending = if speaks_protocol {
        poll_fn(|context| connection.poll(context)).await
    } else {
        let reason = "Subprotocol not acceptable";
        Ending::Close(Closing::new(CloseCode::SubprotocolNotAcceptable, reason))
    };
    metrics.closed(match &ending {
        Ending::Close(closing) => closing.code.number(),
        Ending::Left => 1000,
        Ending::Broken => 1006,
    });
    tracing::debug!(?ending, "socket ends");
    connection.operations.stop_all();
    // In a box, so that an open connection has no room set aside for its end.
    Box::pin(connection.wire.finish(&ending)).await;
    drop((open, permit));
    metrics.connections.dec();
}

/// Whether a turn left something undone that needs no waiting for.
#[derive(PartialEq, Eq)]
enum Turn {
    Waiting,
    MoreToDo,
}

enum Phase {
    /// Until `connection_init`, which must come by then.
    Opened(Instant),
    /// After `connection_ack`; the next ping is due then.
    Acknowledged(Instant),
    /// The server stops: nothing more is read, and unanswered requests are waited for until then.
    Leaving(Instant),
}

/// All that a connection is. Only its own task touches it.
struct Connection<'a> {
    http: &'a Arc<Http>,
    wire: Wire,
    operations: Operations,
    phase: Phase,
    ping_due: bool,
    /// Pings since the last sign of life.
    pings_unanswered: u32,
    /// The end of a socket on which nothing runs; none while something does.
    idle_until: Option<Instant>,
    /// Wakes the task at the deadline of the phase, or to look after a blocked socket.
    clock: Pin<Box<Sleep>>,
    /// Done when the server begins to stop; not polled after that.
    leaving: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<'a> Connection<'a> {
    fn new(http: &'a Arc<Http>, wire: Wire) -> Self {
        let mut signal = http.leaving.subscribe();
        let init_by = Instant::now() + http.options.limits.init_timeout;
        Self {
            http,
            wire,
            operations: Operations::new(http.metrics.operations.clone()),
            phase: Phase::Opened(init_by),
            ping_due: false,
            pings_unanswered: 0,
            idle_until: None,
            clock: Box::pin(tokio::time::sleep_until(init_by)),
            leaving: Box::pin(async move {
                let _ = signal.wait_for(|leaving| *leaving).await;
            }),
        }
    }

    fn limits(&self) -> &'a Limits {
        &self.http.options.limits
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ending> {
        match self.turn(context) {
            Ok(Turn::Waiting) => Poll::Pending,
            Ok(Turn::MoreToDo) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(ending) => Poll::Ready(ending),
        }
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Result<Turn, Ending> {
        self.meet_deadlines(Instant::now())?;
        self.notice_leaving(context);
        let (taken, handed_out) = (self.take_frames(context)?, self.hand_out(context)?);
        self.note_idleness();
        let turns = [taken, handed_out, self.set_clock(context)];
        if self.may_leave() {
            return Err(going_away());
        }
        let more = turns.contains(&Turn::MoreToDo);
        Ok(if more { Turn::MoreToDo } else { Turn::Waiting })
    }

    fn meet_deadlines(&mut self, now: Instant) -> Result<(), Ending> {
        let stalled = self.wire.stall_deadline(self.limits().write_timeout);
        if stalled.is_some_and(|deadline| deadline <= now) && self.wire.stands_still(now) {
            return Err(Ending::Broken);
        }
        match self.phase {
            Phase::Opened(init_by) if init_by <= now => {
                let reason = "Connection initialisation timeout";
                Err(Ending::Close(Closing::new(CloseCode::InitTimeout, reason)))
            }
            Phase::Acknowledged(_) if self.idle_until.is_some_and(|until| until <= now) => {
                let reason = "no operation runs on this socket; connect again when one shall";
                Err(Ending::Close(Closing::new(CloseCode::Normal, reason)))
            }
            Phase::Acknowledged(ping_at) if ping_at <= now => self.keep_alive(now),
            Phase::Leaving(until) if until <= now => Err(going_away()),
            Phase::Opened(_) | Phase::Acknowledged(_) | Phase::Leaving(_) => Ok(()),
        }
    }

    fn keep_alive(&mut self, now: Instant) -> Result<(), Ending> {
        self.phase = Phase::Acknowledged(now + self.limits().keepalive);
        // Of a socket that is full nothing can be told but whether it takes more, which has its own deadline.
        if self.wire.is_blocked() {
            return Ok(());
        }
        if self.pings_unanswered == PINGS {
            return Err(Ending::Broken);
        }
        self.pings_unanswered += 1;
        self.ping_due = true;
        Ok(())
    }

    /// A socket becomes idle with its acknowledgement, or when the last operation is over.
    fn note_idleness(&mut self) {
        let patience = self.limits().idle_timeout;
        let idle = matches!(self.phase, Phase::Acknowledged(_)) && self.operations.len() == 0 && !patience.is_zero();
        self.idle_until = idle.then(|| self.idle_until.unwrap_or_else(|| Instant::now() + patience));
    }

    fn notice_leaving(&mut self, context: &mut Context<'_>) {
        let noticed = matches!(self.phase, Phase::Leaving(_));
        if !noticed && self.leaving.as_mut().poll(context).is_ready() {
            self.phase = Phase::Leaving(Instant::now() + self.limits().drain);
        }
    }

    fn may_leave(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_)) && self.operations.unanswered_bytes() == 0 && !self.wire.is_blocked()
    }

    fn set_clock(&mut self, context: &mut Context<'_>) -> Turn {
        let (Phase::Opened(deadline) | Phase::Acknowledged(deadline) | Phase::Leaving(deadline)) = self.phase;
        let stalled = self.wire.stall_deadline(self.limits().write_timeout);
        let deadline = [stalled, self.idle_until].into_iter().flatten().fold(deadline, Instant::min);
        if self.clock.deadline() != deadline {
            self.clock.as_mut().reset(deadline);
        }
        match self.clock.as_mut().poll(context) {
            Poll::Pending => Turn::Waiting,
            Poll::Ready(()) => Turn::MoreToDo,
        }
    }

    /// Takes a frame only when its reply can be written: whoever does not read is not listened to. The same
    /// holds while the requests that have no answer yet are large.
    fn take_frames(&mut self, context: &mut Context<'_>) -> Result<Turn, Ending> {
        for _ in 0..FRAMES {
            let leaving = matches!(self.phase, Phase::Leaving(_));
            let laden = self.operations.unanswered_bytes() > self.limits().message_bytes;
            if leaving || laden || self.wire.poll_ready(context)?.is_pending() {
                return Ok(Turn::Waiting);
            }
            match self.wire.poll_incoming(context)? {
                Poll::Pending => return Ok(Turn::Waiting),
                Poll::Ready(frame) => self.take_frame(frame)?,
            }
        }
        Ok(Turn::MoreToDo)
    }

    fn take_frame(&mut self, frame: Message) -> Result<(), Ending> {
        self.pings_unanswered = 0;
        match frame {
            Message::Text(text) => {
                let message = Incoming::decode(&text).map_err(Ending::Close)?;
                self.take_message(message)
            }
            Message::Binary(_) => {
                let reason = "a message is a text frame, not a binary one";
                Err(Ending::Close(Closing::bad_message(reason)))
            }
            // The library answers a ping.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(Ending::Left),
        }
    }

    fn take_message(&mut self, message: Incoming) -> Result<(), Ending> {
        let opened = matches!(self.phase, Phase::Opened(_));
        match message {
            Incoming::Init if opened => {
                self.phase = Phase::Acknowledged(Instant::now() + self.limits().keepalive);
                self.wire.write(&Outgoing::Ack).map(|_| ())
            }
            Incoming::Init => {
                let reason = "Too many initialisation requests";
                Err(Ending::Close(Closing::new(CloseCode::TooManyInits, reason)))
            }
            Incoming::Ping(payload) => self.wire.write(&Outgoing::Pong(payload)).map(|_| ()),
            Incoming::Pong => Ok(()),
            Incoming::Subscribe { .. } if opened => {
                let closing = Closing::new(CloseCode::Unauthorized, "Unauthorized");
                Err(Ending::Close(closing))
            }
            Incoming::Subscribe { id, payload } => self.subscribe(id, payload),
            Incoming::Complete { id } => {
                self.operations.stop(&id);
                Ok(())
            }
        }
    }

    fn subscribe(&mut self, id: OperationId, payload: &RawValue) -> Result<(), Ending> {
        if self.operations.contains(&id) {
            return Err(Ending::Close(Closing::duplicate_id(&id)));
        }
        let request = GraphqlRequest::from_json(payload.get().as_bytes())
            .map_err(|error| Ending::Close(Closing::bad_message(error.message)))?;
        let most = self.limits().operations;
        if self.operations.len() >= most {
            let message = format!("a connection runs at most {most} operations at a time (setting: --max-operations)");
            let errors = [Error::new(Code::OperationsLimit, message)];
            let refusal = Outgoing::Error { id: &id, errors: &errors };
            return self.wire.write(&refusal).map(|_| ());
        }
        // Even one that is over within this turn.
        self.idle_until = None;
        let gateway = Arc::clone(&self.http.gateway);
        self.operations.start(id, gateway, request);
        Ok(())
    }

    fn hand_out(&mut self, context: &mut Context<'_>) -> Result<Turn, Ending> {
        let mut bytes = 0;
        while bytes < PORTION {
            if self.wire.poll_ready(context)?.is_pending() {
                return Ok(Turn::Waiting);
            }
            if std::mem::take(&mut self.ping_due) {
                self.wire.ping()?;
            }
            let Poll::Ready(event) = self.operations.poll_event(context) else {
                break;
            };
            bytes += self.write(&event)?;
        }
        let flushed = self.wire.poll_flush(context)?.is_ready();
        let more = flushed && bytes >= PORTION;
        Ok(if more { Turn::MoreToDo } else { Turn::Waiting })
    }

    /// Gives the bytes written.
    fn write(&mut self, Event { id, news }: &Event) -> Result<usize, Ending> {
        match news {
            News::Change(data) => {
                let number = self.wire.take_number();
                self.wire.write(&Outgoing::Next { id, data: Some(data), errors: &[], transaction: None, number })
            }
            News::Answer(answer) if answer.executed => {
                let number = self.wire.take_number();
                let next = self.wire.write(&Outgoing::Next {
                    id,
                    data: answer.data.as_deref(),
                    errors: &answer.errors,
                    transaction: answer.transaction.as_deref(),
                    number,
                })?;
                Ok(next + self.wire.write(&Outgoing::Complete { id })?)
            }
            News::Answer(Answer { errors, .. }) | News::Failed(errors) => {
                self.wire.write(&Outgoing::Error { id, errors })
            }
            News::Completed => self.wire.write(&Outgoing::Complete { id }),
        }
    }
}

fn going_away() -> Ending {
    Ending::Close(Closing::new(CloseCode::GoingAway, "the server stops"))
}
