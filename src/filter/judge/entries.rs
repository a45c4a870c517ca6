//! What is in an `hstore`, and what has another of it? A NULL is a value like others there.
//! <https://www.postgresql.org/docs/current/hstore.html#HSTORE-OPS-FUNCS>

use std::collections::HashMap;

use crate::filter::Containment;
use crate::sql::hstore_entries;

/// The keys with their values.
pub(super) type Entries = HashMap<String, Option<String>>;

pub(super) fn read(text: &str) -> Entries {
    hstore_entries(text).into_iter().collect()
}

/// Whether it holds between two of them.
pub(super) fn hold(containment: Containment, own: &Entries, other: &Entries) -> bool {
    let has = |whole: &Entries, part: &Entries| part.iter().all(|(key, value)| whole.get(key) == Some(value));
    match containment {
        Containment::Contains => has(own, other),
        Containment::ContainedBy => has(other, own),
        Containment::Overlaps => other.iter().any(|(key, value)| own.get(key) == Some(value)),
    }
}
