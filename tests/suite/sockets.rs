//! What one client can use up of the server by its sockets: messages, operations, time, connections; and who may
//! open one. What is sent on them is the protocol's (`protocol.rs`).

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Client, Received};
use crate::protocol::{QUERY, SUBSCRIPTION, copy, server};
use crate::world::Server;

#[tokio::test]
async fn a_huge_frame_is_closed_with_1009() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.send_text("x".repeat((1 << 20) + 1)).await;
    client.expect_close(1009).await;
    let mut client = Client::ready(&server.base).await;
    let much = Message::text("x".repeat(24 << 20));
    // Larger than the system's buffers, so that sending ends only with the connection.
    let sending = tokio::time::timeout(Duration::from_secs(10), client.send_frame(much));
    sending.await.expect("the server does not wait for the rest");
    client.expect_close(1009).await;
}

#[tokio::test]
async fn a_socket_on_which_nothing_runs_is_closed_with_1000() {
    let server = server(&["--idle-timeout", "0.5", "--keepalive", "0.1"]).await;
    let mut busy = Client::ready(&server.base).await;
    busy.subscribe("s", SUBSCRIPTION).await;
    copy(&mut busy, "s").await;
    let mut idle = Client::ready(&server.base).await;
    // Signs of life are no operations.
    idle.send(json!({ "type": "ping" })).await;
    let reason = idle.expect_close(1000).await;
    assert!(reason.contains("no operation"), "{reason}");
    // Longer than the idle one by now; its time begins when it has nothing left.
    busy.expect_silence().await;
    busy.complete("s").await;
    busy.expect_close(1000).await;
}

#[tokio::test]
async fn only_so_many_sockets_are_open_at_a_time() {
    let server = server(&["--max-connections", "2"]).await;
    let mut first = Client::ready(&server.base).await;
    let mut second = Client::ready(&server.base).await;
    let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
    match Client::connect_with(&server.base, &protocol).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 503);
            let body: Value = serde_json::from_slice(response.body().as_deref().expect("a body")).expect("JSON");
            assert_eq!(body["errors"][0]["extensions"]["code"], "CONNECTIONS_LIMIT_EXCEEDED");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a third one was let in"),
    }
    first.expect_silence().await;
    second.send(json!({ "type": "connection_init" })).await;
    second.expect_close(4429).await;
    let let_in = async { while Client::connect_with(&server.base, &protocol).await.is_err() {} };
    timeout(Duration::from_secs(20), let_in).await.expect("a place is free again");
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
