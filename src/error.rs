//! Everything that can go wrong, as values: [`StartError`] is one paragraph for the person at the terminal,
//! [`Error`] one GraphQL error with a stable code for the client. A private cause is logged, never sent.

use std::fmt;

/// Why the program cannot start: what failed, which setting is concerned, what to try.
#[derive(Debug)]
pub struct StartError {
    what: String,
    setting: &'static str,
    cure: String,
}

impl StartError {
    /// `what` failed; `setting` is the flag (and environment name) that it hangs on; `cure` is what to try.
    pub fn new(what: impl Into<String>, setting: &'static str, cure: impl Into<String>) -> Self {
        Self { what: what.into(), setting, cure: cure.into() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if !self.setting.is_empty() {
            write!(f, " (setting: {})", self.setting)?;
        }
        write!(f, ". {}", self.cure)
    }
}

impl std::error::Error for StartError {}

/// The stable codes of `extensions.code`. A retired code is never used again: `LIMIT_EXCEEDED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body, URL or frame is not a GraphQL request.
    BadRequest,
    /// No document of this hash was sent before: send its text with the hash.
    PersistedQueryNotFound,
    /// The server learns no documents from clients: send the text.
    PersistedQueryNotSupported,
    /// The hash sent is not that of the text sent.
    PersistedQueryMismatch,
    /// No document of this id is listed.
    DocumentNotFound,
    /// The server takes listed documents only.
    DocumentNotAllowed,
    /// The document is not GraphQL.
    Parse,
    /// The document does not fit the schema.
    Validation,
    /// A variable or argument has a value that its type does not allow.
    BadUserInput,
    /// The body of a POST is larger than the server takes.
    BodyTooLarge,
    /// The body of a POST did not arrive in time.
    BodyTimeout,
    /// The document's text is too long.
    DocumentTooLarge,
    /// The document has too many tokens.
    TokensLimit,
    /// The document, or the value of a variable, nests braces and brackets too deeply.
    NestingLimit,
    /// The operation selects too many fields.
    FieldsLimit,
    /// The operation selects too many levels.
    DepthLimit,
    /// The operation has too many root fields.
    RootFieldsLimit,
    /// The operation may give too many rows, all lists within lists counted.
    CostLimit,
    /// One list, or one write, is asked for too many rows.
    RowsLimit,
    /// A list is asked to skip too many rows.
    OffsetLimit,
    /// A list is ordered by too many columns.
    OrderLimit,
    /// The operation has more values than one statement can hold.
    ValuesLimit,
    /// The subscription follows too many tables.
    TablesLimit,
    /// As many sockets are open as may be.
    ConnectionsLimit,
    /// The copies that wait on the server's disk take as much as they may.
    SpoolLimit,
    /// The name of a field in the response is longer than Postgres takes.
    ResponseKeyTooLong,
    /// The connection runs as many operations as it may.
    OperationsLimit,
    /// A cursor that this list and order did not make.
    Cursor,
    /// The row is not as the client said it would be (`ifMatch`).
    Conflict,
    /// Unique or exclusion constraint.
    DataConflict,
    /// Foreign key.
    DataReference,
    /// NOT NULL.
    DataNull,
    /// CHECK constraint or domain.
    DataCheck,
    /// A value that Postgres does not accept for the type.
    DataInvalid,
    /// The database role may not do this.
    Forbidden,
    /// Another transaction was in the way (deadlock, serialization); trying again helps.
    Retry,
    /// The statement ran into the time limit.
    Timeout,
    /// The database, or the feed of changes, cannot be reached just now.
    Unavailable,
    /// Something that this database or table does not offer; the message says why and what to do.
    Unsupported,
    /// The database was altered: what was asked for is not there any more, or not as it was.
    SchemaChanged,
    /// A defect of the server.
    Internal,
}

