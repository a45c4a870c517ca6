//! Several tables followed over the socket, with the operations of the example database.

use serde_json::{Value, json};

use crate::client::Client;
use crate::world::Server;

const PROJECT: &str = "20000000-0000-4000-8000-000000000006";

async fn post(server: &Server, query: &str) -> Value {
    let body = json!({ "query": query });
    let response = reqwest::Client::new().post(format!("{}/graphql", server.base)).json(&body).send().await;
    response.expect("an answer").json().await.expect("JSON")
}

#[tokio::test]
async fn a_request_of_several_mutations_is_one_message() {
    let server = Server::start(&["--progress-interval", "3600"]).await;
    let mut client = Client::ready(&server.base).await;
    let query = |since: &str| {
        format!(
            "subscription {{ board: sync{since} {{ sequence reset transaction
                projects(where: {{id: {{eq: \"{PROJECT}\"}}}}) {{ op ... on ProjectPatch {{ changed patch {{ name }} }} }}
                tasks(where: {{projectId: {{eq: \"{PROJECT}\"}}}}) {{ op key {{ id }} ... on TaskPut {{ task {{ title }} }} }}
                comments(where: {{id: {{eq: \"0\"}}}}) {{ op }} }} }}"
        )
    };
    client.subscribe("1", &query("")).await;
    let copy = &client.expect("next", "1").await["data"]["board"];
    assert_eq!((&copy["reset"], copy["projects"].as_array().map(Vec::len)), (&json!("START"), Some(1)));
    assert!(copy["tasks"].as_array().is_some_and(|tasks| tasks.len() > 1));

    let mutation = format!(
        "mutation {{ patchProject(id: \"{PROJECT}\", patch: {{name: \"Another name\"}}) {{ id }}
            createTask(task: {{projectId: \"{PROJECT}\", authorId: \"{{author}}\", title: \"Both at once\"}}) {{ id }} }}"
    );
    let people = post(&server, "{ people(first: 1) { nodes { id } } }").await;
    let author = people["data"]["people"]["nodes"][0]["id"].as_str().expect("a person");
    let written = post(&server, &mutation.replace("{author}", author)).await;
    let message = &client.expect("next", "1").await["data"]["board"];
    assert_eq!(message["transaction"], written["extensions"]["transaction"]);
    assert_eq!(
        message["projects"],
        json!([{ "op": "PATCH", "changed": ["name"], "patch": { "name": "Another name" } }])
    );
    let task = &written["data"]["createTask"]["id"];
    assert_eq!(message["tasks"], json!([{ "op": "PUT", "key": { "id": task }, "task": { "title": "Both at once" } }]));
    assert_eq!(message["comments"], json!([]));

    // Another connection goes on from before it and gets the same.
    let since = copy["sequence"].as_str().expect("a position");
    let mut late = Client::ready(&server.base).await;
    late.subscribe("1", &query(&format!("(since: \"{since}\")"))).await;
    assert_eq!(late.expect("next", "1").await["data"]["board"], *message);
    client.expect_silence().await;
}

#[tokio::test]
async fn a_relation_is_refused_and_the_message_says_what_to_do() {
    let server = Server::start(&[]).await;
    let mut client = Client::ready(&server.base).await;
    client.subscribe("1", "subscription { tasks { changes { ... on TaskPut { task { project { name } } } } } }").await;
    let errors = client.expect("error", "1").await;
    assert_eq!(errors[0]["extensions"]["code"], "UNSUPPORTED");
    assert!(
        errors[0]["message"].as_str().is_some_and(|message| message.contains("both tables with `sync`")),
        "{errors}"
    );
}
