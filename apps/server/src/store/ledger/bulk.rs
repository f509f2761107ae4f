//! What a group asks and writes on PostgreSQL, one statement for all rows of a table.

use diesel::query_builder::Query;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::super::schema::{accounts, entries};
use super::super::unnest::{insert_unnest, unnest};
use super::{AccountRow, EntryRow};

insert_unnest!(
    InsertEntries of EntryRow {
        tenant_id: BigInt, account_id: BigInt, sequence: BigInt, transaction_id: Binary, app_id: BigInt, kind: Text,
        amount: BigInt, units: Nullable<BigInt>, balance_after: BigInt, description: Nullable<Text>,
        reference: Nullable<Text>, payment_id: Nullable<Binary>, created_at_us: BigInt, event_id: Nullable<BigInt>,
    },
    "entries",
    ""
);

insert_unnest!(
    PutAccounts of AccountRow {
        tenant_id: BigInt, id: BigInt, balance: BigInt, lifetime_earned: BigInt, lifetime_spent: BigInt,
        floor: BigInt, entries: BigInt,
    },
    "accounts",
    " ON CONFLICT (tenant_id, id) DO UPDATE SET balance = excluded.balance, \
     lifetime_earned = excluded.lifetime_earned, lifetime_spent = excluded.lifetime_spent, \
     entries = excluded.entries"
);

pub(super) struct Key {
    pub(super) tenant_id: i64,
    pub(super) id: i64,
}

// One look into the key for each, whatever the planner thinks of the table: without statistics it takes another
// index, and reads all of a tenant's rows. The limit keeps it from a join.
unnest!(
    AccountsOf of Key { tenant_id: BigInt, id: BigInt },
    "SELECT found.* FROM unnest(",
    ") AS wanted (tenant_id, id) CROSS JOIN LATERAL (SELECT tenant_id, id, balance, lifetime_earned, lifetime_spent, \
     floor, entries FROM accounts WHERE tenant_id = wanted.tenant_id AND id = wanted.id LIMIT 1) AS found"
);

impl Query for AccountsOf<'_> {
    type SqlType = accounts::SqlType;
}

pub(super) struct Reference {
    pub(super) tenant_id: i64,
    pub(super) app_id: i64,
    pub(super) reference: String,
}

unnest!(
    EntriesByReference of Reference { tenant_id: BigInt, app_id: BigInt, reference: Text },
    "SELECT found.* FROM unnest(",
    ") AS wanted (tenant_id, app_id, reference) CROSS JOIN LATERAL (SELECT tenant_id, account_id, sequence, \
     transaction_id, app_id, kind, amount, units, balance_after, description, reference, payment_id, created_at_us, \
     event_id FROM entries WHERE tenant_id = wanted.tenant_id AND app_id = wanted.app_id \
     AND reference = wanted.reference LIMIT 1) AS found"
);

impl Query for EntriesByReference<'_> {
    type SqlType = entries::SqlType;
}