impl Code {
    /// The text in `extensions.code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::PersistedQueryMismatch => "PERSISTED_QUERY_MISMATCH",
            Self::DocumentNotFound => "DOCUMENT_NOT_FOUND",
            Self::DocumentNotAllowed => "DOCUMENT_NOT_ALLOWED",
            Self::Parse => "GRAPHQL_PARSE_FAILED",
            Self::Validation => "GRAPHQL_VALIDATION_FAILED",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::BodyTimeout => "BODY_TIMEOUT",
            Self::DocumentTooLarge => "DOCUMENT_TOO_LARGE",
            Self::TokensLimit => "TOKENS_LIMIT_EXCEEDED",
            Self::NestingLimit => "NESTING_LIMIT_EXCEEDED",
            Self::FieldsLimit => "FIELDS_LIMIT_EXCEEDED",
            Self::DepthLimit => "DEPTH_LIMIT_EXCEEDED",
            Self::RootFieldsLimit => "ROOT_FIELDS_LIMIT_EXCEEDED",
            Self::CostLimit => "COST_LIMIT_EXCEEDED",
            Self::RowsLimit => "ROWS_LIMIT_EXCEEDED",
            Self::OffsetLimit => "OFFSET_LIMIT_EXCEEDED",
            Self::OrderLimit => "ORDER_LIMIT_EXCEEDED",
            Self::ValuesLimit => "VALUES_LIMIT_EXCEEDED",
            Self::TablesLimit => "TABLES_LIMIT_EXCEEDED",
            Self::ConnectionsLimit => "CONNECTIONS_LIMIT_EXCEEDED",
            Self::SpoolLimit => "SPOOL_LIMIT_EXCEEDED",
            Self::ResponseKeyTooLong => "RESPONSE_KEY_TOO_LONG",
            Self::OperationsLimit => "OPERATIONS_LIMIT_EXCEEDED",
            Self::Cursor => "BAD_CURSOR",
            Self::Conflict => "CONFLICT",
            Self::DataConflict => "DATA_CONFLICT",
            Self::DataReference => "DATA_REFERENCE",
            Self::DataNull => "DATA_NULL",
            Self::DataCheck => "DATA_CHECK",
            Self::DataInvalid => "DATA_INVALID",
            Self::Forbidden => "FORBIDDEN",
            Self::Retry => "RETRY",
            Self::Timeout => "TIMEOUT",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unsupported => "UNSUPPORTED",
            Self::SchemaChanged => "SCHEMA_CHANGED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Bytes of a message.
const LONGEST_MESSAGE: usize = 1_000;

/// Whether a statement failed with this SQLSTATE because what it names is no longer there or has another type.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub fn is_stale(sqlstate: &str) -> bool {
    // undefined: table, column, object (type), function (operator); schema; datatype mismatch, cannot coerce.
    ["42P01", "42703", "42704", "42883", "42804", "42846", "3F000"].contains(&sqlstate)
}

/// One GraphQL error.
#[derive(Debug, Clone)]
pub struct Error {
    /// Stable code.
    pub code: Code,
    /// What is wrong and what to change.
    pub message: String,
    /// The response key of the root field concerned, if one is.
    pub path: Option<String>,
    /// Line and column in the document, both from 1.
    pub locations: Vec<(usize, usize)>,
    /// Which rule of the database was broken, if one was.
    pub rule: Option<Box<BrokenRule>>,
}

/// A rule of the database that a write broke.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokenRule {
    /// The constraint's name.
    pub constraint: Option<String>,
    /// The column, where one is concerned.
    pub column: Option<String>,
}

impl Error {
    /// An error without place. A long message, which repeats what a client sent, is cut.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST_MESSAGE {
            message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
            message.push('…');
        }
        Self { code, message, path: None, locations: Vec::new(), rule: None }
    }

    /// The same error at a root field.
    #[must_use]
    pub fn at(mut self, response_key: &str) -> Self {
        self.path.get_or_insert_with(|| response_key.to_owned());
        self
    }

    /// As the specification's error object.
    pub fn to_json(&self) -> serde_json::Value {
        let mut extensions = serde_json::json!({ "code": self.code.as_str() });
        let BrokenRule { constraint, column } = self.rule.as_deref().cloned().unwrap_or_default();
        for (name, value) in [("constraint", constraint), ("column", column)] {
            if let Some(value) = value {
                extensions[name] = value.into();
            }
        }
        let mut error = serde_json::json!({ "message": self.message });
        if let Some(path) = &self.path {
            error["path"] = serde_json::json!([path]);
        }
        if !self.locations.is_empty() {
            error["locations"] = self
                .locations
                .iter()
                .map(|(line, column)| serde_json::json!({ "line": line, "column": column }))
                .collect();
        }
        error["extensions"] = extensions;
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}
