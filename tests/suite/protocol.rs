//! The socket from outside, sentence by sentence of the protocol, with the operations of the example database.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::client::{Client, Received};
use crate::world::Server;

const QUERY: &str = "{ tasks(first: 1) { nodes { title } } }";
const SUBSCRIPTION: &str = "subscription { tasks(where: {status: {eq: DOING}}) \
     { sequence more changes { op key { id } } } }";
const MUTATION: &str = "mutation { patchTask(id: \"00000000-0000-4000-8000-000000000000\", \
     patch: {title: \"x\"}) { id } }";

/// Progress messages would come between those that a test waits for.
const PATIENT: [&str; 6] = ["--max-operations", "50", "--max-message-bytes", "1048576", "--progress-interval", "3600"];

/// A server of its own for each test, with these flags beside the usual ones.
async fn server(flags: &[&str]) -> Server {
    let origin = ["--allowed-origin", "https://app.example.com"];
    Server::start(&[&PATIENT[..], &origin, flags].concat()).await
}

/// Reads a subscription's starting copy to its last message; gives the numbers of its messages.
async fn copy(client: &mut Client, id: &str) -> Vec<(Value, Value)> {
    let mut numbers = Vec::new();
    loop {
        let payload = client.expect("next", id).await;
        numbers.push(number(&payload));
        if payload["data"]["tasks"]["more"] == false {
            return numbers;
        }
    }
}

fn number(payload: &Value) -> (Value, Value) {
    let extensions = &payload["extensions"];
    (extensions["messageId"].clone(), extensions["lastMessageId"].clone())
}

#[tokio::test]
async fn a_client_without_the_subprotocol_is_closed_with_4406() {
    let server = server(&[]).await;
    let mut client = Client::connect_with(&server.base, &[]).await.unwrap();
    assert_eq!(client.expect_close(4406).await, "Subprotocol not acceptable");
}

#[tokio::test]
async fn the_subprotocol_may_be_one_of_several() {
    let server = server(&[]).await;
    let offer = [("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")];
    let mut client = Client::connect_with(&server.base, &offer).await.unwrap();
    client.send(json!({ "type": "connection_init" })).await;
    assert_eq!(client.next_message().await["type"], "connection_ack");
}

#[tokio::test]
async fn a_client_that_does_not_initialise_is_closed_with_4408() {
    let server = server(&["--init-timeout", "0.1"]).await;
    let mut client = Client::connect(&server.base).await;
    assert_eq!(client.expect_close(4408).await, "Connection initialisation timeout");
}

#[tokio::test]
async fn a_second_initialisation_is_closed_with_4429() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.send(json!({ "type": "connection_init" })).await;
    assert_eq!(client.expect_close(4429).await, "Too many initialisation requests");
}

#[tokio::test]
async fn an_operation_before_the_acknowledgement_is_closed_with_4401() {
    let server = server(&[]).await;
    let mut client = Client::connect(&server.base).await;
    client.subscribe("1", QUERY).await;
    assert_eq!(client.expect_close(4401).await, "Unauthorized");
}

#[tokio::test]
async fn what_is_no_message_is_closed_with_4400() {
    let server = server(&[]).await;
    let long = "é".repeat(500);
    for text in [
        "nonsense",
        "[]",
        r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        &json!({ "type": long }).to_string(),
    ] {
        let mut client = Client::ready(&server.base).await;
        client.send_text(text).await;
        let reason = client.expect_close(4400).await;
        assert!(!reason.is_empty() && reason.len() <= 123, "{reason}");
    }
}

#[tokio::test]
async fn a_binary_frame_is_closed_with_4400() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    let frame = Message::binary(br#"{"type":"ping"}"#.to_vec());
    client.send_frame(frame).await;
    client.expect_close(4400).await;
}

#[tokio::test]
async fn a_huge_frame_is_closed_with_1009() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.send_text("x".repeat((1 << 20) + 1)).await;
    client.expect_close(1009).await;
    let mut client = Client::ready(&server.base).await;
    let much = Message::text("x".repeat(12 << 20));
    // Larger than the system's buffers, so that sending ends only with the connection.
    let sending = tokio::time::timeout(Duration::from_secs(10), client.send_frame(much));
    sending.await.expect("the server does not wait for the rest");
    client.expect_close(1009).await;
}

