//! How many rows may an operation give? An estimate from above, before anything is asked of the database: each list
//! counts the rows that it may have, times what is selected in each of them.

use crate::error::{Code, Error};
use crate::input::Input;
use crate::model::Returned;
use crate::operation::{Field, Variables};
use crate::schema::{BatchField, ConnectionField, Meaning, Schema};

use super::plan::Limits;

/// Refuses an operation that may give too many rows, naming the root field that costs most.
pub(super) fn check(schema: &Schema, fields: &[Field], variables: &Variables, limits: Limits) -> Result<(), Error> {
    let estimate = Estimate { schema, variables, limits };
    let costs: Vec<u64> = fields.iter().map(|field| estimate.field(field)).collect::<Result<_, _>>()?;
    let cost = costs.iter().fold(0, |sum: u64, cost| sum.saturating_add(*cost));
    if cost <= limits.cost {
        return Ok(());
    }
    let message = format!(
        "the operation may give {cost} rows; {} are allowed (setting: --max-cost): give `first` to the lists in it",
        limits.cost
    );
    let error = Error::new(Code::CostLimit, message);
    Err(match fields.iter().zip(&costs).max_by_key(|(_, cost)| **cost) {
        Some((dearest, _)) => error.at(&dearest.key),
        None => error,
    })
}

struct Estimate<'a> {
    schema: &'a Schema,
    variables: &'a Variables,
    limits: Limits,
}

impl Estimate<'_> {
    fn field(&self, field: &Field) -> Result<u64, Error> {
        let mut inner: u64 = 0;
        for child in field.fields() {
            inner = inner.saturating_add(self.field(child)?);
        }
        if let Meaning::Call(id) = field.meaning
            && let function = self.schema.model.function(id)
            && function.many
            && !matches!(function.returned, Returned::Row(_))
        {
            return Ok(self.rows(field)?.saturating_mul(inner.saturating_add(1)));
        }
        let each = match (field.meaning, field.fields()) {
            (_, []) => return Ok(0),
            // The parts of a list; its rows were counted with the list.
            (Meaning::Connection(_) | Meaning::Batch(_) | Meaning::Aggregate(_), _) => return Ok(inner),
            _ => inner.saturating_add(1),
        };
        let is_list = field.fields().iter().any(|child| {
            matches!(
                child.meaning,
                Meaning::Connection(ConnectionField::Nodes | ConnectionField::Edges)
                    | Meaning::Batch(BatchField::Nodes)
            )
        });
        let has_groups = match field.meaning {
            Meaning::Aggregates(_) | Meaning::RelatedAggregates(_) => {
                let given = field.argument(self.schema, "groupBy", self.variables)?;
                given.is_some_and(|columns| columns != Input::Null && !columns.items().is_empty())
            }
            _ => false,
        };
        Ok(if is_list || has_groups { self.rows(field)?.saturating_mul(each) } else { each })
    }

    /// How many rows a list may have. More than are allowed are refused where the list is read.
    fn rows(&self, field: &Field) -> Result<u64, Error> {
        let written = match field.meaning {
            Meaning::CreateRows(id) | Meaning::PutRows(id) => {
                let given = field.argument(self.schema, &self.schema.model.table(id).names.many, self.variables)?;
                Some(given.map_or(0, |input| input.items().len() as u64))
            }
            Meaning::PatchRows(_) | Meaning::DeleteRows(_) => Some(self.limits.max_rows),
            _ => None,
        };
        if let Some(written) = written {
            return Ok(written);
        }
        for name in ["first", "last"] {
            if let Some(Input::Number(text)) = field.argument(self.schema, name, self.variables)? {
                return Ok(text.parse().unwrap_or(u64::MAX).min(self.limits.max_rows));
            }
        }
        Ok(self.limits.default_rows)
    }
}
