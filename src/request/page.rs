//! Prints a connection: a page of a list, with what is asked of it, as one expression that gives a JSON object.
//! <https://relay.dev/graphql/connections.htm>

use super::cursor;
use super::order::{Order, Walk};
use super::plan::{Planner, misplaced};
use super::rows::{Origin, Rows, write_join, write_key, write_typename};
use crate::error::{Code, Error};
use crate::filter::Filter;
use crate::input::Input;
use crate::model::{Model, Table};
use crate::operation::Field;
use crate::schema::{ConnectionField, Meaning};
use crate::sql::{QualifiedName, Statement};

/// The number of a row, from 1, in the direction walked; beside the columns of a table, hence no name that one has.
const NUMBER: &str = "everwire number";
/// The row's cursor, likewise.
const CURSOR: &str = "everwire cursor";

/// The arguments of a list.
struct Page<'a> {
    filter: Filter,
    order: Order<'a>,
    walk: Walk,
    rows: u64,
    /// Walk on from the row with these values, in the direction walked.
    start: Option<Vec<Option<String>>>,
    /// Stop at the row with these values: `before` of a forward page, `after` of a backward one.
    stop: Option<Vec<Option<String>>>,
    offset: u64,
}

impl<'a> Page<'a> {
    fn read(planner: &Planner<'a>, field: &Field, table: &'a Table) -> Result<Self, Error> {
        let rows = |name: &str| rows_argument(planner, field, name);
        let (walk, rows) = match (rows("first")?, rows("last")?) {
            (Some(_), Some(_)) => {
                return Err(Error::new(Code::BadUserInput, "give `first` or `last`, not both"));
            }
            (first, None) => (Walk::Forwards, first.unwrap_or(planner.limits.default_rows)),
            (None, Some(last)) => (Walk::Backwards, last),
        };
        let filter = match planner.argument(field, "where")? {
            Some(input) => Filter::read(planner.model(), table, &input)?,
            None => Filter::everything(),
        };
        let order = Order::read(planner.model(), table, planner.argument(field, "orderBy")?.as_ref())?;
        let place = |name: &str| match planner.argument(field, name)? {
            Some(Input::String(text)) => cursor::read(&order, &text).map(Some),
            _ => Ok(None),
        };
        let (after, before) = (place("after")?, place("before")?);
        let (start, stop) = match walk {
            Walk::Forwards => (after, before),
            Walk::Backwards => (before, after),
        };
        let offset = offset_argument(planner, field)?.unwrap_or(0);
        Ok(Self { filter, order, walk, rows, start, stop, offset })
    }

    /// The number of the page's last row among those after `start`: numbers count what `offset` leaves out.
    fn last_number(&self) -> u64 {
        self.offset + self.rows
    }

    fn write_where(&self, model: &Model, table: &Table, alias: &str, origin: Origin<'_>, sql: &mut Statement) {
        sql.keyword(" WHERE ");
        if let Origin::Related(parent) = origin {
            write_join(model, parent, table, alias, sql);
            sql.keyword(" AND ");
        }
        self.filter.write(model, table, alias, sql);
    }
}

/// `first` or `last`.
pub(super) fn rows_argument(planner: &Planner<'_>, field: &Field, name: &str) -> Result<Option<u64>, Error> {
    number(planner, field, name, planner.limits.max_rows, (Code::RowsLimit, "--max-rows"))
}

/// `offset`.
pub(super) fn offset_argument(planner: &Planner<'_>, field: &Field) -> Result<Option<u64>, Error> {
    number(planner, field, "offset", planner.limits.max_offset, (Code::OffsetLimit, "--max-offset"))
}

fn number(
    planner: &Planner<'_>,
    field: &Field,
    name: &str,
    most: u64,
    (code, setting): (Code, &str),
) -> Result<Option<u64>, Error> {
    let Some(input) = planner.argument(field, name)? else { return Ok(None) };
    let Input::Number(text) = &input else { return Ok(None) };
    let number = text
        .parse::<u64>()
        .map_err(|_| Error::new(Code::BadUserInput, format!("`{name}` is {text}: it must not be negative")))?;
    if number > most {
        let message = format!("`{name}` is {number}: {most} is the most that is allowed (setting: {setting})");
        return Err(Error::new(code, message));
    }
    Ok(Some(number))
}

