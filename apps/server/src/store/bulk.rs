//! Many rows, in the way that each database likes: PostgreSQL gets few statements, as each is a round trip; SQLite gets
//! one for each row, as there the same prepared statement again is cheaper than parsing a long one.

/// Inserts all `$rows`. `$values` stands for the rows of one statement.
macro_rules! insert_all {
    ($connection:expr, $rows:expr, |$values:ident, $inner:ident| $insert:expr) => {
        $crate::store::bulk::write_all!($connection, $rows, |$values, $inner| $insert, |$values, $inner| $insert)
    };
}
pub(crate) use insert_all;

/// Writes all `$rows`: by the first, a statement for all of a chunk, or by the second, one for each row.
macro_rules! write_all {
    (
        $connection:expr,
        $rows:expr,
        |$values:ident, $all:ident| $write_all:expr,
        |$row:ident, $each:ident| $write_each:expr
    ) => {
        match $connection {
            #[cfg(feature = "postgres")]
            $crate::store::db::AnyConnection::Postgres($all) => {
                for $values in $rows.chunks($crate::store::bulk::ROWS_OF_ONE_STATEMENT) {
                    $write_all?;
                }
            }
            $crate::store::db::AnyConnection::Sqlite($each) => {
                for $row in $rows {
                    $write_each?;
                }
            }
        }
    };
}
pub(crate) use write_all;

/// Loads the rows of all `$keys`: by the first, a query for all of them, or by the second, one for each key.
macro_rules! load_all {
    ($connection:expr, $keys:expr, |$all:ident| $load_all:expr, |$key:pat_param, $each:ident| $load_each:expr) => {
        match $connection {
            #[cfg(feature = "postgres")]
            $crate::store::db::AnyConnection::Postgres($all) => $load_all?,
            $crate::store::db::AnyConnection::Sqlite($each) => {
                let mut rows = Vec::new();
                for $key in $keys {
                    rows.append(&mut $load_each?);
                }
                rows
            }
        }
    };
}
pub(crate) use load_all;

/// At the most fourteen columns each: below PostgreSQL's limit of binds, 65,535.
#[cfg(feature = "postgres")]
pub(crate) const ROWS_OF_ONE_STATEMENT: usize = 500;
