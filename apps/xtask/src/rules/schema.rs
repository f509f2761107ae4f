//! What a migration may say, so that it says the same to SQLite, PostgreSQL and what speaks its protocol.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Rule};
use crate::{
    source::{names, numbered},
    sql::{self, Column, Key, Statement, Table},
    tree::File,
};

/// The tables that belong to no tenant, and why.
const GLOBAL: &[(&str, &str)] = &[
    ("deployment", "constants of the whole deployment"),
    ("versions", "every server polls them, for all tenants at once"),
    ("id_blocks", "ids are unique over all tenants"),
    ("jwt_keys", "one ring signs the tokens of every tenant"),
    ("leases", "servers and their tasks are all tenants'"),
    ("tenants", "the list of the tenants themselves"),
    ("admin_emails", "who signs in to the console gives an address, and not whose it is"),
    ("sign_in_attempts", "guesses are counted at addresses that are nobody's, too"),
];

pub(super) const TENANT_LEADS_KEYS: Rule = Rule::files(
    "tenant_id is first in every primary key, unique constraint and unique index of a tenant's table, and every table \
     has a primary key",
    |files| {
        of_tables(files, |file, table, found| {
            if GLOBAL.iter().any(|(name, _)| *name == table.name) {
                return;
            }
            for key in &table.keys {
                if key.columns.first().is_none_or(|first| first != "tenant_id") {
                    let what = format!("a key of {} does not begin with tenant_id", table.name);
                    found.push(Finding::new(&file.path, key.line, what));
                }
            }
            let created = table.columns.len() > 1;
            if created && table.keys.is_empty() {
                found.push(Finding::new(&file.path, table.line, format!("{} has no primary key", table.name)));
            }
        })
    },
);

const TYPES: &[&str] = &["BIGINT", "TEXT", "BOOLEAN", "BYTEA"];

pub(super) const PORTABLE_TYPES: Rule =
    Rule::files("a column is BIGINT, TEXT, BOOLEAN or BYTEA; a time is BIGINT, with its unit in the name", |files| {
        of_columns(files, |table, column| {
            let (name, type_name) = (&column.name, &column.type_name);
            if !TYPES.contains(&type_name.as_str()) {
                return Some(format!("{}.{name} is {type_name}", table.name));
            }
            let time = name.ends_with("_us") || name.ends_with("_s");
            let wrong = (time && type_name != "BIGINT") || name.ends_with("_at");
            wrong.then(|| format!("{}.{name}: a time is BIGINT, in _us or _s", table.name))
        })
    });

/// What a migration may do. There is no trigger, function, enum or sequence that begins like one of them.
const STATEMENTS: &[&[&str]] = &[
    &["CREATE", "TABLE"],
    &["CREATE", "INDEX"],
    &["CREATE", "UNIQUE", "INDEX"],
    &["ALTER", "TABLE"],
    &["DROP", "TABLE"],
    &["DROP", "INDEX"],
    &["INSERT", "INTO"],
    &["UPDATE"],
    &["DELETE", "FROM"],
];

/// What must not stand inside of those.
const UNPORTABLE: &[&str] = &["ARRAY", "DEFERRABLE", "EXCLUDE", "OFFSET"];

pub(super) const PLAIN_SQL: Rule = Rule::files(
    "no triggers, stored functions, enums, arrays, deferrable or exclusion constraints in a migration, whose statements \
     these rules can read; no advisory locks, LISTEN/NOTIFY or OFFSET, there or in the store",
    |files| {
        let mut found = Vec::new();
        for file in migrations(files) {
            let code = sql::code(&file.text);
            for statement in sql::statements(&code) {
                let words: Vec<&str> = sql::words(&statement.text).take(4).collect();
                if !STATEMENTS.iter().any(|begin| words.starts_with(begin)) || !is_read(&words, &statement) {
                    found.push(Finding::new(&file.path, statement.line, format!("begins with {}", words.join(" "))));
                }
            }
            let code = code.to_uppercase();
            let words = sql::numbered_words(&code).filter(|(_, word)| UNPORTABLE.contains(word));
            found.extend(words.map(|(line, word)| Finding::new(&file.path, line, format!("says {word}"))));
        }
        for file in files.iter().filter(|file| file.path.starts_with("apps/server/src/store/")) {
            for (number, line) in numbered(&file.text) {
                let line = line.split("//").next().unwrap_or_default();
                let advisory = line.contains("pg_advisory") || line.contains("pg_try_advisory");
                let words = ["LISTEN", "NOTIFY", "OFFSET", ".offset("].into_iter().find(|word| names(line, word));
                if let Some(word) = advisory.then_some("pg_advisory").or(words) {
                    found.push(Finding::new(&file.path, number, format!("says {word}")));
                }
            }
        }
        found
    },
);

