//! The embedded Postgres, for real: started, stopped, killed, and healthy again each time.
//!
//! A process that is to be killed is this test binary itself, told by a variable to be the holder of a cluster.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use everwire::embedded::{Cluster, ClusterOptions, migrate, running_url};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown, geteuid};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// Names the data folder to the holder.
const HOLDER: &str = "EVERWIRE_TEST_HOLDER";

/// Far more than anything here takes, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(60);

fn options(data_dir: &Path) -> ClusterOptions {
    ClusterOptions {
        data_dir: data_dir.to_owned(),
        port: 0,
        database: "everwire".to_owned(),
        settings: vec![("fsync".to_owned(), "off".to_owned()), ("shared_buffers".to_owned(), "16MB".to_owned())],
    }
}

async fn start(data_dir: &Path) -> Cluster {
    Cluster::start(&options(data_dir)).await.expect("the cluster starts")
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("the address works")
}

async fn write_row(url: &str) {
    let mut connection = connect(url).await;
    for statement in ["CREATE TABLE proof (word text)", "INSERT INTO proof VALUES ('kept')"] {
        sqlx::query(statement).execute(&mut connection).await.expect("it is written");
    }
}

async fn assert_row_kept(url: &str) {
    let mut connection = connect(url).await;
    let word: String =
        sqlx::query_scalar("SELECT word FROM proof").fetch_one(&mut connection).await.expect("the row is there");
    assert_eq!(word, "kept");
}

