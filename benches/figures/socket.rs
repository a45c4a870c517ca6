//! The least of a WebSocket client: one socket with one subscription, frames found by their length. Serves
//! Everwire and the yardstick alike, so that what the client costs is the same for both.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const UPGRADE: &str = "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    sec-websocket-protocol: graphql-transport-ws\r\n\r\n";

/// A socket, upgraded.
pub(crate) struct Socket {
    tcp: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Socket {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.expect("the server listens");
        tcp.set_nodelay(true).expect("an option that TCP has");
        let mut socket = Self { tcp, buffer: vec![0; 4 << 10], start: 0, end: 0 };
        socket.tcp.write_all(UPGRADE.as_bytes()).await.expect("the server reads");
        loop {
            socket.fill().await;
            // Frames may follow at once.
            if let Some(head) = socket.unread().windows(4).position(|four| four == b"\r\n\r\n") {
                assert!(socket.unread().starts_with(b"HTTP/1.1 101"), "the socket was refused");
                socket.start = head + 4;
                return socket;
            }
        }
    }

    /// Opens one and starts a subscription, which has sent nothing yet.
    pub(crate) async fn subscribe(address: SocketAddr, subscription: &str) -> Self {
        let mut socket = Self::ready(address).await;
        socket.start(1, subscription).await;
        socket
    }

    /// Opens one that is acknowledged.
    pub(crate) async fn ready(address: SocketAddr) -> Self {
        let mut socket = Self::open(address).await;
        socket.send(1, br#"{"type":"connection_init"}"#).await;
        let acknowledged = socket.next().await;
        assert_eq!(acknowledged, br#"{"type":"connection_ack"}"#);
        socket
    }

    /// Starts a subscription.
    pub(crate) async fn start(&mut self, id: usize, subscription: &str) {
        let subscribe = format!(r#"{{"id":"{id}","type":"subscribe","payload":{subscription}}}"#);
        self.send(1, subscribe.as_bytes()).await;
    }

    /// The text of the next message. Answers pings on the way.
    pub(crate) async fn next(&mut self) -> &[u8] {
        loop {
            let Some((opcode, text, end)) = frame(self.unread()) else {
                self.fill().await;
                continue;
            };
            let (from, to) = (self.start + text.0, self.start + text.1);
            self.start += end;
            match opcode {
                1 => return &self.buffer[from..to],
                9 => self.send(10, &[]).await,
                other => panic!("a frame with the opcode {other}"),
            }
        }
    }

    /// Short texts alone. Masked with zeros, which the protocol allows.
    async fn send(&mut self, opcode: u8, text: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match text.len() {
            length @ ..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).expect("a short text").to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text);
        self.tcp.write_all(&frame).await.expect("the server reads");
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    async fn fill(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.tcp.read(&mut self.buffer[self.end..]).await.expect("the server writes");
        assert!(read > 0, "the server hung up");
        self.end += read;
    }
}

/// A whole frame at the beginning: its opcode, where its text begins and ends, where the next frame begins.
fn frame(bytes: &[u8]) -> Option<(u8, (usize, usize), usize)> {
    let (head, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let end = head + length;
    (bytes.len() >= end).then_some((bytes[0] & 0x0f, (head, end), end))
}