/// Whether the other rules see what a statement declares.
fn is_read(words: &[&str], statement: &Statement) -> bool {
    match words {
        ["CREATE", "TABLE", ..] => {
            let as_query = sql::words(&statement.text).any(|word| word == "SELECT");
            !as_query && sql::table(statement).is_some_and(|table| table.columns.len() > 1)
        }
        ["ALTER", "TABLE", _, "DROP" | "RENAME"] => true,
        ["ALTER", "TABLE", ..] => sql::table(statement).is_some(),
        _ => true,
    }
}

pub(super) const KEY_COLUMNS_NOT_NULL: Rule = Rule::files(
    "NOT NULL is written out on every column of a key; one of a partial index may say it in the condition",
    |files| {
        let columns: BTreeMap<(String, String), String> = tables(files)
            .flat_map(|(_, table)| {
                let Table { name, columns, .. } = table;
                columns.into_iter().map(move |column| ((name.clone(), column.name), column.text))
            })
            .collect();
        of_tables(files, |file, table, found| {
            for Key { line, columns: of_key, condition } in &table.keys {
                let nullable = of_key.iter().find(|name| {
                    let column = columns.get(&(table.name.clone(), (*name).clone()));
                    let written = column.is_some_and(|text| text.contains("NOT NULL"));
                    !written && !names(condition, &format!("{name} IS NOT NULL"))
                });
                if let Some(name) = nullable {
                    found.push(Finding::new(&file.path, *line, format!("{}.{name} may be NULL in a key", table.name)));
                }
            }
        })
    },
);

/// Without it diesel compiles its larger tables, which takes minutes over the life of a project.
const COLUMNS: usize = 16;

pub(super) const FEW_COLUMNS: Rule = Rule::files("a table has at most 16 columns", |files| {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    of_tables(files, |file, table, found| {
        let count = counts.entry(table.name.clone()).or_default();
        *count = count.saturating_add(table.columns.len());
        if *count > COLUMNS && !table.columns.is_empty() {
            found.push(Finding::new(&file.path, table.line, format!("{} has {count} columns", table.name)));
        }
    })
});

const VALUES_OF_THE_DATABASE: &[&str] = &["DEFAULT", "GENERATED", "IDENTITY", "AUTOINCREMENT", "SERIAL", "BIGSERIAL"];

pub(super) const NO_DEFAULTS: Rule =
    Rule::files("every value is given at INSERT: no DEFAULT, no generated id or column", |files| {
        let mut found = Vec::new();
        for file in migrations(files) {
            let code = sql::code(&file.text).to_uppercase();
            let words = sql::numbered_words(&code).filter(|(_, word)| VALUES_OF_THE_DATABASE.contains(word));
            found.extend(words.map(|(line, word)| Finding::new(&file.path, line, format!("says {word}"))));
        }
        found
    });

pub(super) const ONE_STEP_A_MIGRATION: Rule = Rule::files(
    "a migration is one statement, which may run twice (IF NOT EXISTS, ON CONFLICT), and has a number of its own",
    |files| {
        let mut found = Vec::new();
        let mut numbers = BTreeSet::new();
        for file in migrations(files).filter(|file| file.path.ends_with("/up.sql")) {
            let number = file.path.split(['/', '_']).nth(1).unwrap_or_default();
            if !numbers.insert(number) {
                found.push(Finding::new(&file.path, 0, format!("{number} is taken")));
            }
            let statements = sql::statements(&file.text);
            if let Some(second) = statements.get(1) {
                found.push(Finding::new(&file.path, second.line, "a second statement"));
            }
            for Statement { line, text } in statements.iter().take(1) {
                let wanted = match sql::words(text).next() {
                    Some("CREATE") => "IF NOT EXISTS",
                    Some("DROP") => "IF EXISTS",
                    Some("INSERT") => "ON CONFLICT DO NOTHING",
                    _ => continue,
                };
                if !text.contains(wanted) {
                    found.push(Finding::new(&file.path, *line, format!("does not say {wanted}")));
                }
            }
        }
        found
    },
);

