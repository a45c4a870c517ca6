//! What has become of the tables and columns known so far? Gives the model of an altered database the ids of the one
//! before it: what is still the same keeps its id, what is gone stays as memory, what is new or altered comes last.
//! So whatever holds an id (rows, filters, selections) stays right without being touched.

use super::{Column, ColumnId, CompositeId, EnumId, Function, Join, Kind, Model, Returned, Table, TableId, Through};

impl Model {
    /// `fresh` with the ids of this model; `None` if it says the same.
    ///
    /// A table is the same while its `pg_class.oid` and its names in GraphQL are; a column while its number, its field,
    /// its kind and its own row in the catalog are. So a column with another type or name, or one whose values
    /// ALTER COLUMN … TYPE … USING computed anew, is another column.
    pub fn succeeded_by(&self, fresh: Model) -> Option<Model> {
        let generation = self.generation + 1;
        let Self { generation: _, tables, functions, enums, composites, spatial_schema, clashes, ignored } = fresh;
        let mut next = Self {
            generation,
            functions: Vec::new(),
            enums,
            composites,
            spatial_schema,
            clashes,
            ignored,
            tables: self.tables.clone(),
        };
        next.tables.iter_mut().for_each(|table| table.dropped = true);
        let places: Vec<TableId> = tables.iter().map(|table| self.place_of(table, &mut next.tables)).collect();
        next.functions = functions.into_iter().map(|function| relocated(function, &places)).collect();
        let columns: Vec<Vec<ColumnId>> = tables
            .iter()
            .zip(&places)
            .map(|(table, place)| {
                let known = self.tables.get(place.0).map_or(&[][..], |known| &known.columns);
                self.column_places(table, known, &next)
            })
            .collect();
        for (index, table) in tables.into_iter().enumerate() {
            let known = self.tables.get(places[index].0);
            next.tables[places[index].0] = renumbered(table, index, &places, &columns, known, generation);
        }
        let same = Self { generation: self.generation, ..next.clone() } == *self;
        (!same).then_some(next)
    }

    /// The place of a table: its own, or one at the end, which is taken.
    fn place_of(&self, table: &Table, tables: &mut Vec<Table>) -> TableId {
        let same = |(_, known): &(TableId, &Table)| known.oid == table.oid && known.names == table.names;
        self.tables().find(same).map_or_else(
            || {
                tables.push(table.clone());
                TableId(tables.len() - 1)
            },
            |(id, _)| id,
        )
    }

    fn column_places(&self, table: &Table, known: &[Column], next: &Model) -> Vec<ColumnId> {
        let mut end = known.len();
        let place = |column: &Column| {
            let same = |other: &Column| {
                !other.dropped
                    && (other.number, &other.version, other.type_oid)
                        == (column.number, &column.version, column.type_oid)
                    && (&other.field, other.collation, other.omitted)
                        == (&column.field, column.collation, column.omitted)
                    && self.same_kind(&other.kind, next, &column.kind)
            };
            known.iter().position(same).map_or_else(
                || {
                    end += 1;
                    ColumnId(end - 1)
                },
                ColumnId,
            )
        };
        table.columns.iter().map(place).collect()
    }

    /// Whether values of both kinds read the same. An enum may get more values; one that is renamed reads differently,
    /// and so does a composite type with other parts.
    fn same_kind(&self, known: &Kind, next: &Model, kind: &Kind) -> bool {
        match (known, kind) {
            (Kind::Enum(EnumId(known)), Kind::Enum(EnumId(id))) => {
                let (known, fresh) = (&self.enums[*known], &next.enums[*id]);
                let mut values = fresh.values.iter();
                known.oid == fresh.oid && known.values.iter().all(|value| values.any(|other| other == value))
            }
            (Kind::Composite(CompositeId(known)), Kind::Composite(CompositeId(id))) => {
                let (known, fresh) = (&self.composites[*known], &next.composites[*id]);
                let same_part = |(known, fresh): (&Column, &Column)| {
                    (&known.field, &known.version, known.collation) == (&fresh.field, &fresh.version, fresh.collation)
                        && self.same_kind(&known.kind, next, &fresh.kind)
                };
                known.oid == fresh.oid
                    && known.attributes.len() == fresh.attributes.len()
                    && known.attributes.iter().zip(&fresh.attributes).all(same_part)
            }
            (Kind::Array(known), Kind::Array(kind)) => self.same_kind(known, next, kind),
            (known, kind) => known == kind,
        }
    }
}