#[tokio::test]
async fn an_id_in_use_is_closed_with_4409() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("one", SUBSCRIPTION).await;
    copy(&mut client, "one").await;
    client.subscribe("one", QUERY).await;
    assert_eq!(client.expect_close(4409).await, "Subscriber for one already exists");
}

#[tokio::test]
async fn a_query_gives_its_result_and_completes() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("q", QUERY).await;
    let payload = client.expect("next", "q").await;
    assert!(payload["data"]["tasks"]["nodes"].is_array(), "{payload}");
    assert!(payload.get("errors").is_none());
    client.expect("complete", "q").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn a_mutation_names_its_transaction() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("m", MUTATION).await;
    let payload = client.expect("next", "m").await;
    assert!(payload["extensions"]["transaction"].is_string(), "{payload}");
    client.expect("complete", "m").await;
}

#[tokio::test]
async fn a_refused_operation_is_an_error_and_nothing_else() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("v", "{ noSuchField }").await;
    let errors = client.expect("error", "v").await;
    assert_eq!(errors[0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    client.expect_silence().await;
    // The id is free again.
    client.subscribe("v", QUERY).await;
    client.expect("next", "v").await;
    client.expect("complete", "v").await;
}

#[tokio::test]
async fn an_id_is_free_once_the_client_completed_it() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    for _ in 0..3 {
        client.subscribe("s", SUBSCRIPTION).await;
        copy(&mut client, "s").await;
        client.complete("s").await;
        client.expect_silence().await;
    }
    // Completing what never ran, or is over, says nothing.
    client.complete("s").await;
    client.complete("other").await;
    client.expect_silence().await;
    // At once, before anything was heard of it.
    client.subscribe("t", SUBSCRIPTION).await;
    client.complete("t").await;
    client.subscribe("t", QUERY).await;
    loop {
        let message = client.next_message().await;
        assert_eq!(message["id"], "t");
        if message["type"] == "complete" {
            break;
        }
        assert_eq!(message["type"], "next");
    }
}

#[tokio::test]
async fn numbers_count_over_all_operations_of_a_connection() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("a", SUBSCRIPTION).await;
    let mut numbers = copy(&mut client, "a").await;
    client.subscribe("b", SUBSCRIPTION).await;
    numbers.extend(copy(&mut client, "b").await);
    client.subscribe("c", QUERY).await;
    numbers.push(number(&client.expect("next", "c").await));
    let counted = (1..=numbers.len()).map(|id| (json!(id), json!(id - 1)));
    assert_eq!(numbers, counted.collect::<Vec<_>>());
    // Each connection counts for itself.
    let mut other = Client::ready(&server.base).await;
    other.subscribe("c", QUERY).await;
    let first = number(&other.expect("next", "c").await);
    assert_eq!(first, (json!(1), json!(0)));
}

