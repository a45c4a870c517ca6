//! One WebSocket as the connection's loop sees it: frames in, encoded messages out, and whether the other
//! side still takes anything. Numbers `next` messages; knows nothing of operations.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, timeout};

use super::listener::Taken;
use super::protocol::{CloseCode, Closing, MessageNumber, Outgoing};

/// How long the closing handshake may take, and how long a frame that was too large is left in the pipe so
/// that the client can read why.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a connection ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// We close it.
    Close(Closing),
    /// The client closed it.
    Left,
    /// It broke off, or nothing comes through any more: nobody is there to say goodbye to.
    Broken,
}

/// Written and read by the connection's task alone.
pub(super) struct Wire {
    socket: WebSocket,
    /// Frames are encoded into it and handed over as slices of it.
    scratch: BytesMut,
    last: MessageNumber,
    /// Since when the operating system has refused to take more, and what it had taken then.
    blocked: Option<Blocked>,
    taken: Taken,
    /// Not yet in the metrics, which all connections share: added once a flush.
    messages_unreported: u64,
    bytes_unreported: u64,
    messages: Counter,
    bytes: Counter,
}

#[derive(Clone, Copy)]
struct Blocked {
    since: Instant,
    taken: u64,
}

impl Wire {
    pub(super) fn new(socket: WebSocket, taken: Taken, messages: Counter, bytes: Counter) -> Self {
        Self {
            socket,
            scratch: BytesMut::new(),
            last: MessageNumber::default(),
            blocked: None,
            taken,
            messages_unreported: 0,
            bytes_unreported: 0,
            messages,
            bytes,
        }
    }

    /// Ready when a message may be written. After the socket was full, that is when it has taken everything.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        if self.blocked.is_some() {
            return self.poll_flush(context);
        }
        let ready = self.socket.poll_ready_unpin(context);
        self.note_blocking(ready)
    }

    /// The next frame from the client; none when the connection is over.
    pub(super) fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Ending>> {
        Poll::Ready(match ready!(self.socket.poll_next_unpin(context)) {
            Some(Ok(message)) => Ok(message),
            Some(Err(cause)) => Err(Ending::of(cause)),
            None => Err(Ending::Left),
        })
    }

    /// The number for the next `next` message.
    pub(super) fn take_number(&mut self) -> MessageNumber {
        self.last = self.last.next();
        self.last
    }

    /// Queues a message, to be sent by the next flush at the latest; call only after `poll_ready`, for the one
    /// or two messages of one event. Gives the message's size in bytes.
    pub(super) fn write(&mut self, message: &Outgoing) -> Result<usize, Ending> {
        message.encode(&mut self.scratch);
        let text = self.scratch.split().freeze();
        let size = text.len();
        let text = Utf8Bytes::try_from(text).map_err(|cause| {
            tracing::error!(%cause, "data that is not UTF-8");
            Ending::Close(Closing::new(CloseCode::Internal, "internal error"))
        })?;
        self.messages_unreported += 1;
        self.bytes_unreported += size as u64;
        self.start_send(Message::Text(text))?;
        Ok(size)
    }

    /// Queues a WebSocket ping; call only after `poll_ready`.
    pub(super) fn ping(&mut self) -> Result<(), Ending> {
        self.start_send(Message::Ping(Bytes::new()))
    }

    fn start_send(&mut self, message: Message) -> Result<(), Ending> {
        self.socket.start_send_unpin(message).map_err(Ending::of)
    }

    /// Sends what is queued; pending while the operating system takes no more.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        let flushed = self.socket.poll_flush_unpin(context);
        if flushed.is_ready() {
            // An idle connection holds no buffer.
            self.scratch = BytesMut::new();
            self.messages.inc_by(std::mem::take(&mut self.messages_unreported));
            self.bytes.inc_by(std::mem::take(&mut self.bytes_unreported));
        }
        self.note_blocking(flushed)
    }

    fn note_blocking(&mut self, poll: Poll<Result<(), axum::Error>>) -> Poll<Result<(), Ending>> {
        if poll.is_ready() {
            self.blocked = None;
        } else if self.blocked.is_none() {
            self.blocked = Some(Blocked { since: Instant::now(), taken: self.taken.bytes() });
        }
        poll.map_err(Ending::of)
    }

    /// Whether something is queued that the operating system does not take.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// When to look again whether a blocked socket takes anything, `patience` after the last look.
    pub(super) fn stall_deadline(&self, patience: Duration) -> Option<Instant> {
        self.blocked.map(|blocked| blocked.since + patience)
    }

    /// At that deadline: whether nothing at all was taken since the last look. A slow reader gets another
    /// period, one that stands still does not.
    pub(super) fn stands_still(&mut self, now: Instant) -> bool {
        let taken = self.taken.bytes();
        let before = self.blocked.replace(Blocked { since: now, taken });
        before.is_some_and(|before| before.taken == taken)
    }

    /// Says why, and waits a little for the client's own goodbye.
    pub(super) async fn finish(&mut self, ending: &Ending) {
        let goodbye = async {
            match ending {
                Ending::Close(closing) => self.close(closing).await,
                Ending::Left => self.drain().await,
                Ending::Broken => {}
            }
        };
        // Whoever does not answer in time is dropped; there is nothing else to do.
        let _ = timeout(GOODBYE, goodbye).await;
    }

    async fn close(&mut self, closing: &Closing) {
        let frame = CloseFrame { code: closing.code.number(), reason: closing.reason.as_str().into() };
        if self.socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        if closing.code == CloseCode::TooLarge {
            // The rest of the frame is in the pipe, and cannot be read. To close now would reset the
            // connection, and take the close frame with it.
            return std::future::pending().await;
        }
        self.drain().await;
    }

    /// Reads to the end; the library answers the client's close frame meanwhile.
    async fn drain(&mut self) {
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

impl Ending {
    fn of(cause: axum::Error) -> Self {
        use tungstenite::Error;
        let Ok(cause) = cause.into_inner().downcast::<Error>() else {
            return Self::Broken;
        };
        match *cause {
            Error::Capacity(_) => {
                let reason = "the message is larger than this server takes";
                Self::Close(Closing::new(CloseCode::TooLarge, reason))
            }
            Error::Utf8(_) => Self::Close(Closing::new(CloseCode::NotText, "the message is not UTF-8")),
            Error::Protocol(cause) => Self::Close(Closing::new(CloseCode::ProtocolError, cause.to_string())),
            _ => Self::Broken,
        }
    }
}
