//! Statements of PostgreSQL over any number of rows. Their text does not depend on how many, as the rows go as an array
//! for each column: so they are prepared once, where a list of VALUES is parsed and planned each time.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};

/// What a column's values go as.
pub(super) trait Column {
    type Value<'r>;
    /// The cast that tells PostgreSQL the array's type.
    const ARRAY: &'static str;
}

impl Column for BigInt {
    type Value<'r> = i64;
    const ARRAY: &'static str = "::bigint[]";
}

impl Column for Text {
    type Value<'r> = &'r str;
    const ARRAY: &'static str = "::text[]";
}

impl Column for Binary {
    type Value<'r> = &'r [u8];
    const ARRAY: &'static str = "::bytea[]";
}

impl<T: Column> Column for Nullable<T>
where
    Self: diesel::sql_types::SqlType,
    T: diesel::sql_types::SqlType<IsNull = diesel::sql_types::is_nullable::NotNull>,
{
    type Value<'r> = Option<T::Value<'r>>;
    const ARRAY: &'static str = T::ARRAY;
}

/// A field of a row as the value that goes.
pub(super) trait Field<'r, V> {
    fn value(&'r self) -> V;
}

impl<'r> Field<'r, i64> for i64 {
    fn value(&'r self) -> i64 {
        *self
    }
}

impl<'r> Field<'r, &'r str> for String {
    fn value(&'r self) -> &'r str {
        self
    }
}

impl<'r> Field<'r, &'r str> for &'static str {
    fn value(&'r self) -> &'r str {
        self
    }
}

impl<'r> Field<'r, &'r [u8]> for Vec<u8> {
    fn value(&'r self) -> &'r [u8] {
        self
    }
}

impl<'r, const N: usize> Field<'r, &'r [u8]> for [u8; N] {
    fn value(&'r self) -> &'r [u8] {
        self
    }
}

impl<'r, T: Field<'r, V>, V> Field<'r, Option<V>> for Option<T> {
    fn value(&'r self) -> Option<V> {
        self.as_ref().map(T::value)
    }
}

/// `$name::new(rows)` is a statement over all rows: `$before`, an array for each column, `$after`.
macro_rules! unnest {
    ($name:ident of $row:ty { $($column:ident: $type:ty),+ $(,)? }, $before:expr, $after:expr) => {
        pub(super) struct $name<'r> {
            $($column: Vec<<$type as $crate::store::unnest::Column>::Value<'r>>,)+
        }

        impl<'r> $name<'r> {
            pub(super) fn new(rows: &'r [$row]) -> Self {
                use $crate::store::unnest::Field as _;
                Self { $($column: rows.iter().map(|row| row.$column.value()).collect(),)+ }
            }
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                let mut separator = $before;
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<diesel::sql_types::Array<$type>, _>(&self.$column)?;
                    out.push_sql(<$type as $crate::store::unnest::Column>::ARRAY);
                    separator = ", ";
                )+
                let _ = separator;
                out.push_sql($after);
                Ok(())
            }
        }

        impl diesel::RunQueryDsl<diesel::pg::PgConnection> for $name<'_> {}
    };
}
pub(super) use unnest;

/// The same, to insert the rows: into `$table`, and what comes behind it, as ON CONFLICT.
macro_rules! insert_unnest {
    ($name:ident of $row:ty { $first:ident: $type:ty $(, $column:ident: $types:ty)* $(,)? }, $table:literal, $after:literal) => {
        $crate::store::unnest::unnest!(
            $name of $row { $first: $type $(, $column: $types)* },
            concat!(
                "INSERT INTO ", $table, " (", stringify!($first) $(, ", ", stringify!($column))*, ") SELECT * FROM unnest("
            ),
            concat!(")", $after)
        );
    };
}
pub(super) use insert_unnest;
