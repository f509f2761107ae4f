//! Many rows, in the way that each database likes: PostgreSQL gets one statement for all, as each is a round trip; SQLite
//! gets one for each row, as there the same prepared statement again is cheaper than parsing a long one.

/// Writes all `$rows`: by the first, a statement for all of them, or by the second, one for each row.
macro_rules! write_all {
    ($connection:expr, $rows:expr, |$all:ident| $write_all:expr, |$row:ident, $each:ident| $write_each:expr) => {
        match $connection {
            #[cfg(feature = "postgres")]
            $crate::store::db::AnyConnection::Postgres($all) => {
                if !$rows.is_empty() {
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

/// Loads the rows of all `$keys`, of which there are some: by the first, a query for all of them, or by the second, one
/// for each key.
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
