//! Who asks? Part of the key of everything that is shared between requests, since what a caller may see
//! decides what a plan, a document or a stream of changes holds.

/// The caller of an operation. Today every caller has the one role that the server's database user has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller {
    /// The role.
    pub role: String,
}

impl Default for Caller {
    fn default() -> Self {
        Self { role: "owner".to_owned() }
    }
}