/// A table just read, its own ids and those of its relations' targets replaced by the ones they keep.
fn renumbered(
    table: Table,
    index: usize,
    places: &[TableId],
    columns: &[Vec<ColumnId>],
    known: Option<&Table>,
    generation: u32,
) -> Table {
    let own = |ids: &[ColumnId]| -> Vec<ColumnId> { ids.iter().map(|id| columns[index][id.0]).collect() };
    let key = own(&table.key);
    let mut list = known.map_or_else(Vec::new, |known| known.columns.clone());
    list.iter_mut().for_each(|column| column.dropped = true);
    for (column, ColumnId(place)) in table.columns.into_iter().zip(&columns[index]) {
        match list.get_mut(*place) {
            Some(kept) => *kept = Column { generation: kept.generation, ..column },
            // Places at the end were given in this order.
            None => list.push(Column { generation, ..column }),
        }
    }
    let relations = table.relations.into_iter().map(|mut relation| {
        relation.join = renumbered_join(&relation.join, (TableId(index), relation.target), places, columns);
        relation.target = places[relation.target.0];
        relation
    });
    let unique_keys = table.unique_keys.into_iter().map(|mut unique| {
        unique.columns = own(&unique.columns);
        unique
    });
    Table {
        relations: relations.collect(),
        unique_keys: unique_keys.collect(),
        constraints: table.constraints.into_iter().map(|(name, ids)| (name, own(&ids))).collect(),
        generation: known.filter(|known| known.key == key).map_or(generation, |known| known.generation),
        columns: list,
        key,
        ..table
    }
}

/// A function just read, the tables that it speaks of replaced by their places.
fn relocated(function: Function, places: &[TableId]) -> Function {
    let returned = match function.returned {
        Returned::Row(table) => Returned::Row(places[table.0]),
        other @ (Returned::Nothing | Returned::Value(_) | Returned::Record(_)) => other,
    };
    Function { of: function.of.map(|table| places[table.0]), returned, ..function }
}

/// The same of a join between two tables, by their places among those just read.
fn renumbered_join(
    join: &Join,
    (here, there): (TableId, TableId),
    places: &[TableId],
    columns: &[Vec<ColumnId>],
) -> Join {
    let pairs = |pairs: &[(ColumnId, ColumnId)], from: TableId, to: TableId| {
        pairs.iter().map(|(a, b)| (columns[from.0][a.0], columns[to.0][b.0])).collect()
    };
    match join {
        Join::Columns(own) => Join::Columns(pairs(own, here, there)),
        Join::Through(Through { table, near, far }) => Join::Through(Through {
            table: places[table.0],
            near: pairs(near, here, *table),
            far: pairs(far, *table, there),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Collation, Nature, ReplicaIdentity, TableNames, Writing};
    use super::*;
    use crate::sql::QualifiedName;

    fn column(number: i16, name: &str, version: &str) -> Column {
        Column {
            number,
            version: version.to_owned(),
            type_oid: 25,
            name: name.to_owned(),
            field: name.to_owned(),
            kind: Kind::String,
            sql_type: QualifiedName::builtin("text"),
            base_type: QualifiedName::builtin("text"),
            array_type: None,
            operators: None,
            not_null: false,
            has_default: false,
            writing: Writing::Free,
            collation: Collation::Bytes,
            comment: None,
            omitted: false,
            dropped: false,
            generation: 0,
        }
    }

    fn table(oid: u32, name: &str, columns: Vec<Column>) -> Table {
        Table {
            oid,
            sql: QualifiedName::builtin(name),
            names: TableNames { type_name: name.to_owned(), one: name.to_owned(), many: format!("{name}s") },
            comment: None,
            key: vec![ColumnId(columns.len() - 1)],
            columns,
            unique_keys: Vec::new(),
            relations: Vec::new(),
            constraints: std::collections::HashMap::new(),
            replica_identity: ReplicaIdentity::Full,
            owned: true,
            nature: Nature::Plain,
            inherited: false,
            writable: true,
            dropped: false,
            generation: 0,
        }
    }

    fn model(tables: Vec<Table>) -> Model {
        Model { tables, ..Model::default() }
    }

    #[test]
    fn ids_stay_and_what_is_gone_is_remembered() {
        let first = model(vec![
            table(1, "a", vec![column(1, "id", "1")]),
            table(2, "b", vec![column(1, "x", "1"), column(2, "y", "1"), column(3, "id", "1")]),
        ]);
        assert!(first.succeeded_by(first.clone()).is_none());
        let second = model(vec![
            table(3, "aa", vec![column(1, "id", "2")]),
            table(2, "b", vec![column(2, "z", "2"), column(4, "new", "2"), column(3, "id", "1")]),
        ]);
        let next = first.succeeded_by(second.clone()).unwrap();
        let tables: Vec<_> = next.tables().map(|(id, table)| (id.0, table.names.one.as_str())).collect();
        assert_eq!(tables, [(1, "b"), (2, "aa")]);
        let b = next.table(TableId(1));
        let columns: Vec<_> = b.columns().map(|(id, column)| (id.0, column.name.as_str(), column.generation)).collect();
        assert_eq!(columns, [(2, "id", 0), (3, "z", 1), (4, "new", 1)]);
        assert_eq!((b.key.as_slice(), b.generation), (&[ColumnId(2)][..], 0));
        assert_eq!(b.column(ColumnId(1)).name, "y");
        assert_eq!(next.table(TableId(0)).names.one, "a");
        assert!(next.succeeded_by(second).is_none());
    }
}
