//! One connection of a front-end with a few subscriptions: connects, subscribes, reads, loses the connection, comes
//! back with the positions it holds.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::copy::{Breach, Copy, Manner, Message};
use crate::dice::Dice;
use crate::tally::Tally;
use crate::wishes::Wish;

/// How long a server may take for the handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a connection thinks of something else to do.
const TICK: Duration = Duration::from_millis(100);
/// A subscriber of a restless front-end does something else about once in so many ticks.
const RESTLESS: u64 = 60;

type Socket = WebSocketStream<TcpStream>;

/// What is done to a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Stop reading for a moment and break it off, with data on its way: the server gets a reset.
    Cut,
    /// Stop reading for so long.
    Pause(Duration),
}

/// One subscription and its copy.
pub(crate) struct Subscriber {
    pub(crate) wish: Wish,
    pub(crate) copy: Copy,
    manner: Manner,
    /// The operation's id while it runs.
    running: Option<String>,
    retry_at: Instant,
    generation: u64,
    /// Its wish stays: the whole tables that are watched at every moment.
    faithful: bool,
}

impl Subscriber {
    pub(crate) fn new(wish: Wish, faithful: bool, dice: &mut Dice) -> Self {
        let manner = if !faithful && dice.one_in(4) { Manner::Eager } else { Manner::Careful };
        let retry_at = Instant::now();
        Self { wish, copy: Copy::new(manner), manner, running: None, retry_at, generation: 0, faithful }
    }

    /// The operation is over; goes on, or starts over, after a while.
    fn end(&mut self, again: Again, dice: &mut Dice) {
        self.running = None;
        self.copy.interrupt();
        if again == Again::FromStart {
            self.copy = Copy::new(self.manner);
        }
        self.retry_at = Instant::now() + Duration::from_millis(100 + dice.roll(600));
    }

    fn subscribe(&mut self, place: usize, tally: &Tally) -> String {
        self.generation += 1;
        let id = format!("{place}.{}", self.generation);
        if self.copy.held.is_some() {
            tally.resumed.fetch_add(1, Ordering::Relaxed);
        }
        let variables = json!({ "since": self.copy.held });
        let payload = json!({ "query": self.wish.document, "variables": variables });
        let message = json!({ "id": id, "type": "subscribe", "payload": payload }).to_string();
        self.running = Some(id);
        message
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    FromHere,
    FromStart,
}

/// A connection as the harness sees it.
pub(crate) struct Line {
    pub(crate) subscribers: Mutex<Vec<Subscriber>>,
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: Option<&'a str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Next<'a> {
    #[serde(borrow)]
    data: Data<'a>,
    extensions: Numbers,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    c: Message<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Numbers {
    message_id: u64,
    last_message_id: u64,
}

impl Line {
    /// Connects, and again whenever it is lost, until `stop`.
    pub(crate) fn open(
        address: SocketAddr,
        subscribers: Vec<Subscriber>,
        tally: Arc<Tally>,
        stop: watch::Receiver<bool>,
        seed: u64,
    ) -> Arc<Self> {
        let (orders, received) = mpsc::unbounded_channel();
        let line = Arc::new(Self { subscribers: Mutex::new(subscribers), orders });
        let end = FrontEnd { line: Arc::clone(&line), address, tally, dice: Dice::new(seed), last: 0 };
        tokio::spawn(end.run(received, stop));
        line
    }

    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

struct FrontEnd {
    line: Arc<Line>,
    address: SocketAddr,
    tally: Arc<Tally>,
    dice: Dice,
    /// The number of the last message of this connection.
    last: u64,
}

impl FrontEnd {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>, stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Ok(Ok(mut socket)) = timeout(PATIENCE, connect(self.address)).await {
                count(&self.tally.connections);
                self.last = 0;
                let mut stopped = stop.clone();
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop) => return,
                    _ = self.converse(&mut socket, &mut orders) => {}
                }
                let _ = socket.get_ref().set_zero_linger();
            }
            for subscriber in self.line.subscribers.lock().unwrap().iter_mut() {
                subscriber.end(Again::FromHere, &mut self.dice);
                subscriber.retry_at = Instant::now();
            }
            sleep(Duration::from_millis(50 + self.dice.roll(200))).await;
        }
    }

