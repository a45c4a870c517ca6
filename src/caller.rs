//! Who asks? What a caller may see is part of the key of everything that callers share: plans, groups of
//! equal subscriptions, copies.

/// The caller of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The role whose rights the caller has.
    pub role: String,
}

impl Default for Caller {
    /// The one role there is without authentication: the owner of everything.
    fn default() -> Self {
        Self { role: "owner".to_owned() }
    }
}
