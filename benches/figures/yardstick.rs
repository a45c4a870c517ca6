//! What would a server cost that only writes? Ready frames to upgraded sockets: no GraphQL, no log, no filter.
//! A process of its own, so that its processor time can be told; the bench's own binary with another argument.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::sleep;

use crate::server::{Process, free_address};

/// The argument that makes the bench a yardstick.
pub(crate) const COMMAND: &str = "yardstick";

type Frames = broadcast::Sender<Utf8Bytes>;

/// Sockets on this port; on standard input, frames to be sent to all of them, each behind its length.
pub(crate) async fn serve(port: u16) {
    let frames = Frames::new(1024);
    let routes = Router::new().route("/graphql", get(upgrade)).with_state(frames.clone());
    let sockets = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is free");
    tokio::spawn(async move {
        let sockets = sockets.tap_io(|tcp| tcp.set_nodelay(true).expect("an option that TCP has"));
        axum::serve(sockets, routes).await.expect("serves until it is killed");
    });
    let mut orders = tokio::io::stdin();
    let mut length = [0; 4];
    // Ends with the bench.
    while orders.read_exact(&mut length).await.is_ok() {
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        orders.read_exact(&mut frame).await.expect("a whole frame");
        // Nobody may be there yet.
        let _ = frames.send(Utf8Bytes::try_from(frame).expect("text"));
    }
}

async fn upgrade(State(frames): State<Frames>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(4 << 10).write_buffer_size(16 << 10).on_upgrade(|socket| write(socket, frames))
}

/// Feeds all that waits, flushes once.
async fn write(socket: WebSocket, frames: Frames) {
    let mut frames = frames.subscribe();
    let (mut sink, mut stream) = socket.split();
    let ready = Message::Text("ready".into());
    sink.send(ready).await.expect("the bench reads");
    loop {
        tokio::select! {
            received = frames.recv() => match received {
                Ok(frame) => sink.feed(Message::Text(frame)).await.expect("the bench reads"),
                Err(RecvError::Lagged(_)) => panic!("the bench sends no faster than it receives"),
                Err(RecvError::Closed) => return,
            },
            gone = stream.next() => match gone {
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
        }
        while let Ok(frame) = frames.try_recv() {
            sink.feed(Message::Text(frame)).await.expect("the bench reads");
        }
        sink.flush().await.expect("the bench reads");
    }
}

/// A running yardstick. Killed when it is dropped.
pub(crate) struct Yardstick {
    child: Child,
    pub(crate) address: SocketAddr,
    orders: ChildStdin,
}

impl Yardstick {
    pub(crate) async fn start() -> Self {
        let address = free_address();
        let program = std::env::current_exe().expect("the bench has a path");
        let mut child = Command::new(program)
            .args([COMMAND, &address.port().to_string()])
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the bench starts");
        let orders = child.stdin.take().expect("a pipe");
        while TcpStream::connect(address).await.is_err() {
            assert!(child.try_wait().expect("the yardstick is ours").is_none(), "the yardstick ended");
            sleep(Duration::from_millis(5)).await;
        }
        Self { child, address, orders }
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id().expect("the yardstick runs"))
    }

    /// Has a frame sent to all sockets.
    pub(crate) async fn send(&mut self, frame: &[u8]) {
        let mut order = u32::try_from(frame.len()).expect("a short frame").to_be_bytes().to_vec();
        order.extend(frame);
        self.orders.write_all(&order).await.expect("the yardstick reads");
        self.orders.flush().await.expect("the yardstick reads");
    }
}
