//! What does the log say next? A temporary slot of our own and the stream from it, or the stream from the history
//! slot; the only file that knows the replication library. The temporary slot is gone with its connection,
//! whatever ends it, so it never fills a disk.

use std::time::Duration;

use bytes::Bytes;
use pgwire_replication::{
    Lsn as WireLsn, PgWireError, ReplicationClient, ReplicationConfig, ReplicationEvent, SslMode, TlsConfig,
};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::decode::Unreadable;
use super::publication::PUBLICATION;
use super::watch::ALTERED;
use crate::selection::SESSION;
use crate::sequence::Lsn;

/// How often positions are acknowledged at most.
const ACKNOWLEDGE: Duration = Duration::from_millis(250);
/// How long a stop may take; after that the connection is cut.
const PARTING: Duration = Duration::from_secs(3);

/// A stream from a slot.
pub(super) struct Slot {
    client: ReplicationClient,
}

/// A slot just made.
pub(super) struct Opened {
    pub(super) slot: Slot,
    /// Which cluster and which timeline.
    pub(super) system: String,
    pub(super) timeline: u32,
    /// Every transaction that commits from here on is in the stream.
    pub(super) begin: Lsn,
}

/// What the stream tells.
pub(super) enum Event {
    Begin {
        lsn: Lsn,
        xid: u32,
        /// Since 2000.
        micros: i64,
    },
    /// A message of `pgoutput`.
    Data(Bytes),
    Commit {
        end_lsn: Lsn,
    },
    /// Within a transaction: it altered the database.
    Altered,
    /// All commits that end up to here have been told.
    Position(Lsn),
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlotError {
    #[error("the database address cannot be read: {0}")]
    Address(String),
    #[error("{0}")]
    Wire(#[from] PgWireError),
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error("the log cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    #[error("the stream ended")]
    Ended,
}

impl SlotError {
    /// Another connection reads from the slot (55006, object_in_use).
    pub(super) fn is_slot_in_use(&self) -> bool {
        matches!(self, Self::Wire(error) if error.to_string().contains("55006"))
    }
}

impl Slot {
    /// Makes a slot and starts the stream.
    pub(super) async fn open(database_url: &str) -> Result<Opened, SlotError> {
        let name = format!("everwire_{:016x}", rand::random::<u64>());
        let mut client = ReplicationClient::connect_gated(config(database_url, &name)?).await?;
        let system = client.identify_system().await?;
        let create = format!("CREATE_REPLICATION_SLOT {name} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT");
        let rows = client.simple_query(&create).await?;
        let begin = rows.first().and_then(|row| row.get(1)?.as_ref());
        let begin = begin.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let begin = begin.ok_or_else(|| SlotError::Address("the slot has no position".to_owned()))?;
        client.start().await?;
        client.wait_started().await?;
        Ok(Opened { slot: Self { client }, system: system.system_id, timeline: system.timeline, begin })
    }

    /// Streams from a slot that exists, from `from` on, without telling it that anything is no longer needed:
    /// `confirmed` is where it stands and stays.
    pub(super) async fn attach(database_url: &str, name: &str, from: Lsn, confirmed: Lsn) -> Result<Self, SlotError> {
        let config = config(database_url, name)?.with_start_lsn(WireLsn(from.0)).with_ack_lsn(WireLsn(confirmed.0));
        let mut client = ReplicationClient::connect(config).await?;
        client.wait_started().await?;
        Ok(Self { client })
    }

    /// The next event. Dropping the future loses nothing as long as the stream lives.
    pub(super) async fn next(&mut self) -> Result<Event, SlotError> {
        loop {
            let event = self.client.recv().await?.ok_or(SlotError::Ended)?;
            return Ok(match event {
                ReplicationEvent::Begin { final_lsn, xid, commit_time_micros } => {
                    Event::Begin { lsn: Lsn(final_lsn.0), xid, micros: commit_time_micros }
                }
                ReplicationEvent::XLogData { data, .. } => Event::Data(data),
                ReplicationEvent::Commit { end_lsn, .. } => Event::Commit { end_lsn: Lsn(end_lsn.0) },
                ReplicationEvent::KeepAlive { wal_end, .. } => Event::Position(Lsn(wal_end.0)),
                ReplicationEvent::Message { prefix, .. } if prefix == ALTERED => Event::Altered,
                ReplicationEvent::Message { .. } => continue,
                ReplicationEvent::StoppedAt { .. } => return Err(SlotError::Ended),
            });
        }
    }

    /// Tells the database that the log up to here is no longer needed.
    pub(super) fn acknowledge(&self, lsn: Lsn) {
        self.client.update_applied_lsn(WireLsn(lsn.0));
    }

    /// Ends the stream; the slot goes with the connection.
    pub(super) async fn close(mut self) {
        if tokio::time::timeout(PARTING, self.client.shutdown()).await.is_err() {
            self.client.abort();
        }
    }
}

fn config(database_url: &str, slot: &str) -> Result<ReplicationConfig, SlotError> {
    let refused = |error: &dyn std::fmt::Display| SlotError::Address(error.to_string());
    let options: PgConnectOptions = database_url.parse().map_err(|error: sqlx::Error| refused(&error))?;
    // The one way to the password that sqlx found (address, environment or .pgpass) is its own address.
    let url = options.to_url_lossy();
    let password = url.password().map(percent_decode).unwrap_or_default();
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    let port = options.get_port();
    let config = match options.get_socket() {
        Some(folder) => {
            ReplicationConfig::unix(folder.to_string_lossy(), port, user, password, database, slot, PUBLICATION)
        }
        None => ReplicationConfig::new(options.get_host(), user, password, database, slot, PUBLICATION)
            .with_port(port)
            .with_tls(tls(options.get_ssl_mode(), database_url)),
    };
    Ok(config
        .with_options(startup_options(options.get_options()))
        .with_status_interval(ACKNOWLEDGE)
        .with_application_name("everwire"))
}

fn tls(mode: PgSslMode, database_url: &str) -> TlsConfig {
    let mode = match mode {
        PgSslMode::Disable => SslMode::Disable,
        PgSslMode::Allow | PgSslMode::Prefer => SslMode::Prefer,
        PgSslMode::Require => SslMode::Require,
        PgSslMode::VerifyCa => SslMode::VerifyCa,
        PgSslMode::VerifyFull => SslMode::VerifyFull,
    };
    let url = Url::parse(database_url).ok();
    let parameter = |names: &[&str]| {
        let mut pairs = url.as_ref()?.query_pairs();
        pairs.find(|(name, _)| names.contains(&name.as_ref())).map(|(_, value)| value.into_owned().into())
    };
    TlsConfig {
        mode,
        ca_pem_path: parameter(&["sslrootcert", "ssl-root-cert", "ssl-ca"]),
        client_cert_pem_path: parameter(&["sslcert", "ssl-cert"]),
        client_key_pem_path: parameter(&["sslkey", "ssl-key"]),
        ..TlsConfig::default()
    }
}

/// The address's own options and then the session's settings, which nothing may override.
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS>
fn startup_options(own: Option<&str>) -> String {
    let mut options = own.unwrap_or_default().to_owned();
    for (name, value) in SESSION {
        let value = value.replace('\\', "\\\\").replace(' ', "\\ ");
        options.push_str(&format!(" -c {name}={value}"));
    }
    options
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_as_sqlx_reads_it() {
        let config =
            config("postgres://us%40er:p%20w+%26%2F@db.example:6543/my%20db?sslmode=verify-ca&sslrootcert=ca.pem", "s");
        let config = config.unwrap();
        assert_eq!((config.user.as_str(), config.password.as_str()), ("us@er", "p w+&/"));
        assert_eq!((config.host.as_str(), config.port, config.database.as_str()), ("db.example", 6543, "my db"));
        assert_eq!(config.tls.mode, SslMode::VerifyCa);
        assert_eq!(config.tls.ca_pem_path, Some("ca.pem".into()));
    }

    #[test]
    fn a_folder_is_a_socket() {
        let config = config("postgres:///board?host=/run/postgresql&user=a", "s").unwrap();
        assert!(config.is_unix_socket());
        assert_eq!((config.user.as_str(), config.database.as_str()), ("a", "board"));
    }

    #[test]
    fn spaces_in_settings_are_escaped() {
        assert!(startup_options(None).contains(r"-c DateStyle=ISO,\ MDY "));
        assert!(startup_options(Some("-c search_path=x")).starts_with("-c search_path=x -c TimeZone=UTC"));
    }
}
