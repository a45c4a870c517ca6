//! What the README shows is what happens: its operations are sent, its statements are run, and the JSON
//! below each must be the answer. `UPDATE_GOLDEN=1` writes the answers anew.

use clap::CommandFactory;
use everwire::config::Arguments;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::Server;

const README: &str = "README.md";

/// A fenced block: its language, its text, and where the text stands.
struct Block<'a> {
    language: &'a str,
    text: &'a str,
    start: usize,
}

fn blocks(readme: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(fence) = readme[at..].find("\n```") {
        let language_start = at + fence + 4;
        let start = language_start + readme[language_start..].find('\n').expect("the end of the fence") + 1;
        let end = start - 1 + readme[start - 1..].find("\n```").expect("a closing fence");
        let text = if end < start { "" } else { &readme[start..end] };
        blocks.push(Block { language: readme[language_start..start].trim(), text, start });
        at = end + 4;
    }
    blocks
}

/// What differs from run to run.
fn without_positions(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let varies = ["sequence", "previous", "transaction"].contains(&name.as_str()) && value.is_string();
                (name.clone(), if varies { json!("varies") } else { without_positions(value) })
            })
            .collect(),
        Value::Array(items) => items.iter().map(without_positions).collect(),
        plain => plain.clone(),
    }
}

/// JSON that a person can read: on one line what fits on one.
fn readable(value: &Value, indent: usize) -> String {
    const WIDTH: usize = 110;
    let line = value.to_string();
    let (open, close, inner): (_, _, Vec<String>) = match value {
        Value::Object(fields) if !fields.is_empty() => {
            let inner = fields.iter().map(|(name, value)| format!("{}: {}", json!(name), readable(value, indent + 2)));
            ('{', '}', inner.collect())
        }
        Value::Array(items) if !items.is_empty() => {
            ('[', ']', items.iter().map(|item| readable(item, indent + 2)).collect())
        }
        _ => return line,
    };
    let one_line = format!("{open} {} {close}", inner.join(", "));
    if one_line.len() + indent <= WIDTH && !one_line.contains('\n') {
        return one_line;
    }
    let margin = " ".repeat(indent + 2);
    format!("{open}\n{margin}{}\n{}{close}", inner.join(&format!(",\n{margin}")), " ".repeat(indent))
}

async fn post(server: &Server, query: &str) -> Value {
    let body = json!({ "query": query });
    let response = reqwest::Client::new().post(format!("{}/graphql", server.base)).json(&body).send().await;
    response.expect("an answer").json().await.expect("JSON")
}

/// The SQL of `psql "…" -c "SQL"`.
fn sql(command: &str) -> Option<&str> {
    command.strip_prefix("psql ")?.split_once("-c \"")?.1.strip_suffix('"')
}

#[tokio::test]
async fn the_readme_shows_what_happens() {
    let server = Server::start(&["--progress-interval", "3600"]).await;
    let pool = server.world.pool().await;
    let readme = std::fs::read_to_string(README).expect("the README");
    let mut socket = Client::ready(&server.base).await;
    let mut answer = None;
    let mut shown = 0;
    let mut updated = String::new();
    let mut copied = 0;
    for block in blocks(&readme) {
        match block.language {
            "graphql" if block.text.starts_with("subscription") => {
                // Of the one before there is nothing more to show.
                socket.complete("readme").await;
                socket.subscribe("readme", block.text).await;
                answer = Some(json!({ "data": socket.expect("next", "readme").await["data"] }));
            }
            "graphql" => answer = Some(post(&server, block.text).await),
            "sh" => {
                if let Some(sql) = sql(block.text) {
                    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.expect("SQL that runs");
                    answer = Some(json!({ "data": socket.expect("next", "readme").await["data"] }));
                }
            }
            "json" => {
                let answer = answer.take().expect("something that was answered");
                updated.push_str(&readme[copied..block.start]);
                updated.push_str(&readable(&answer, 0));
                let newline = if block.text.is_empty() { "\n" } else { "" };
                updated.push_str(newline);
                copied = block.start + block.text.len();
                let written: Value = serde_json::from_str(block.text).unwrap_or_default();
                if std::env::var_os("UPDATE_GOLDEN").is_none() {
                    assert_eq!(without_positions(&answer), without_positions(&written));
                }
                shown += 1;
            }
            _ => {}
        }
    }
    assert!(shown >= 6, "the README shows queries, mutations and a subscription");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        updated.push_str(&readme[copied..]);
        std::fs::write(README, updated).expect("the README");
    }
}

/// The rows of the table of settings, from the flags themselves.
fn settings() -> String {
    let command = Arguments::command();
    let serve = command.find_subcommand("serve").expect("the command serve");
    let mut rows = String::new();
    for argument in serve.get_arguments() {
        let (Some(flag), Some(name)) = (argument.get_long(), argument.get_env()) else { continue };
        let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() { String::new() } else { format!("`{}`", default.join(" ")) };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('\n', " ");
        let help = help.trim_end_matches('.');
        rows.push_str(&format!("| `--{flag}` | `{}` | {default} | {help} |\n", name.to_string_lossy()));
    }
    rows
}

#[test]
fn the_settings_in_the_readme_are_those_of_the_program() {
    const HEAD: &str = "|---|---|---|---|\n";
    let readme = std::fs::read_to_string(README).expect("the README");
    let start = readme.find(HEAD).expect("the table of settings") + HEAD.len();
    let end = start + readme[start..].find("\n\n").map_or(readme.len() - start, |at| at + 1);
    let settings = settings();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(README, format!("{}{settings}{}", &readme[..start], &readme[end..])).expect("the README");
    } else {
        assert_eq!(&readme[start..end], settings, "UPDATE_GOLDEN=1 writes the table anew");
    }
}
