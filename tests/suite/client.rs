//! A client of `graphql-transport-ws` that keeps all it receives in order, so that a test can act first and
//! look later without missing anything.

use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything that a test waits for on purpose.
const DEADLINE: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What came from the server.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    /// A text frame.
    Message(Value),
    /// A WebSocket ping.
    Ping(Bytes),
    /// A WebSocket pong.
    Pong(Bytes),
    /// A close frame, by its code and reason.
    Close(u16, String),
    /// The connection ended without a close frame.
    Broken,
}

/// One connection.
pub(crate) struct Client {
    sink: SplitSink<Socket, Message>,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Client {
    /// Connects to the `/graphql` of a base URL (`http://…`) with the right subprotocol; reads from then on.
    pub(crate) async fn connect(base: &str) -> Self {
        let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
        Self::connect_with(base, &headers).await.expect("a socket")
    }

    /// The same with other headers; an `Err` is a refused handshake.
    pub(crate) async fn connect_with(base: &str, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let (sink, mut stream) = open(base, headers).await?.split();
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut ended = false;
            while !ended {
                let item = match stream.next().await {
                    Some(Ok(Message::Text(text))) => Received::Message(serde_json::from_str(&text).expect("JSON")),
                    Some(Ok(Message::Ping(payload))) => Received::Ping(payload),
                    Some(Ok(Message::Pong(payload))) => Received::Pong(payload),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        Received::Close(frame.code.into(), frame.reason.to_string())
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => Received::Broken,
                };
                ended = matches!(item, Received::Close(..) | Received::Broken);
                let _ = sender.send(item);
            }
            // Lets the library finish the closing handshake.
            while let Some(Ok(_)) = stream.next().await {}
        });
        Ok(Self { sink, received })
    }

    /// Connected and acknowledged.
    pub(crate) async fn ready(base: &str) -> Self {
        let mut client = Self::connect(base).await;
        client.send(json!({ "type": "connection_init" })).await;
        assert_eq!(client.next_message().await, json!({ "type": "connection_ack" }));
        client
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: Value) {
        self.send_text(message.to_string()).await;
    }

    /// Sends a text frame.
    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.send_frame(Message::text(text.into())).await;
    }

    /// Sends a frame. The server may have closed the socket by then, which a test finds in what it receives.
    pub(crate) async fn send_frame(&mut self, frame: Message) {
        let _ = self.sink.send(frame).await;
    }

    /// Starts an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        let message = json!({ "id": id, "type": "subscribe", "payload": payload });
        self.send(message).await;
    }

    /// Says that an operation is no longer wanted.
    pub(crate) async fn complete(&mut self, id: &str) {
        self.send(json!({ "id": id, "type": "complete" })).await;
    }

    /// The next thing received, of whatever kind.
    pub(crate) async fn next(&mut self) -> Received {
        timeout(DEADLINE, self.received.recv())
            .await
            .expect("something from the server in time")
            .expect("nothing is awaited after the end")
    }

    /// The next text frame.
    pub(crate) async fn next_message(&mut self) -> Value {
        loop {
            match self.next().await {
                Received::Message(message) => return message,
                Received::Ping(_) | Received::Pong(_) => {}
                other => panic!("a message was due, not {other:?}"),
            }
        }
    }

    /// The next text frame, which must have this type and id. Gives the payload.
    pub(crate) async fn expect(&mut self, kind: &str, id: &str) -> Value {
        let mut message = self.next_message().await;
        assert_eq!((&message["type"], &message["id"]), (&kind.into(), &id.into()));
        message["payload"].take()
    }

    /// The end of the connection, by this code, after whatever else there is. Gives the reason.
    pub(crate) async fn expect_close(&mut self, expected: u16) -> String {
        loop {
            match self.next().await {
                Received::Close(code, reason) => {
                    assert_eq!(code, expected, "{reason}");
                    return reason;
                }
                Received::Broken => panic!("broken off, without the close code {expected}"),
                Received::Message(_) | Received::Ping(_) | Received::Pong(_) => {}
            }
        }
    }

    /// Proof that nothing else is on its way: a ping now is answered by the very next message.
    pub(crate) async fn expect_silence(&mut self) {
        self.send(json!({ "type": "ping" })).await;
        assert_eq!(self.next_message().await, json!({ "type": "pong" }));
    }
}

/// A bare socket, for a client that misbehaves: it receives only when it is told to.
pub(crate) async fn open(base: &str, headers: &[(&str, &str)]) -> Result<Socket, Error> {
    let url = format!("{}/graphql", base.replacen("http", "ws", 1));
    let mut request = url.into_client_request()?;
    for (name, value) in headers {
        let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse()?;
        request.headers_mut().insert(name, value.parse()?);
    }
    Ok(connect_async(request).await?.0)
}
