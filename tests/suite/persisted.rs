//! Documents that are named instead of sent: by their hash, once a client has sent them (automatic persisted
//! queries), and by the id or hash under which they are listed.

use std::fs;
use std::io::{self, Write};

use reqwest::Client as Http;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::client::Client;
use crate::world::Server;

const QUERY: &str = "{ tasks(first: 1, orderBy: [{id: ASC}]) { nodes { title } } }";
/// `printf %s "$QUERY" | sha256sum`
const HASH: &str = "e955687d9a96b8574968ccf91a101b137f5e1c5478016778dd88db59c3e65640";
const SUBSCRIPTION: &str = "subscription { tasks(where: {status: {eq: DOING}}) { reset more } }";
const MUTATION: &str = "mutation($title: String!) { patchTask(id: \"30000000-0000-4000-8000-000000000001\", \
     patch: {title: $title}) { title } }";

fn hashed(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

async fn post(server: &Server, body: Value) -> Value {
    let request = Http::new().post(format!("{}/graphql", server.base)).json(&body);
    request.send().await.expect("an answer").json().await.expect("JSON")
}

async fn get(server: &Server, parameters: &[(&str, &str)]) -> (u16, Value) {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let response = Http::new().get(format!("{}/graphql?{query}", server.base)).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

fn title(answer: &Value) -> &str {
    answer["data"]["tasks"]["nodes"][0]["title"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Sends a request over the socket; gives the payload of its `next` message, or its errors as an answer.
async fn over_socket(client: &mut Client, payload: Value) -> Value {
    client.send(json!({ "id": "p", "type": "subscribe", "payload": payload })).await;
    let mut message = client.next_message().await;
    match message["type"].as_str() {
        Some("error") => json!({ "errors": message["payload"].take() }),
        Some("next") => {
            client.complete("p").await;
            message["payload"].take()
        }
        other => panic!("{other:?}: {message}"),
    }
}

#[tokio::test]
async fn a_document_sent_once_is_known_by_its_hash_whichever_way_it_comes() {
    let server = Server::start(&[]).await;
    let unknown = post(&server, json!({ "extensions": hashed(HASH) })).await;
    let error = json!({ "message": "PersistedQueryNotFound", "extensions": { "code": "PERSISTED_QUERY_NOT_FOUND" } });
    assert_eq!(unknown, json!({ "errors": [error] }));
    let extensions = hashed(HASH).to_string();
    assert_eq!(code(&get(&server, &[("extensions", &extensions)]).await.1), "PERSISTED_QUERY_NOT_FOUND");
    let mut client = Client::ready(&server.base).await;
    let by_hash = json!({ "extensions": hashed(HASH) });
    assert_eq!(code(&over_socket(&mut client, by_hash.clone()).await), "PERSISTED_QUERY_NOT_FOUND");

    let (status, first) = get(&server, &[("query", QUERY), ("extensions", &extensions)]).await;
    assert_eq!(status, 200);
    let first = title(&first);
    assert_eq!(title(&post(&server, by_hash.clone()).await), first);
    assert_eq!(title(&get(&server, &[("extensions", &extensions)]).await.1), first);
    assert_eq!(title(&over_socket(&mut client, by_hash).await), first);
}

#[tokio::test]
async fn what_is_not_valid_is_not_learned() {
    let server = Server::start(&[]).await;
    let other = "0".repeat(64);
    let mismatch = post(&server, json!({ "query": QUERY, "extensions": hashed(&other) })).await;
    assert_eq!(code(&mismatch), "PERSISTED_QUERY_MISMATCH");
    // `printf '{ nonsense }' | sha256sum`
    let nonsense = hashed("4192c01ccf5574e380efb7a52661db6adc2d9cc27133b858407daa9bf7de783a");
    let sent = post(&server, json!({ "query": "{ nonsense }", "extensions": nonsense.clone() })).await;
    assert_eq!(code(&sent), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(code(&post(&server, json!({ "extensions": nonsense })).await), "PERSISTED_QUERY_NOT_FOUND");
    let version = json!({ "persistedQuery": { "version": 2, "sha256Hash": HASH } });
    assert_eq!(code(&post(&server, json!({ "query": QUERY, "extensions": version })).await), "BAD_REQUEST");
}

#[tokio::test]
async fn a_server_may_learn_nothing() {
    let server = Server::start(&["--persisted-query-bytes", "0"]).await;
    let unknown = post(&server, json!({ "extensions": hashed(HASH) })).await;
    assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_SUPPORTED");
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotSupported");
    title(&post(&server, json!({ "query": QUERY, "extensions": hashed(HASH) })).await);
}

/// As GraphQL Code Generator writes it.
fn list() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    let documents = json!({ "first-task": QUERY, "live": SUBSCRIPTION, "rename": MUTATION });
    write!(file, "{documents}").expect("a file that takes text");
    file
}

#[tokio::test]
async fn listed_documents_are_named_by_id_or_by_hash() {
    let list = list();
    let server = Server::start(&["--documents", list.path().to_str().expect("a path")]).await;
    let first = post(&server, json!({ "query": QUERY })).await;
    let sha256 = format!("sha256:{HASH}");
    for id in ["first-task", HASH, sha256.as_str()] {
        assert_eq!(post(&server, json!({ "documentId": id })).await, first);
        assert_eq!(get(&server, &[("documentId", id)]).await, (200, first.clone()));
    }
    assert_eq!(post(&server, json!({ "extensions": hashed(HASH) })).await, first);
    let renamed = post(&server, json!({ "documentId": "rename", "variables": { "title": "Renamed" } })).await;
    assert_eq!(renamed["data"]["patchTask"]["title"], "Renamed");
    let variables = [("documentId", "rename"), ("variables", "{\"title\":\"x\"}")];
    assert_eq!(get(&server, &variables).await.0, 405, "a mutation stays one");
    assert_eq!(code(&post(&server, json!({ "documentId": "unknown" })).await), "DOCUMENT_NOT_FOUND");
    let mut client = Client::ready(&server.base).await;
    let live = over_socket(&mut client, json!({ "documentId": "live" })).await;
    assert_eq!(live["data"]["tasks"]["reset"], "START");
}

#[tokio::test]
async fn only_listed_documents_are_taken_where_the_setting_says_so() {
    let list = list();
    let path = list.path().to_str().expect("a path");
    let server = Server::start(&["--documents", path, "--only-documents"]).await;
    let mut client = Client::ready(&server.base).await;
    title(&post(&server, json!({ "documentId": "first-task" })).await);
    // Word for word the listed one.
    title(&post(&server, json!({ "query": QUERY })).await);
    for refused in [
        json!({ "query": "{ __typename }" }),
        json!({ "query": format!("{QUERY} ") }),
        json!({ "query": "{ __schema { types { name } } }" }),
        json!({ "query": "{ nonsense }", "extensions": hashed("4192c01ccf5574e380efb7a52661db6adc2d9cc27133b858407daa9bf7de783a") }),
        json!({ "extensions": hashed(&"0".repeat(64)) }),
    ] {
        assert_eq!(code(&post(&server, refused.clone()).await), "DOCUMENT_NOT_ALLOWED");
        assert_eq!(code(&over_socket(&mut client, refused).await), "DOCUMENT_NOT_ALLOWED");
    }
    assert_eq!(code(&over_socket(&mut client, json!({ "documentId": "other" })).await), "DOCUMENT_NOT_FOUND");
    let live = over_socket(&mut client, json!({ "documentId": "live" })).await;
    assert_eq!(live["data"]["tasks"]["reset"], "START");
}

/// What the program logs from now on, line by line.
struct Log(UnboundedReceiver<String>);

impl Log {
    fn take() -> Self {
        let (sender, lines) = unbounded_channel();
        let log = tracing_subscriber::fmt().with_env_filter("everwire=info").with_ansi(false);
        log.with_writer(move || Lines(sender.clone())).init();
        Self(lines)
    }

    /// The next line with this in it.
    async fn line(&mut self, part: &str) -> String {
        loop {
            let line = tokio::time::timeout(std::time::Duration::from_secs(30), self.0.recv()).await;
            match line.expect("a line in time").expect("a log") {
                line if line.contains(part) => return line,
                _ => {}
            }
        }
    }
}

struct Lines(UnboundedSender<String>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_list_is_read_again_when_the_program_is_told_to_and_taken_whole_or_not_at_all() {
    let mut log = Log::take();
    let list = list();
    let path = list.path().to_str().expect("a path");
    let server = Server::start(&["--documents", path, "--only-documents", "--progress-interval", "3600"]).await;
    let mut client = Client::ready(&server.base).await;
    client.send(json!({ "id": "live", "type": "subscribe", "payload": { "documentId": "live" } })).await;
    assert_eq!(client.expect("next", "live").await["data"]["tasks"]["reset"], "START");
    let hangup = || nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).expect("a signal");

    let half = json!({ "other": "{ __typename }", "broken": 1 }).to_string();
    for broken in [Some(half.as_str()), Some("{\"other\": \"{ __type"), None] {
        match broken {
            Some(text) => fs::write(path, text).expect("a file that takes text"),
            None => fs::remove_file(path).expect("a file to remove"),
        }
        hangup();
        let line = log.line("the listed documents stay as they were").await;
        assert!(line.contains("ERROR") && line.contains(path), "{line}");
        title(&post(&server, json!({ "documentId": "first-task" })).await);
        assert_eq!(code(&post(&server, json!({ "documentId": "other" })).await), "DOCUMENT_NOT_FOUND");
    }

    let whole = json!({ "other": "{ __typename }", "unfit": "{ nonsense }" }).to_string();
    fs::write(path, whole).expect("a file that takes text");
    hangup();
    assert!(log.line("does not fit the schema").await.contains("unfit"));
    assert!(log.line("the listed documents were read again").await.contains("documents=2"));
    assert_eq!(post(&server, json!({ "documentId": "other" })).await["data"], json!({ "__typename": "Query" }));
    assert_eq!(code(&post(&server, json!({ "documentId": "first-task" })).await), "DOCUMENT_NOT_FOUND");
    assert_eq!(code(&post(&server, json!({ "query": QUERY })).await), "DOCUMENT_NOT_ALLOWED");
    // What was begun by the list of before goes on.
    let update = "UPDATE task SET title = 'x' WHERE id = (SELECT id FROM task WHERE status = 'doing' LIMIT 1)";
    sqlx::raw_sql(update).execute(&server.world.pool().await).await.expect("a change");
    assert_eq!(client.expect("next", "live").await["data"]["tasks"], json!({ "reset": null, "more": false }));
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_said_at_the_start() {
    let mut broken = NamedTempFile::new().expect("a file");
    write!(broken, "{}", json!({ "id": 1 })).expect("a file that takes text");
    for path in ["/nowhere/persisted-documents.json", broken.path().to_str().expect("a path")] {
        let server = Server::start(&["--documents", path]).await;
        let error = server.stopped.await.expect("an end").expect_err("no start").to_string();
        assert!(error.contains(path) && error.contains("--documents"), "{error}");
    }
}
