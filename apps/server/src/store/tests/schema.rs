//! What the migrations make, compared with what diesel is told, in both databases.

use std::collections::BTreeMap;

use diesel::migration::{Migration, MigrationSource as _};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use osaycore_directory::{Custom, DisplayName, Email, ExternalId, Name, Role, Username};

use super::{Store, on_each_database};
use crate::store::db::{AnyConnection, MultiBackend};
use crate::store::migrations::MIGRATIONS;

/// A table's columns in order, as `name type`, with `?` where it may be NULL, and those of its primary key.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Vec<String>,
    key: Vec<String>,
}

impl Table {
    fn add(&mut self, name: &str, type_name: &str, nullable: bool) {
        self.columns.push(format!("{name} {type_name}{}", if nullable { "?" } else { "" }));
    }
}

/// The tables of `schema.rs`, with the names that types have in SQL.
fn told() -> BTreeMap<String, Table> {
    let word = |text: &str| text.trim().to_owned();
    let read = |text: &str| {
        let (head, rest) = text.split_once(") {").unwrap();
        let (name, key) = head.split_once('(').unwrap();
        let mut table = Table { columns: Vec::new(), key: key.split(',').map(word).collect() };
        for column in rest.split_once('}').unwrap().0.split(',').filter(|column| !column.trim().is_empty()) {
            let (name, type_name) = column.split_once("->").unwrap();
            let plain = type_name.trim().trim_start_matches("Nullable<").trim_end_matches('>');
            let in_sql = match plain {
                "BigInt" => "BIGINT",
                "Text" => "TEXT",
                "Bool" => "BOOLEAN",
                "Binary" => "BYTEA",
                other => panic!("{other}: no type of ours"),
            };
            table.add(name.trim(), in_sql, plain != type_name.trim());
        }
        (word(name), table)
    };
    include_str!("../schema.rs").split("table! {").skip(1).map(read).collect()
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    type_name: String,
    #[diesel(sql_type = BigInt)]
    nullable: i64,
    /// From 1; 0 where it is no part of the primary key.
    #[diesel(sql_type = BigInt)]
    place_in_key: i64,
}

const OF_SQLITE: &str = "SELECT t.name AS table_name, c.name AS column_name, c.type AS type_name, \
    1 - c.\"notnull\" AS nullable, c.pk AS place_in_key \
    FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
    WHERE t.type = 'table' AND t.name <> '__diesel_schema_migrations' ORDER BY t.name, c.cid";
#[cfg(feature = "postgres")]
const OF_POSTGRES: &str = "SELECT CAST(c.table_name AS TEXT) AS table_name, CAST(c.column_name AS TEXT) AS column_name, \
    UPPER(CAST(c.data_type AS TEXT)) AS type_name, CAST(c.is_nullable = 'YES' AS INT)::BIGINT AS nullable, \
    COALESCE((SELECT CAST(k.ordinal_position AS BIGINT) FROM information_schema.key_column_usage AS k \
    JOIN information_schema.table_constraints AS p ON p.constraint_name = k.constraint_name \
    AND p.constraint_type = 'PRIMARY KEY' AND p.table_name = k.table_name \
    WHERE k.table_name = c.table_name AND k.column_name = c.column_name), 0) AS place_in_key \
    FROM information_schema.columns AS c \
    WHERE c.table_schema = 'public' AND c.table_name <> '__diesel_schema_migrations' \
    ORDER BY c.table_name, c.ordinal_position";

fn found(connection: &mut AnyConnection) -> BTreeMap<String, Table> {
    let query = match connection {
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => OF_POSTGRES,
        AnyConnection::Sqlite(_) => OF_SQLITE,
    };
    let columns: Vec<Column> = sql_query(query).load(connection).unwrap();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let mut keys: BTreeMap<(String, i64), String> = BTreeMap::new();
    for column in columns {
        let table = tables.entry(column.table_name.clone()).or_default();
        table.add(&column.column_name, &column.type_name, column.nullable == 1);
        if column.place_in_key > 0 {
            keys.insert((column.table_name, column.place_in_key), column.column_name);
        }
    }
    for ((table, _), column) in keys {
        tables.entry(table).or_default().key.push(column);
    }
    tables
}

#[test]
fn both_databases_have_the_tables_that_diesel_is_told() {
    let told = told();
    assert!(told.len() > 15, "the tables were not found: {told:?}");
    on_each_database(|place| {
        let found = found(&mut Store::new(place()).connection());
        for (name, table) in &told {
            assert_eq!(found.get(name), Some(table), "{name}");
        }
        assert!(found.keys().eq(told.keys()), "diesel is not told of some: {:?}", found.keys());
        for (name, table) in &found {
            let wrong = |column: &&String| column.contains("_us ") || column.contains("_s ");
            for time in table.columns.iter().filter(wrong) {
                assert!(time.trim_end_matches('?').ends_with(" BIGINT"), "{name}.{time}");
            }
        }
    });
}

/// Where a cluster runs no DDL in a transaction, a migration that was interrupted begins again.
#[test]
fn every_migration_may_run_twice() {
    on_each_database(|place| {
        let store = Store::new(place());
        let connection = &mut store.connection();
        let steps: Vec<Box<dyn Migration<MultiBackend>>> = MIGRATIONS.migrations().unwrap();
        for step in steps {
            step.run(connection).unwrap_or_else(|error| panic!("{}: {error}", step.name()));
        }
        assert_eq!(found(connection), told());
    });
}

/// PostgreSQL refuses U+0000 in a text and SQLite takes it: so it must not come that far.
#[test]
fn texts_with_nul_are_refused_before_they_are_stored() {
    const TEXT: &str = "a\0b";
    let refused = [
        TEXT.parse::<Name>().is_err(),
        TEXT.parse::<Username>().is_err(),
        TEXT.parse::<DisplayName>().is_err(),
        "a\0b@example.com".parse::<Email>().is_err(),
        TEXT.parse::<ExternalId>().is_err(),
        TEXT.parse::<Role>().is_err(),
        r#"{"a":"\u0000"}"#.parse::<Custom>().is_err(),
        TEXT.parse::<osaycore_flags::Key>().is_err(),
        TEXT.parse::<osaycore_ledger::Currency>().is_err(),
    ];
    assert_eq!(refused, [true; 9]);
}
