//! Contracts as files: each folder of `tests/golden/<area>` is a case, sent to a real server over the example
//! database and compared with what is written down there.
//!
//! - `request.graphql`, and `variables.json` if it takes any: what is sent by POST.
//! - `response.json`: what must come back, laid out anew but token for token: numbers keep their digits and fields
//!   their order. A status other than 200 stands in it as `status`.
//! - `given.graphql`: a mutation before it, which must succeed. `then.graphql`, `then.json`: a query after it, and
//!   its answer.
//! - `ignore.json`: JSON pointers to values that differ from run to run, in any of the case's answers: a generated
//!   key, a time, a transaction. They must be there and not be null, and are written as `"*"`.
//!
//! The cases of an area run one after the other on one server, by name; none leans on another's rows. With
//! `UPDATE_GOLDEN=1` the answers are written instead of compared.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Client;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use crate::layout::{Json, difference};
use crate::world::Server;

/// The type whose status tells a refused request from an executed one.
const MEDIA: &str = "application/graphql-response+json";

#[tokio::test]
async fn queries() {
    area("queries").await;
}

#[tokio::test]
async fn mutations() {
    area("mutations").await;
}

#[tokio::test]
async fn errors() {
    area("errors").await;
}

#[tokio::test]
async fn documents() {
    area("documents").await;
}

async fn area(name: &str) {
    let server = Server::start(&[]).await;
    let http = Client::new();
    let folder = Path::new("tests/golden").join(name);
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&folder).expect("a folder of cases").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "{} has no cases", folder.display());
    let mut wrong = Vec::new();
    for folder in cases {
        let case = Case { folder, http: &http, url: format!("{}/graphql", server.base) };
        wrong.extend(case.run().await);
    }
    assert!(wrong.is_empty(), "{} answers are not as written down:\n\n{}", wrong.len(), wrong.join("\n"));
}

struct Case<'a> {
    folder: PathBuf,
    http: &'a Client,
    url: String,
}

impl Case<'_> {
    /// What is wrong, if anything is.
    async fn run(&self) -> Vec<String> {
        if let Some(given) = self.read("given.graphql") {
            let answer = self.send(&given, None).await;
            assert!(!answer.contains("\"errors\""), "{}: given.graphql fails: {answer}", self.folder.display());
        }
        let request = self.read("request.graphql").expect("a request.graphql");
        let answer = self.send(&request, self.read("variables.json").as_deref()).await;
        let mut wrong: Vec<String> = self.compare("response.json", &answer).into_iter().collect();
        if let Some(then) = self.read("then.graphql") {
            let answer = self.send(&then, None).await;
            wrong.extend(self.compare("then.json", &answer));
        }
        wrong
    }

    async fn send(&self, query: &str, variables: Option<&str>) -> String {
        // Put together as text: a number in variables.json goes out as it is written there.
        let query = serde_json::Value::from(query);
        let body = format!(r#"{{"query":{query},"variables":{}}}"#, variables.unwrap_or("null"));
        let request = self.http.post(&self.url).header(CONTENT_TYPE, "application/json").header(ACCEPT, MEDIA);
        let response = request.body(body).send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        if status == 200 { text } else { text.replacen('{', &format!(r#"{{"status":{status},"#), 1) }
    }

    fn compare(&self, file: &str, answer: &str) -> Option<String> {
        let mut answer = Json::parse(answer);
        for pointer in self.ignored() {
            answer.ignore(&pointer);
        }
        let (path, found) = (self.folder.join(file), answer.to_string());
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            fs::write(&path, found).expect("the golden file can be written");
            return None;
        }
        match fs::read_to_string(&path) {
            Ok(expected) if expected == found => None,
            Ok(expected) => Some(format!("{}\n{}", path.display(), difference(&expected, &found))),
            Err(_) => Some(format!("{} is missing; UPDATE_GOLDEN=1 writes it:\n{found}", path.display())),
        }
    }

    fn ignored(&self) -> Vec<String> {
        let text = self.read("ignore.json");
        text.map(|text| serde_json::from_str(&text).expect("a list of JSON pointers")).unwrap_or_default()
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }
}
