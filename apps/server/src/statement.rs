//! An entry of a wallet as it is told, by the API and on the command line alike.

use osaycore_ledger::{Credits, Entry};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::schemas;

/// One transaction of `GET /api/credits/transactions` and of `osaycore credits history`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Transaction {
    pub(crate) transaction_id: Uuid,
    #[schema(value_type = schemas::EntryKind)]
    pub(crate) r#type: &'static str,
    /// Deductions are negative.
    #[schema(value_type = schemas::Credits)]
    pub(crate) amount: Credits,
    #[schema(value_type = schemas::Credits)]
    pub(crate) balance_after: Credits,
    #[schema(required = true)]
    pub(crate) description: Option<String>,
    #[schema(required = true)]
    pub(crate) client_reference_id: Option<String>,
    #[schema(required = true)]
    pub(crate) payment_id: Option<Uuid>,
    /// None: an operator posted it.
    #[schema(required = true)]
    pub(crate) app_id: Option<Uuid>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
}

impl Transaction {
    pub(crate) fn of(entry: Entry, app_id: Option<Uuid>) -> Self {
        Self {
            transaction_id: entry.transaction_id,
            r#type: entry.kind.as_str(),
            amount: entry.amount,
            balance_after: entry.balance_after,
            description: entry.description,
            client_reference_id: entry.reference,
            payment_id: entry.payment_id,
            app_id,
            created_at: timestamp(entry.created_at_us),
        }
    }
}

/// Microseconds since the epoch as RFC 3339 in UTC.
pub(crate) fn timestamp(us: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(us).saturating_mul(1000))
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}
