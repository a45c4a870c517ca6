//! The socket from outside, sentence by sentence of the protocol, with the operations of the example database.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::client::{Client, Received};
use crate::world::Server;

pub(crate) const QUERY: &str = "{ tasks(first: 1) { nodes { title } } }";
pub(crate) const SUBSCRIPTION: &str = "subscription { tasks(where: {status: {eq: DOING}}) \
     { sequence more changes { op key { id } } } }";
const MUTATION: &str = "mutation { patchTask(id: \"00000000-0000-4000-8000-000000000000\", \
     patch: {title: \"x\"}) { id } }";

/// Progress messages would come between those that a test waits for.
const PATIENT: [&str; 6] = ["--max-operations", "50", "--max-message-bytes", "1048576", "--progress-interval", "3600"];

/// A server of its own for each test, with these flags beside the usual ones.
pub(crate) async fn server(flags: &[&str]) -> Server {
    let origin = ["--allowed-origin", "https://app.example.com"];
    Server::start(&[&PATIENT[..], &origin, flags].concat()).await
}

/// Reads a subscription's starting copy to its last message; gives the numbers of its messages.
pub(crate) async fn copy(client: &mut Client, id: &str) -> Vec<(Value, Value)> {
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
async fn an_initialisation_may_have_a_payload() {
    let server = server(&[]).await;
    for payload in [json!({ "token": "x" }), json!({}), Value::Null] {
        let mut client = Client::connect(&server.base).await;
        client.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(client.next_message().await, json!({ "type": "connection_ack" }));
    }
    let mut client = Client::connect(&server.base).await;
    client.send(json!({ "type": "connection_init", "payload": "token" })).await;
    client.expect_close(4400).await;
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
        r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}"#,
        r#"{"type":"next","id":"1","payload":{"data":null}}"#,
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"ping","payload":1}"#,
        r#"{"id":"1"}"#,
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
async fn an_id_in_use_is_closed_with_4409() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("one", SUBSCRIPTION).await;
    copy(&mut client, "one").await;
    client.subscribe("one", QUERY).await;
    assert_eq!(client.expect_close(4409).await, "Subscriber for one already exists");
}

/// Holds up whatever reads or writes tasks, until it is dropped: also the start of a server.
async fn held_up(server: &Server) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut transaction = server.world.pool().await.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE task IN ACCESS EXCLUSIVE MODE").execute(&mut *transaction).await.expect("a lock");
    transaction
}

#[tokio::test]
async fn an_id_in_use_by_a_query_is_closed_with_4409() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    let _held = held_up(&server).await;
    client.subscribe("q", QUERY).await;
    client.subscribe("q", QUERY).await;
    assert_eq!(client.expect_close(4409).await, "Subscriber for q already exists");
}

#[tokio::test]
async fn a_query_that_was_completed_before_it_resolved_says_nothing() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    let held = held_up(&server).await;
    client.subscribe("q", QUERY).await;
    client.complete("q").await;
    client.expect_silence().await;
    held.rollback().await.expect("the lock is free");
    // What comes after it is answered, and nothing of it before that.
    client.subscribe("r", QUERY).await;
    client.expect("next", "r").await;
    client.expect("complete", "r").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn answers_come_as_they_are_ready_whatever_was_asked_first() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    let held = held_up(&server).await;
    client.subscribe("slow", QUERY).await;
    client.subscribe("fast", "{ people(first: 1) { nodes { name } } }").await;
    client.expect("next", "fast").await;
    client.expect("complete", "fast").await;
    held.rollback().await.expect("the lock is free");
    client.expect("next", "slow").await;
    client.expect("complete", "slow").await;
}

#[tokio::test]
async fn an_operation_is_chosen_by_name_and_takes_variables() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    let query = "query One { __typename } query Two($slug: String!) { projectBySlug(slug: $slug) { slug } }";
    let payload = json!({
        "query": query, "operationName": "Two", "variables": { "slug": "mobile-app" }, "extensions": { "any": 1 },
    });
    client.send(json!({ "id": "v", "type": "subscribe", "payload": payload })).await;
    let payload = client.expect("next", "v").await;
    assert_eq!(payload["data"], json!({ "projectBySlug": { "slug": "mobile-app" } }));
    client.expect("complete", "v").await;
    let payload = json!({ "query": QUERY, "operationName": null, "variables": null, "extensions": null });
    client.send(json!({ "id": "v", "type": "subscribe", "payload": payload })).await;
    client.expect("next", "v").await;
}

#[tokio::test]
async fn a_client_leaves_with_1000_and_takes_its_operations_along() {
    let server = server(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("s", SUBSCRIPTION).await;
    copy(&mut client, "s").await;
    client.send_frame(Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))).await;
    client.expect_close(1000).await;
    let gone = async {
        loop {
            let metrics = reqwest::get(format!("{}/metrics", server.base)).await.expect("an answer");
            let metrics = metrics.text().await.expect("text");
            if metrics.contains("everwire_socket_operations 0") && metrics.contains("everwire_socket_connections 0") {
                return;
            }
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("nothing runs on");
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
