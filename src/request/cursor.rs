//! A row's place in a list of one order, as opaque text: base64 of a JSON array of the order's signature
//! and the row's values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::order::Order;
use crate::error::{Code, Error};
use crate::sql::Statement;

/// Prints the cursor of the row called `alias`.
pub(super) fn write(order: &Order<'_>, alias: &str, sql: &mut Statement) {
    sql.keyword("pg_catalog.translate(pg_catalog.encode(pg_catalog.convert_to(pg_catalog.json_build_array('");
    sql.expression(&order.signature()).keyword("'::text");
    for term in &order.terms {
        sql.keyword(", ");
        order.write_column(term, alias, sql);
        sql.keyword("::text");
    }
    sql.keyword(")::text, 'UTF8'), 'base64'), E'\\n', '')");
}

/// Reads the values of a cursor of this order.
pub(super) fn read(order: &Order<'_>, text: &str) -> Result<Vec<Option<String>>, Error> {
    let refused = || {
        let message = "this cursor is of another list or another order: take one of a page with the same `orderBy`";
        Error::new(Code::Cursor, message)
    };
    let bytes = STANDARD.decode(text).map_err(|_| refused())?;
    let mut values: Vec<Option<String>> = serde_json::from_slice(&bytes).map_err(|_| refused())?;
    if values.len() != order.terms.len() + 1 || values[0].as_deref() != Some(&order.signature()) {
        return Err(refused());
    }
    values.remove(0);
    if values.iter().flatten().any(|value| value.contains('\0')) {
        return Err(refused());
    }
    Ok(values)
}