/// Columns that hold millionths.
const MONEY: &[&str] = &[
    "amount",
    "balance",
    "balance_after",
    "credit_rate",
    "credits",
    "floor",
    "lifetime_earned",
    "lifetime_spent",
    "units",
];

pub(super) const MONEY_IN_RANGE: Rule =
    Rule::files("a column of money has a CHECK of its range: SQLite's arithmetic overflows silently", |files| {
        of_columns(files, |table, column| {
            let checked = column.text.contains(&format!("CHECK ({} BETWEEN ", column.name));
            let money = MONEY.contains(&column.name.as_str());
            (money && !checked).then(|| format!("{}.{} has no CHECK (… BETWEEN …)", table.name, column.name))
        })
    });

fn migrations(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|file| file.path.starts_with("migrations/"))
}

/// What the migrations declare of tables, in their order.
fn tables(files: &[File]) -> impl Iterator<Item = (&File, Table)> {
    migrations(files)
        .flat_map(|file| sql::statements(&file.text).into_iter().filter_map(move |it| Some((file, sql::table(&it)?))))
}

fn of_tables(files: &[File], mut look: impl FnMut(&File, &Table, &mut Vec<Finding>)) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, table) in tables(files) {
        look(file, &table, &mut found);
    }
    found
}

/// The columns that are `wrong`, and what is.
fn of_columns(files: &[File], wrong: fn(&Table, &Column) -> Option<String>) -> Vec<Finding> {
    of_tables(files, |file, table, found| {
        for column in &table.columns {
            found.extend(wrong(table, column).map(|what| Finding::new(&file.path, column.line, what)));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    const A: &str = "migrations/0001_a/up.sql";
    const B: &str = "migrations/0002_b/up.sql";

    #[test]
    fn keys_without_the_tenant_are_caught() {
        assert_finds(
            TENANT_LEADS_KEYS,
            &[
                (
                    A,
                    "CREATE TABLE a (\ntenant_id BIGINT NOT NULL,\nid BIGINT NOT NULL UNIQUE,\n\
                     PRIMARY KEY (tenant_id, id),\nUNIQUE (id, tenant_id)\n);",
                ),
                (B, "CREATE UNIQUE INDEX i ON a (id);\nCREATE TABLE b (id BIGINT, c TEXT);"),
                ("migrations/0003_c/up.sql", "CREATE TABLE tenants (id BIGINT NOT NULL PRIMARY KEY, b TEXT);"),
                ("migrations/0004_d/up.sql", "CREATE UNIQUE INDEX i ON a (tenant_id, id); CREATE INDEX j ON a (id);"),
                ("docs/a.sql", "CREATE TABLE b (id BIGINT PRIMARY KEY)"),
            ],
            &[(A, 3), (A, 5), (B, 1), (B, 2)],
        );
    }

    #[test]
    fn types_of_one_database_are_caught() {
        assert_finds(
            PORTABLE_TYPES,
            &[(
                A,
                "CREATE TABLE a (\na BIGINT, -- NUMERIC\nb NUMERIC(20, 6),\nc TIMESTAMP,\nd SERIAL,\ne BIGINT[],\n\
                 f TEXT CHECK (f <> 'REAL'),\ng_us TEXT,\nh_at BIGINT);\n\
                 ALTER TABLE a ADD COLUMN i REAL;",
            )],
            &[(A, 3), (A, 4), (A, 5), (A, 6), (A, 8), (A, 9), (A, 10)],
        );
    }

    #[test]
    fn what_one_database_alone_does_is_caught() {
        let store = "apps/server/src/store/a.rs";
        assert_finds(
            PLAIN_SQL,
            &[
                (
                    A,
                    "-- NOTIFY a;\nCREATE TRIGGER a;\ncreate type b as enum ('x');\nLISTEN a;\n\
                     CREATE TABLE a (sequence BIGINT, b TEXT DEFERRABLE);\n\
                     DELETE FROM a WHERE b IN (SELECT b FROM a OFFSET 2);",
                ),
                (
                    store,
                    "// LISTEN\nsql_query(\"SELECT pg_advisory_xact_lock(1)\");\nquery.offset(3);\n\"LISTEN a\";\n\
                     let offset = 1;",
                ),
                ("apps/server/src/routes/a.rs", "query.offset(3)"),
            ],
            &[(A, 2), (A, 3), (A, 4), (A, 5), (A, 6), (store, 2), (store, 3), (store, 4)],
        );
    }

    #[test]
    fn what_the_other_rules_cannot_read_is_caught() {
        let unread = "create table a (id numeric primary key, b real);\nALTER TABLE a ADD b REAL;\n\
            ALTER TABLE a ADD CONSTRAINT u UNIQUE (id);\nALTER TABLE a ALTER COLUMN b TYPE NUMERIC;\n\
            CREATE TABLE a AS SELECT b, c FROM d (e);\nALTER TABLE a ADD COLUMN b BIGINT;\nALTER TABLE a DROP COLUMN b;";
        assert_finds(PLAIN_SQL, &[(A, unread)], &[(A, 1), (A, 2), (A, 3), (A, 4), (A, 5)]);
    }

    #[test]
    fn nullable_keys_are_caught() {
        assert_finds(
            KEY_COLUMNS_NOT_NULL,
            &[
                (A, "CREATE TABLE a (\na BIGINT NOT NULL,\nb TEXT,\nc TEXT PRIMARY KEY,\nUNIQUE (a, b));"),
                (
                    B,
                    "CREATE UNIQUE INDEX i ON a (a, b) WHERE b IS NOT NULL AND a > 1;\n\
                     CREATE UNIQUE INDEX j ON a (a, b) WHERE a IS NOT NULL;",
                ),
            ],
            &[(A, 4), (A, 5), (B, 2)],
        );
    }

    #[test]
    fn wide_tables_are_caught() {
        let columns = |from: usize, to: usize| (from..to).map(|n| format!("c{n} TEXT")).collect::<Vec<_>>().join(", ");
        let (sixteen, more) = (
            format!("CREATE TABLE a ({});", columns(0, 16)),
            "CREATE INDEX i ON a (c1);\nALTER TABLE a ADD COLUMN d TEXT;",
        );
        assert_finds(FEW_COLUMNS, &[(A, &sixteen), (B, more)], &[(B, 2)]);
    }

    #[test]
    fn values_that_the_database_makes_are_caught() {
        assert_finds(
            NO_DEFAULTS,
            &[(
                A,
                "CREATE TABLE a (\na BOOLEAN DEFAULT FALSE, -- DEFAULT\nb BIGINT generated always as identity,\nc TEXT);",
            )],
            &[(A, 2), (A, 3), (A, 3)],
        );
    }

    #[test]
    fn several_steps_in_one_are_caught() {
        assert_finds(
            ONE_STEP_A_MIGRATION,
            &[
                (A, "CREATE TABLE IF NOT EXISTS a (b TEXT);\nCREATE INDEX IF NOT EXISTS i ON a (b);"),
                (B, "-- why\nCREATE TABLE a (b TEXT);"),
                ("migrations/0002_c/up.sql", "INSERT INTO a VALUES (';') ON CONFLICT DO NOTHING;"),
                ("migrations/0003_d/up.sql", "INSERT INTO a VALUES (1);"),
                ("migrations/0004_e/up.sql", "ALTER TABLE a ADD COLUMN c TEXT;"),
            ],
            &[(A, 2), (B, 2), ("migrations/0002_c/up.sql", 0), ("migrations/0003_d/up.sql", 1)],
        );
    }

    #[test]
    fn unbounded_money_is_caught() {
        assert_finds(
            MONEY_IN_RANGE,
            &[(
                A,
                "CREATE TABLE a (\namount BIGINT CHECK (amount > 0),\nunits BIGINT CHECK (units BETWEEN 1 AND 9),\n\
                 entries BIGINT);",
            )],
            &[(A, 2)],
        );
    }
}