/// Waits for something that another process does and that announces itself in no other way.
fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !happened() {
        assert!(Instant::now() < limit, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Another process that runs the cluster of a folder; killed when dropped.
struct Holder {
    process: Child,
}

impl Holder {
    fn start(data_dir: &Path) -> Holder {
        Self::spawn(Command::new(std::env::current_exe().expect("our path")), data_dir)
    }

    fn spawn(mut command: Command, data_dir: &Path) -> Holder {
        let process = command
            .args(["--exact", "holder", "--ignored", "--nocapture"])
            .env(HOLDER, data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary runs");
        Holder { process }
    }

    /// The address, once it is there.
    fn url(&mut self) -> String {
        let output = BufReader::new(self.process.stdout.take().expect("piped"));
        output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ready ").map(str::to_owned))
            .expect("the holder got ready")
    }

    fn kill(mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "the other process of the tests below; does nothing by itself"]
async fn holder() {
    let Some(data_dir) = std::env::var_os(HOLDER) else {
        return;
    };
    let cluster = start(Path::new(&data_dir)).await;
    println!("\nready {}", cluster.url());
    println!("ended {}", cluster.ended().await);
}

fn postmaster_id(data_dir: &Path) -> Pid {
    let text = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid")).expect("it runs");
    Pid::from_raw(text.lines().next().expect("a line").parse().expect("a number"))
}

#[tokio::test]
async fn starts_again_at_once_after_a_clean_stop() {
    let folder = TempDir::new().expect("a folder");
    let first = start(folder.path()).await;
    let url = first.url().to_owned();
    write_row(&url).await;
    assert_eq!(running_url(folder.path()).expect("it runs"), url);
    first.stop().await;
    running_url(folder.path()).expect_err("nothing runs");

    let second = start(folder.path()).await;
    assert_row_kept(second.url()).await;
    second.stop().await;
}

#[tokio::test]
async fn is_set_up_for_logical_replication_and_predictable_text() {
    let folder = TempDir::new().expect("a folder");
    let cluster = start(folder.path()).await;
    let mut connection = connect(cluster.url()).await;
    let settings: (String, String, String, String) = sqlx::query_as(
        "SELECT current_setting('wal_level'), current_setting('server_encoding'),
                current_setting('TimeZone'), datcollate
         FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(&mut connection)
    .await
    .expect("settings");
    let expected = ["logical", "UTF8", "UTC", "C"];
    let settings = [settings.0, settings.1, settings.2.replace("Etc/", ""), settings.3];
    assert_eq!(settings, expected);
    let refused = cluster.url().replace("postgres://postgres:", "postgres://postgres:x");
    PgConnection::connect(&refused).await.expect_err("a wrong password is refused");
    cluster.stop().await;
}

#[tokio::test]
async fn survives_a_killed_holder() {
    let folder = TempDir::new().expect("a folder");
    let mut holder = Holder::start(folder.path());
    write_row(&holder.url()).await;
    holder.kill();

    let cluster = start(folder.path()).await;
    assert_row_kept(cluster.url()).await;
    cluster.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn postgres_ends_with_a_killed_holder() {
    let folder = TempDir::new().expect("a folder");
    let mut holder = Holder::start(folder.path());
    holder.url();
    holder.kill();
    wait_until("the end of Postgres", || !folder.path().join("cluster/postmaster.pid").exists());
}

#[tokio::test]
async fn survives_a_killed_postgres() {
    let folder = TempDir::new().expect("a folder");
    let cluster = start(folder.path()).await;
    write_row(cluster.url()).await;
    // Its backend may outlive the server for a moment; the next server must wait for it.
    let _open = connect(cluster.url()).await;
    kill(postmaster_id(folder.path()), Signal::SIGKILL).expect("it can be killed");
    assert!(cluster.ended().await.contains("signal: 9"));
    drop(cluster);

    let cluster = start(folder.path()).await;
    assert_row_kept(cluster.url()).await;
    cluster.stop().await;
}

#[tokio::test]
async fn survives_a_kill_in_the_middle_of_creation() {
    let folder = TempDir::new().expect("a folder");
    let holder = Holder::start(folder.path());
    wait_until("the beginning of initdb", || has_draft_with_files(folder.path()));
    holder.kill();
    assert!(!folder.path().join("cluster").exists(), "it was killed in the middle");

    let cluster = start(folder.path()).await;
    write_row(cluster.url()).await;
    cluster.stop().await;
    let cluster = start(folder.path()).await;
    assert_row_kept(cluster.url()).await;
    cluster.stop().await;
}

fn has_draft_with_files(data_dir: &Path) -> bool {
    let entries = std::fs::read_dir(data_dir).expect("the folder");
    entries.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("cluster-new-") && entry.path().join("PG_VERSION").exists()
    })
}

#[tokio::test]
async fn a_second_server_on_one_folder_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let mut holder = Holder::start(folder.path());
    let url = holder.url();
    let refusal = Cluster::start(&options(folder.path())).await.expect_err("the folder is held").to_string();
    assert!(refusal.contains(&holder.process.id().to_string()), "{refusal}");
    assert!(refusal.contains("--data-dir / EVERWIRE_DATA_DIR"), "{refusal}");
    write_row(&url).await;
    assert_eq!(running_url(folder.path()).expect("the first one runs"), url);
}

#[tokio::test]
async fn a_stale_file_of_a_reused_process_number_is_no_obstacle() {
    let folder = TempDir::new().expect("a folder");
    let cluster = start(folder.path()).await;
    write_row(cluster.url()).await;
    let file = folder.path().join("cluster/postmaster.pid");
    let text = std::fs::read_to_string(&file).expect("it runs");
    let (_, rest) = text.split_once('\n').expect("lines");
    let stale = format!("{}\n{rest}", std::process::id());
    cluster.stop().await;
    std::fs::write(&file, stale).expect("written");
    if let Some(user) = server_user() {
        chown(&file, Some(user.uid), Some(user.gid)).expect("owned");
    }

    let cluster = start(folder.path()).await;
    assert_row_kept(cluster.url()).await;
    cluster.stop().await;
}

#[tokio::test]
async fn takes_its_port_again_if_it_is_free_and_another_if_not() {
    let folder = TempDir::new().expect("a folder");
    let first = start(folder.path()).await;
    let port = url::Url::parse(first.url()).expect("a URL").port().expect("a port");
    first.stop().await;

    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let second = start(folder.path()).await;
    assert!(!second.url().contains(&format!(":{port}/")));
    second.stop().await;
    let mut fixed = options(folder.path());
    fixed.port = port;
    let refusal = Cluster::start(&fixed).await.expect_err("the port is taken");
    assert!(refusal.to_string().contains(&port.to_string()), "{refusal}");

    drop(taken);
    let third = Cluster::start(&fixed).await.expect("the port is free");
    assert!(third.url().contains(&format!(":{port}/")));
    third.stop().await;
}

#[tokio::test]
async fn says_what_postgres_says_when_it_does_not_start() {
    let folder = TempDir::new().expect("a folder");
    let mut wrong = options(folder.path());
    wrong.settings.push(("no_such_setting".to_owned(), "1".to_owned()));
    let refusal = Cluster::start(&wrong).await.expect_err("a wrong setting").to_string();
    assert!(refusal.contains("no_such_setting"), "{refusal}");
}

#[tokio::test]
async fn secrets_are_for_their_owner_only() {
    let folder = TempDir::new().expect("a folder");
    let cluster = start(folder.path()).await;
    for file in ["password", "url", "postgres.log"] {
        let mode = std::fs::metadata(folder.path().join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    cluster.stop().await;
}

fn server_user() -> Option<User> {
    let named = |name| User::from_name(name).ok().flatten();
    geteuid().is_root().then(|| named("postgres").or_else(|| named("nobody")))?
}

/// As an ordinary user all the other tests prove this.
#[tokio::test]
async fn works_for_an_ordinary_user_too() {
    if !geteuid().is_root() {
        return;
    }
    let user = User::from_name("nobody").expect("users").expect("nobody");
    let folder = TempDir::new().expect("a folder");
    chown(folder.path(), Some(user.uid), Some(user.gid)).expect("owned");
    // The folder of the build may be closed to others.
    let binary = folder.path().join("holder");
    std::fs::copy(std::env::current_exe().expect("our path"), &binary).expect("copied");
    let data_dir = folder.path().join("data");

    for run in 0..2 {
        let mut command = Command::new(&binary);
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).current_dir("/");
        let mut holder = Holder::spawn(command, &data_dir);
        let url = holder.url();
        if run == 0 {
            write_row(&url).await;
        }
        assert_row_kept(&url).await;
        holder.kill();
    }
}

#[tokio::test]
async fn the_example_database_can_be_applied_at_every_start() {
    let folder = TempDir::new().expect("a folder");
    let cluster = start(folder.path()).await;
    for _ in 0..2 {
        migrate(cluster.url()).await.expect("the migrations run");
    }
    let mut connection = connect(cluster.url()).await;
    let without_full: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
           AND relreplident <> 'f' AND relname <> '_sqlx_migrations'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("tables");
    assert!(without_full.is_empty(), "{without_full:?}");
    let without_comment: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s.%s', relname, attname) FROM pg_attribute
           JOIN pg_class ON pg_class.oid = attrelid
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> '_sqlx_migrations'
           AND attnum > 0 AND NOT attisdropped
           AND (col_description(attrelid, attnum) IS NULL OR obj_description(attrelid, 'pg_class') IS NULL)",
    )
    .fetch_all(&mut connection)
    .await
    .expect("columns");
    assert!(without_comment.is_empty(), "{without_comment:?}");
    cluster.stop().await;
}