#[tokio::test]
async fn both_pings_are_answered_with_their_payload() {
    let server = server(&[]).await;
    let mut client = Client::connect(&server.base).await;
    // Before the initialisation too.
    let ping = json!({ "type": "ping", "payload": { "at": 1.50 } });
    client.send(ping).await;
    let pong = json!({ "type": "pong", "payload": { "at": 1.50 } });
    assert_eq!(client.next_message().await, pong);
    client.send(json!({ "type": "pong" })).await;
    let payload = Bytes::from_static(b"payload");
    client.send_frame(Message::Ping(payload.clone())).await;
    assert_eq!(client.next().await, Received::Pong(payload));
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_dropped() {
    let server = server(&["--keepalive", "0.2"]).await;
    // Answers: the library does, as long as it is read.
    let mut client = Client::ready(&server.base).await;
    // Does not answer: nobody reads it. It is never blocked either, since next to nothing is sent.
    let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
    let mut silent = crate::client::open(&server.base, &headers).await.unwrap();
    let init = Message::text(r#"{"type":"connection_init"}"#);
    silent.send(init).await.unwrap();
    for _ in 0..5 {
        assert!(matches!(client.next().await, Received::Ping(_)));
    }
    client.expect_silence().await;
    let all = silent.by_ref().collect::<Vec<_>>();
    let all = timeout(Duration::from_secs(10), all).await.expect("its end");
    let closed = all.iter().any(|frame| matches!(frame, Ok(Message::Close(_))));
    assert!(!closed, "dropped without a goodbye: {all:?}");
}

#[tokio::test]
async fn one_connection_runs_many_operations_up_to_its_limit() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    for id in 0..50 {
        client.subscribe(&id.to_string(), SUBSCRIPTION).await;
    }
    let mut whole = 0;
    while whole < 50 {
        let message = client.next_message().await;
        assert_eq!(message["type"], "next");
        whole += i32::from(message["payload"]["data"]["tasks"]["more"] == false);
    }
    client.subscribe("over", QUERY).await;
    let errors = client.expect("error", "over").await;
    assert_eq!(errors[0]["extensions"]["code"], "OPERATIONS_LIMIT_EXCEEDED");
    client.complete("7").await;
    client.subscribe("over", QUERY).await;
    client.expect("next", "over").await;
    client.expect("complete", "over").await;
}

#[tokio::test]
async fn many_queries_at_a_time_are_all_answered() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    for round in 0..40 {
        for id in 0..25 {
            client.subscribe(&format!("{round}-{id}"), QUERY).await;
        }
        let mut complete = 0;
        while complete < 25 {
            complete += i32::from(client.next_message().await["type"] == "complete");
        }
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn a_client_that_stops_reading_is_dropped_and_others_are_not() {
    let server = server(&["--write-timeout", "0.5"]).await;
    let mut other = Client::ready(&server.base).await;
    other.subscribe("s", SUBSCRIPTION).await;
    copy(&mut other, "s").await;
    let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
    let mut stuck = crate::client::open(&server.base, &headers).await.unwrap();
    let init = Message::text(r#"{"type":"connection_init"}"#);
    stuck.send(init).await.unwrap();
    let large = json!({ "type": "ping", "payload": { "x": "x".repeat(1 << 19) } });
    let echo = Message::text(large.to_string());
    // Never reads what comes back: the pipes fill, and in the end the server gives up.
    let sending = async { while stuck.send(echo.clone()).await.is_ok() {} };
    timeout(Duration::from_secs(15), sending).await.expect("the server drops the client");
    other.expect_silence().await;
}

#[tokio::test]
async fn a_slow_reader_is_not_dropped() {
    let server =
        Server::start(&["--write-timeout", "3", "--init-timeout", "600", "--max-message-bytes", "33554432"]).await;
    let headers = [("sec-websocket-protocol", "graphql-transport-ws")];
    let mut slow = crate::client::open(&server.base, &headers).await.unwrap();
    // One message, larger than what the system takes at once, read over several such periods.
    let size = 24 << 20;
    let large = json!({ "type": "ping", "payload": { "x": "x".repeat(size) } });
    slow.send(Message::text(large.to_string())).await.unwrap();
    let mut stream = slow.into_inner();
    let mut buffer = vec![0; 512 << 10];
    let mut read = 0;
    while read < size {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let bytes = stream.read(&mut buffer).await.unwrap();
        assert!(bytes > 0, "dropped after {read} bytes");
        read += bytes;
    }
}

#[tokio::test]
async fn a_stopping_server_closes_its_sockets_with_1001() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("s", SUBSCRIPTION).await;
    copy(&mut client, "s").await;
    let mut fresh = Client::connect(&server.base).await;
    fresh.send(json!({ "type": "ping" })).await;
    fresh.next_message().await;
    server.stop.send(()).unwrap();
    client.expect_close(1001).await;
    fresh.expect_close(1001).await;
    let stopped = timeout(Duration::from_secs(3), server.stopped).await;
    stopped.expect("it stops in time").unwrap().unwrap();
}

#[tokio::test]
async fn pages_of_other_hosts_may_not_connect() {
    let server = server(&[]).await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let from = |origin| [protocol, ("origin", origin)];
    for origin in ["https://evil.example", "null"] {
        match Client::connect_with(&server.base, &from(origin)).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 403),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{origin} was let in"),
        }
    }
    for origin in [server.base.as_str(), "https://app.example.com"] {
        let client = Client::connect_with(&server.base, &from(origin)).await;
        assert!(client.is_ok(), "{origin}");
    }
}