    /// Until the connection is gone.
    async fn converse(
        &mut self,
        socket: &mut Socket,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Result<(), Error> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Pause(time)) => sleep(time).await,
                    Some(Order::Cut) | None => {
                        sleep(Duration::from_millis(20)).await;
                        return Ok(());
                    }
                },
                _ = ticks.tick() => {
                    for message in self.think() {
                        socket.send(Frame::text(message)).await?;
                    }
                }
                frame = socket.next() => match frame.ok_or(Error::ConnectionClosed)?? {
                    Frame::Text(text) => {
                        if let Some(message) = self.take(&text) {
                            socket.send(Frame::text(message)).await?;
                        }
                    }
                    Frame::Close(frame) => {
                        let code = frame.map_or(1005, |frame| u16::from(frame.code));
                        self.tally.error(&format!("CLOSE {code}"));
                        return Ok(());
                    }
                    _ => {}
                },
            }
        }
    }

    /// What there is to say: subscribes who is due; the restless leave, and come back with their position or with
    /// another wish.
    fn think(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        let calm = self.tally.calm.load(Ordering::Relaxed);
        for (place, subscriber) in self.line.subscribers.lock().unwrap().iter_mut().enumerate() {
            match &subscriber.running {
                None if subscriber.retry_at <= Instant::now() => said.push(subscriber.subscribe(place, &self.tally)),
                Some(id) if !calm && self.dice.one_in(RESTLESS) => {
                    said.push(json!({ "id": id, "type": "complete" }).to_string());
                    let another = !subscriber.faithful && self.dice.one_in(3);
                    let again = if another { Again::FromStart } else { Again::FromHere };
                    if another {
                        subscriber.wish = Wish::random(&mut self.dice);
                    }
                    subscriber.end(again, &mut self.dice);
                }
                None | Some(_) => {}
            }
        }
        said
    }

    /// Takes one message; gives what there is to say to it.
    fn take(&mut self, text: &str) -> Option<String> {
        let Ok(Envelope { kind, id, payload }) = serde_json::from_str(text) else {
            self.tally.breach(Breach::Unreadable, || text.chars().take(300).collect());
            return None;
        };
        let mut subscribers = self.line.subscribers.lock().unwrap();
        let of_id = |subscriber: &&mut Subscriber| id.is_some() && subscriber.running.as_deref() == id;
        let subscriber = subscribers.iter_mut().find(of_id);
        let payload = payload.map_or("null", RawValue::get);
        match kind {
            "ping" => return Some(json!({ "type": "pong" }).to_string()),
            "next" => return next(&self.tally, &mut self.last, &mut self.dice, payload, subscriber),
            // The answer to an operation that was left a moment ago.
            "error" | "complete" if subscriber.is_none() => {}
            "error" => {
                let errors: serde_json::Value = serde_json::from_str(payload).unwrap_or_default();
                let code = errors[0]["extensions"]["code"].as_str().unwrap_or("none").to_owned();
                if !matches!(code.as_str(), "UNAVAILABLE" | "TIMEOUT" | "RETRY") {
                    let asked = subscriber.as_ref().map(|subscriber| subscriber.wish.document.clone());
                    self.tally.failure(|| format!("{payload} to {}", asked.unwrap_or_default()));
                }
                let message: String = errors[0]["message"].as_str().unwrap_or_default().chars().take(48).collect();
                self.tally.error(&format!("{code} {message}"));
                if let Some(subscriber) = subscriber {
                    subscriber.end(Again::FromHere, &mut self.dice);
                }
            }
            "complete" => {
                self.tally.error("complete");
                if let Some(subscriber) = subscriber {
                    subscriber.end(Again::FromHere, &mut self.dice);
                }
            }
            _ => {}
        }
        None
    }
}

/// Takes a message of a subscription; gives what there is to say to it. Those of operations that were left count too.
fn next(
    tally: &Tally,
    last: &mut u64,
    dice: &mut Dice,
    payload: &str,
    subscriber: Option<&mut Subscriber>,
) -> Option<String> {
    count(&tally.messages);
    let asked = |subscriber: &Option<&mut Subscriber>| {
        let wish = subscriber.as_ref().map(|subscriber| subscriber.wish.document.as_str());
        format!("{} for {}", payload.chars().take(300).collect::<String>(), wish.unwrap_or("nobody"))
    };
    let Next { data, extensions } = match serde_json::from_str(payload) {
        Ok(next) => next,
        Err(error) => {
            tally.breach(Breach::Unreadable, || format!("{error}: {}", asked(&subscriber)));
            return None;
        }
    };
    if extensions.last_message_id != *last || extensions.message_id != *last + 1 {
        tally.breach(Breach::Number, || format!("after {last}: {}", asked(&subscriber)));
    }
    *last = extensions.message_id;
    let subscriber = subscriber?;
    match subscriber.copy.take(&subscriber.wish, &data.c) {
        Ok(reset) => {
            if let Some(reset) = reset {
                tally.reset(reset);
            }
            None
        }
        Err(breach) => {
            let held = subscriber.copy.held.clone();
            tally.breach(breach, || format!("held {held:?}: {}", asked(&Some(&mut *subscriber))));
            // What a client does that has noticed: start over.
            let complete = subscriber.running.as_ref().map(|id| json!({ "id": id, "type": "complete" }).to_string());
            subscriber.end(Again::FromStart, dice);
            complete
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

async fn connect(address: SocketAddr) -> Result<Socket, Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{address}/graphql").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
    let (mut socket, _) = client_async(request, stream).await?;
    socket.send(Frame::text(json!({ "type": "connection_init" }).to_string())).await?;
    loop {
        match socket.next().await.ok_or(Error::ConnectionClosed)?? {
            Frame::Text(text) if text.contains("connection_ack") => return Ok(socket),
            Frame::Close(_) => return Err(Error::ConnectionClosed),
            _ => {}
        }
    }
}
