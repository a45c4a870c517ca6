//! Is a database ready to be served? Reads settings and catalog, changes nothing, and says of each finding
//! what it costs and what to do about it.

use sqlx::{PgPool, Row};

use crate::model::{Model, Nature, ReplicaIdentity, Table};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Something is served less well than it could be.
    Warning,
    /// There can be no subscriptions.
    Problem,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What is the case, and what it means.
    pub what: String,
    /// What to do about it.
    pub cure: String,
}

impl Finding {
    fn new(severity: Severity, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { severity, what: what.into(), cure: cure.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        };
        write!(f, "{severity}: {}. {}", self.what, self.cure)
    }
}

/// Everything worth saying about a database, what matters most first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn findings(pool: &PgPool, model: &Model) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = replication(pool).await?;
    findings.extend(tables(model));
    findings.extend(model.clashes.iter().map(|clash| {
        Finding::new(Severity::Note, clash, "Rename one of the two in the database, or name it in a comment (docs/database.md), if the name matters to you.")
    }));
    findings.extend(model.ignored.iter().map(|ignored| {
        let what = format!("Ignored: {ignored}");
        Finding::new(Severity::Warning, what, "Correct the comment; docs/database.md says what it may hold.")
    }));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(findings)
}

const REPLICATION: &str = "SELECT current_setting('server_version_num')::int AS version, current_setting('wal_level') AS wal_level, \
         current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots)::int AS slots, \
         current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication)::int AS senders, \
         (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may_replicate, \
         has_database_privilege(current_database(), 'CREATE') OR EXISTS (SELECT FROM pg_publication \
           WHERE pubname = 'everwire') AS may_publish, \
         current_setting('max_slot_wal_keep_size') AS kept, current_user::text AS role";

/// What the feed of changes needs of the server and the role.
/// <https://www.postgresql.org/docs/current/logical-replication-config.html>
async fn replication(pool: &PgPool) -> Result<Vec<Finding>, sqlx::Error> {
    let row = sqlx::query(REPLICATION).fetch_one(pool).await?;
    let (role, kept): (String, String) = (row.try_get("role")?, row.try_get("kept")?);
    let wal_level: String = row.try_get("wal_level")?;
    let mut found = Vec::new();
    let mut problem = |is: bool, what: String, cure: String| {
        if is {
            found.push(Finding::new(Severity::Problem, what, cure));
        }
    };
    let version: i32 = row.try_get("version")?;
    problem(
        version < 140_000,
        format!("The server is Postgres {}", version / 10_000),
        "Use Postgres 14 or newer.".into(),
    );
    problem(
        wal_level != "logical",
        format!("wal_level is {wal_level}, so the log does not tell which rows changed: no subscriptions"),
        "ALTER SYSTEM SET wal_level = logical, then restart Postgres.".into(),
    );
    problem(
        row.try_get::<i32, _>("slots")? < 1,
        "No replication slot is free: no subscriptions".into(),
        "Drop a slot that nobody uses (pg_drop_replication_slot), or raise max_replication_slots and restart Postgres."
            .into(),
    );
    problem(
        row.try_get::<i32, _>("senders")? < 1,
        "No WAL sender is free: no subscriptions".into(),
        "Raise max_wal_senders and restart Postgres.".into(),
    );
    problem(
        !row.try_get::<bool, _>("may_replicate")?,
        format!("The role {role} may not replicate: no subscriptions"),
        format!("ALTER ROLE {role} REPLICATION."),
    );
    problem(
        !row.try_get::<bool, _>("may_publish")?,
        format!("The role {role} may not create a publication: no subscriptions"),
        format!("GRANT CREATE ON DATABASE … TO {role}, and let it own the tables."),
    );
    if kept == "-1" {
        found.push(Finding::new(
            Severity::Warning,
            "max_slot_wal_keep_size is -1, so a slot that nobody reads can fill the disk",
            "ALTER SYSTEM SET max_slot_wal_keep_size = '4GB', and SELECT pg_reload_conf().",
        ));
    }
    Ok(found)
}

fn tables(model: &Model) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (_, table) in model.tables() {
        findings.extend(match table.nature {
            Nature::Plain | Nature::Partitioned => of_table(table),
            Nature::View | Nature::MaterializedView | Nature::Foreign => of_view(table),
        });
    }
    findings
}

fn of_table(table: &Table) -> Vec<Finding> {
    let name = table.sql.quoted();
    let warning = |what: String, cure: String| Finding::new(Severity::Warning, what, cure);
    if table.key.is_empty() {
        let what = format!("{name} has no primary key: it can be listed, but not written or followed");
        return vec![warning(what, "Add a primary key.".to_owned())];
    }
    if table.has_computed_key() {
        let what = format!("{name} cannot be followed: Postgres computes its key, and the log has no computed columns");
        return vec![warning(what, "Make a stored column the primary key.".to_owned())];
    }
    if table.inherited {
        let what = format!(
            "{name} cannot be followed, since other tables inherit from it: the log does not tell of them under its name"
        );
        return vec![warning(what, "Follow the tables that inherit from it; or partition it instead.".to_owned())];
    }
    let mut findings = Vec::new();
    if !table.owned {
        findings.push(warning(
            format!("{name} belongs to another role: it can be followed only if the publication `everwire` has it"),
            format!("Let its owner run ALTER PUBLICATION everwire ADD TABLE {name}, or own it."),
        ));
    }
    if table.replica_identity != ReplicaIdentity::Full {
        findings.push(warning(
            format!("{name} does not have REPLICA IDENTITY FULL: a change arrives as PUT instead of PATCH, to every subscription of the table"),
            format!("ALTER TABLE {name} REPLICA IDENTITY FULL, or start with --replica-identity full."),
        ));
    }
    findings
}

/// What the log does not tell of.
fn of_view(table: &Table) -> Vec<Finding> {
    let name = table.sql.quoted();
    let (what, command) = match table.nature {
        Nature::MaterializedView => ("a materialized view", "MATERIALIZED VIEW"),
        Nature::Foreign => ("a foreign table", "FOREIGN TABLE"),
        Nature::View | Nature::Plain | Nature::Partitioned => ("a view", "VIEW"),
    };
    let log = format!("{name} is {what}: the log does not tell of it, so it cannot be followed");
    let mut findings =
        vec![Finding::new(Severity::Note, log, "Follow the tables that its rows come from, several with `sync`.")];
    if table.key.is_empty() {
        findings.push(Finding::new(
            Severity::Note,
            format!("{name} declares no key: it can be listed, but a row cannot be asked for by its key"),
            format!("COMMENT ON {command} {name} IS '@graphql({{\"primary_key_columns\": [\"id\"]}})', with columns of its own."),
        ));
    } else if table.nature == Nature::Foreign && !table.writable {
        findings.push(Finding::new(
            Severity::Note,
            format!("{name} cannot be written: its wrapper does not insert, update and delete"),
            "Write it where it is; postgres_fdw does, unless the option `updatable` is 'false'.",
        ));
    }
    findings
}
