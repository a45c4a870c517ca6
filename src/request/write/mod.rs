//! Plans one write: create, put, patch or delete, of one row or of several.

mod assignments;
mod call;
mod change;
mod create;
mod insert;
mod merge;
mod step;
mod written;

pub use step::{Refusal, Repetition, Step};

use super::plan::{Planner, misplaced};
use crate::error::Error;
use crate::operation::Field;
use crate::schema::Meaning;
use written::Reading;

pub(super) fn step(planner: &Planner<'_>, field: &Field) -> Result<Step, Error> {
    let table = |id| planner.table(id);
    match field.meaning {
        Meaning::Create(id) => create::one(planner, field, table(id))?.answer(planner, field, Reading::AsItIs),
        Meaning::CreateRows(id) => create::several(planner, field, table(id))?.answer(planner, field, Reading::AsItIs),
        Meaning::Put(id) => {
            insert::put_one(planner, field, table(id), &table(id).key)?.answer(planner, field, Reading::AsItIs)
        }
        Meaning::PutByUnique(id, index) => {
            let key = &table(id).unique_keys[index].columns;
            insert::put_one(planner, field, table(id), key)?.answer(planner, field, Reading::AsItIs)
        }
        Meaning::PutRows(id) => insert::put_several(planner, field, table(id))?.answer(planner, field, Reading::AsItIs),
        Meaning::Patch(id) => change::patch_one(planner, field, table(id))?.answer(planner, field, Reading::AsItIs),
        Meaning::PatchRows(id) => {
            change::patch_several(planner, field, table(id))?.answer(planner, field, Reading::AsItIs)
        }
        Meaning::Delete(id) => change::delete_one(planner, field, table(id))?.answer(planner, field, Reading::AsItWas),
        Meaning::DeleteRows(id) => {
            change::delete_several(planner, field, table(id))?.answer(planner, field, Reading::AsItWas)
        }
        Meaning::Call(id) => call::step(planner, field, planner.model().function(id)),
        _ => Err(misplaced(field)),
    }
}