/// What the selection needs of the page's rows.
#[derive(Default)]
struct Needs {
    /// The rows themselves: the selections of `nodes` and of `edges { node }`.
    rows: bool,
    cursors: bool,
    /// Whether one row beyond the page exists.
    beyond: bool,
    numbers: bool,
}

impl Needs {
    fn of(fields: &[Field], walk: Walk) -> Self {
        let mut needs = Self { numbers: walk == Walk::Backwards, ..Self::default() };
        for field in fields {
            match field.meaning {
                Meaning::Connection(ConnectionField::Nodes) => needs.rows = true,
                Meaning::Connection(ConnectionField::Edges | ConnectionField::PageInfo) => {
                    needs.rows = true;
                    for inner in field.fields() {
                        match inner.meaning {
                            Meaning::Connection(ConnectionField::Cursor) => needs.cursors = true,
                            Meaning::Connection(ConnectionField::StartCursor | ConnectionField::EndCursor) => {
                                needs.cursors = true;
                                needs.numbers = true;
                            }
                            Meaning::Connection(ConnectionField::HasNextPage | ConnectionField::HasPreviousPage) => {
                                needs.beyond = true;
                                needs.numbers = true;
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        needs
    }
}

/// Prints the connection that `field` selects.
pub(super) fn write<'a>(
    rows: &mut Rows<'a>,
    field: &Field,
    table: &'a Table,
    origin: Origin<'_>,
    sql: &mut Statement,
) -> Result<(), Error> {
    let page = Page::read(&rows.planner, field, table)?;
    let needs = Needs::of(field.fields(), page.walk);
    let (alias, object) = (rows.alias(), rows.alias());
    // The rows stand behind the columns in the text, but the objects made of them are named in both.
    let mut tail = Statement::new();
    std::mem::swap(&mut tail.binds, &mut sql.binds);
    tail.keyword(" FROM (");
    write_rows(rows, &page, &needs, table, origin, &mut tail);
    tail.keyword(") AS ").identifier(&alias);
    let mut connection = Connection { page: &page, needs: &needs, table, origin, alias: &alias, tail };
    let mut head = Statement::new();
    for (index, field) in field.fields().iter().enumerate() {
        if index > 0 {
            head.keyword(", ");
        }
        connection.write_field(rows, field, &mut head)?;
        write_key(field, &mut head)?;
    }
    sql.keyword("SELECT pg_catalog.row_to_json(").identifier(&object).keyword(") FROM (SELECT ");
    sql.expression(&head.text);
    if needs.rows {
        // One row, although nothing may have been asked for that is counted over the page's rows.
        sql.expression(&connection.tail.text).keyword(" HAVING true");
    }
    sql.keyword(") AS ").identifier(&object);
    std::mem::swap(&mut connection.tail.binds, &mut sql.binds);
    Ok(())
}

/// Prints the statement of the page's rows: all columns, and the numbers and cursors that are needed.
fn write_rows(
    rows: &mut Rows<'_>,
    page: &Page<'_>,
    needs: &Needs,
    table: &Table,
    origin: Origin<'_>,
    sql: &mut Statement,
) {
    if !needs.rows {
        return;
    }
    let alias = rows.alias();
    sql.keyword("SELECT ").identifier(&alias).keyword(".*");
    if needs.numbers {
        sql.keyword(", pg_catalog.row_number() OVER (");
        page.order.write(&alias, page.walk, sql);
        sql.keyword(") AS ").identifier(NUMBER);
    }
    if needs.cursors {
        sql.keyword(", ");
        cursor::write(&page.order, &alias, sql);
        sql.keyword(" AS ").identifier(CURSOR);
    }
    sql.keyword(" FROM ");
    origin.write(table, sql);
    sql.keyword(" AS ").identifier(&alias);
    page.order.write_joins(&alias, sql);
    page.write_where(rows.planner.model(), table, &alias, origin, sql);
    let back = match page.walk {
        Walk::Forwards => Walk::Backwards,
        Walk::Backwards => Walk::Forwards,
    };
    for (walk, place) in [(page.walk, &page.start), (back, &page.stop)] {
        if let Some(values) = place {
            sql.keyword(" AND ");
            page.order.write_after(&alias, walk, values, sql);
        }
    }
    page.order.write(&alias, page.walk, sql);
    let count = page.rows + u64::from(needs.beyond);
    let bigint = QualifiedName::builtin("int8");
    sql.keyword(" LIMIT ").bind(Some(count.to_string()), &bigint);
    if page.offset > 0 {
        sql.keyword(" OFFSET ").bind(Some(page.offset.to_string()), &bigint);
    }
}

struct Connection<'a, 'p> {
    page: &'p Page<'a>,
    needs: &'p Needs,
    table: &'a Table,
    origin: Origin<'p>,
    alias: &'p str,
    /// ` FROM …`; each object made of a row is joined to it. Holds the binds of the whole statement.
    tail: Statement,
}

impl<'a> Connection<'a, '_> {
    fn write_field(&mut self, rows: &mut Rows<'a>, field: &Field, head: &mut Statement) -> Result<(), Error> {
        let name = &self.table.names.type_name;
        match field.meaning {
            Meaning::Typename => write_typename(&format!("{name}Connection"), head),
            Meaning::Connection(ConnectionField::Nodes) => {
                let object =
                    self.join(rows, |rows, table, alias, tail| rows.write_fields(field.fields(), table, alias, tail))?;
                self.write_list(&object, head);
            }
            Meaning::Connection(ConnectionField::Edges) => {
                let alias = self.alias.to_owned();
                let object = self.join(rows, |rows, table, row, tail| {
                    for (index, inner) in field.fields().iter().enumerate() {
                        if index > 0 {
                            tail.keyword(", ");
                        }
                        match inner.meaning {
                            Meaning::Typename => write_typename(&format!("{}Edge", table.names.type_name), tail),
                            Meaning::Connection(ConnectionField::Cursor) => {
                                tail.column(&alias, CURSOR);
                            }
                            Meaning::Connection(ConnectionField::Node) => {
                                let node = rows.alias();
                                tail.keyword("(SELECT pg_catalog.row_to_json(")
                                    .identifier(&node)
                                    .keyword(") FROM (SELECT ");
                                rows.write_fields(inner.fields(), table, row, tail)?;
                                tail.keyword(") AS ").identifier(&node).keyword(")");
                            }
                            _ => return Err(misplaced(inner)),
                        }
                        write_key(inner, tail)?;
                    }
                    Ok(())
                })?;
                self.write_list(&object, head);
            }
            Meaning::Connection(ConnectionField::TotalCount) => self.write_count(rows, head),
            Meaning::Connection(ConnectionField::PageInfo) => self.write_page_info(rows, field, head)?,
            _ => return Err(misplaced(field)),
        }
        Ok(())
    }

    /// Makes an object of each row of the page; gives its alias.
    fn join(
        &mut self,
        rows: &mut Rows<'a>,
        fields: impl FnOnce(&mut Rows<'a>, &'a Table, &str, &mut Statement) -> Result<(), Error>,
    ) -> Result<String, Error> {
        let object = rows.alias();
        self.tail.keyword(" CROSS JOIN LATERAL (SELECT ");
        fields(rows, self.table, self.alias, &mut self.tail)?;
        self.tail.keyword(") AS ").identifier(&object);
        Ok(object)
    }

    fn write_list(&mut self, object: &str, head: &mut Statement) {
        head.keyword("coalesce(pg_catalog.json_agg(pg_catalog.row_to_json(").identifier(object).keyword(")");
        if self.page.walk == Walk::Backwards {
            head.keyword(" ORDER BY ").column(self.alias, NUMBER).keyword(" DESC");
        }
        head.keyword(")");
        if self.needs.beyond {
            head.keyword(" FILTER (WHERE ").column(self.alias, NUMBER).keyword(" <= ");
            self.write_last_number(head);
            head.keyword(")");
        }
        head.keyword(", '[]')");
    }

    /// Binds the number of the page's last row. The binds of the whole statement are the tail's.
    fn write_last_number(&mut self, head: &mut Statement) {
        std::mem::swap(&mut head.binds, &mut self.tail.binds);
        head.bind(Some(self.page.last_number().to_string()), &QualifiedName::builtin("int8"));
        std::mem::swap(&mut head.binds, &mut self.tail.binds);
    }

    fn write_count(&mut self, rows: &mut Rows<'a>, head: &mut Statement) {
        let alias = rows.alias();
        std::mem::swap(&mut head.binds, &mut self.tail.binds);
        head.keyword("(SELECT pg_catalog.count(*) FROM ");
        self.origin.write(self.table, head);
        head.keyword(" AS ").identifier(&alias);
        self.page.write_where(rows.planner.model(), self.table, &alias, self.origin, head);
        head.keyword(")");
        std::mem::swap(&mut head.binds, &mut self.tail.binds);
    }

    fn write_page_info(&mut self, rows: &mut Rows<'_>, field: &Field, head: &mut Statement) -> Result<(), Error> {
        let object = rows.alias();
        head.keyword("(SELECT pg_catalog.row_to_json(").identifier(&object).keyword(") FROM (SELECT ");
        for (index, inner) in field.fields().iter().enumerate() {
            if index > 0 {
                head.keyword(", ");
            }
            match inner.meaning {
                Meaning::Typename => write_typename("PageInfo", head),
                Meaning::Connection(meaning) => self.write_page_field(meaning, head),
                _ => return Err(misplaced(inner)),
            }
            write_key(inner, head)?;
        }
        head.keyword(") AS ").identifier(&object).keyword(")");
        Ok(())
    }

    fn write_page_field(&mut self, meaning: ConnectionField, head: &mut Statement) {
        let page = self.page;
        let ahead = match page.walk {
            Walk::Forwards => ConnectionField::HasNextPage,
            Walk::Backwards => ConnectionField::HasPreviousPage,
        };
        let first = match page.walk {
            Walk::Forwards => ConnectionField::StartCursor,
            Walk::Backwards => ConnectionField::EndCursor,
        };
        match meaning {
            // The row of the cursor that the walk stops at follows the page.
            ConnectionField::HasNextPage | ConnectionField::HasPreviousPage
                if meaning == ahead && page.stop.is_some() =>
            {
                head.keyword("true");
            }
            ConnectionField::HasNextPage | ConnectionField::HasPreviousPage if meaning == ahead => {
                head.keyword("coalesce(pg_catalog.max(").column(self.alias, NUMBER).keyword(") > ");
                self.write_last_number(head);
                head.keyword(", false)");
            }
            // What was walked past: the row of the cursor itself, or those left out by `offset`.
            ConnectionField::HasNextPage | ConnectionField::HasPreviousPage => {
                head.keyword(if page.start.is_some() || page.offset > 0 { "true" } else { "false" });
            }
            ConnectionField::StartCursor | ConnectionField::EndCursor => {
                head.keyword("(pg_catalog.array_agg(").column(self.alias, CURSOR).keyword(" ORDER BY ");
                head.column(self.alias, NUMBER).keyword(if meaning == first { "" } else { " DESC" });
                head.keyword(") FILTER (WHERE ").column(self.alias, NUMBER).keyword(" <= ");
                self.write_last_number(head);
                head.keyword("))[1]");
            }
            ConnectionField::Nodes
            | ConnectionField::Edges
            | ConnectionField::TotalCount
            | ConnectionField::PageInfo
            | ConnectionField::Node
            | ConnectionField::Cursor => {}
        }
    }
}
