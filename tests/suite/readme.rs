//! What the README and the pages in docs/ show is what happens: their operations are sent, their statements are
//! run, and the JSON below each must be the answer. `UPDATE_GOLDEN=1` writes the answers anew. SQL at the start of a
//! page makes the tables that it speaks of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use everwire::config::Arguments;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::client::Client;
use crate::world::{Server, World};

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

/// What the next block of JSON shows.
enum Shown {
    Nothing,
    Answer(Value),
    /// The next message of the subscription, once what was run has its effect.
    Message,
}

/// A page on its way through a server of its own, block by block.
struct Page {
    server: Server,
    pool: PgPool,
    socket: Client,
    shown: Shown,
}

impl Page {
    /// SQL that stands before all else is part of the database that is served.
    async fn open(blocks: &[Block<'_>]) -> Self {
        let world = World::start().await;
        let pool = world.pool().await;
        for block in blocks.iter().take_while(|block| block.language == "sql") {
            run_sql(&pool, block.text).await;
        }
        let server = Server::over(world, &["--progress-interval", "3600"]).await;
        let socket = Client::ready(&server.base).await;
        Self { server, pool, socket, shown: Shown::Nothing }
    }

    /// Does what the block says; gives the answer where one is shown.
    async fn go_on(&mut self, block: &Block<'_>) -> Option<Value> {
        match block.language {
            "graphql" if block.text.starts_with("subscription") => {
                // Of the one before there is nothing more to show.
                self.socket.complete("page").await;
                self.socket.subscribe("page", block.text).await;
                self.shown = Shown::Message;
            }
            "graphql" => self.shown = Shown::Answer(post(&self.server, block.text).await),
            "sh" => {
                if let Some(sql) = sql(block.text) {
                    run_sql(&self.pool, sql).await;
                    self.shown = Shown::Message;
                }
            }
            "sql" => {
                run_sql(&self.pool, block.text).await;
                self.shown = Shown::Message;
            }
            "json" => {
                return match std::mem::replace(&mut self.shown, Shown::Nothing) {
                    Shown::Nothing => panic!("JSON that answers nothing: {}", block.text),
                    Shown::Answer(answer) => Some(answer),
                    Shown::Message => Some(json!({ "data": self.socket.expect("next", "page").await["data"] })),
                };
            }
            _ => {}
        }
        None
    }
}

async fn run_sql(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.expect("SQL that runs");
}

/// Follows the page from top to bottom; gives the number of answers that it shows.
async fn follow(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).expect("the page");
    let blocks = blocks(&text);
    let sql = blocks.iter().take_while(|block| block.language == "sql").count();
    let mut page = Page::open(&blocks).await;
    let mut updated = String::new();
    let mut copied = 0;
    let mut shown = 0;
    for block in &blocks[sql..] {
        let Some(answer) = page.go_on(block).await else { continue };
        shown += 1;
        updated.push_str(&text[copied..block.start]);
        updated.push_str(&readable(&answer, 0));
        updated.push_str(if block.text.is_empty() { "\n" } else { "" });
        copied = block.start + block.text.len();
        let written: Value = serde_json::from_str(block.text).unwrap_or_default();
        if std::env::var_os("UPDATE_GOLDEN").is_none() {
            assert_eq!(without_positions(&answer), without_positions(&written), "in {}", path.display());
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        updated.push_str(&text[copied..]);
        std::fs::write(path, updated).expect("the page");
    }
    shown
}

#[tokio::test]
async fn the_readme_shows_what_happens() {
    let shown = follow(Path::new(README)).await;
    assert!(shown >= 6, "the README shows queries, mutations and a subscription");
}

#[tokio::test]
async fn every_page_of_the_documentation_shows_what_happens() {
    let pages = std::fs::read_dir("docs").expect("the folder of the documentation");
    let shows = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\n```json\n"));
    let paths: Vec<PathBuf> = pages.map(|page| page.expect("a page").path()).filter(shows).collect();
    // Each waits for its server most of the time.
    join_all(paths.iter().map(|path| follow(path))).await;
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

#[test]
fn the_readme_lists_every_code() {
    let readme = std::fs::read_to_string(README).expect("the README");
    let source = std::fs::read_to_string("src/error.rs").expect("the codes");
    let codes = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\","));
    let missing: Vec<&str> = codes.clone().filter(|code| !readme.contains(&format!("`{code}`"))).collect();
    assert!(codes.count() > 30 && missing.is_empty(), "{missing:?}");
}

/// The names of tests in the tables of docs/protocol.md are those of the tests that there are.
#[test]
fn each_rule_of_the_protocol_names_its_test() {
    let page = std::fs::read_to_string("docs/protocol.md").expect("the page");
    let is_name = |name: &&str| {
        name.contains('_') && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
    };
    let named: BTreeSet<&str> = page
        .split('`')
        .filter(is_name)
        .filter(|name| *name != "connection_init" && *name != "connection_ack")
        .collect();
    let sources = ["protocol.rs", "sockets.rs"]
        .map(|file| std::fs::read_to_string(format!("tests/suite/{file}")).expect("the tests"));
    let tests: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.split("#[tokio::test]\nasync fn ").skip(1))
        .filter_map(|test| test.split('(').next())
        .collect();
    assert!(named.len() > 25 && named.is_subset(&tests), "{:?}", named.difference(&tests));
}
