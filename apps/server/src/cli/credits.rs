//! `osaycore credits`

use std::process::ExitCode;

use clap::Subcommand;
use osaycore_directory::{Storage as _, UserRef};
use osaycore_ledger::{AddKind, Amount, Credits as Sum, HistoryQuery, Storage as _};
use serde::Serialize;
use uuid::Uuid;

use super::output::{bar, fields, optional, table};
use super::session::{self, Session};
use crate::admin::credits::{self, Addition, Finding};
use crate::error::{ApiError, Code, Failure};
use crate::statement::Transaction;
use crate::store::tenants;
use crate::store::tx::Tx;

/// The exit code of `credits verify` when it is not known whether the wallets are right.
pub(super) const COULD_NOT_CHECK: u8 = 3;
/// Entries that are read at once.
const PAGE: u32 = 1000;

#[derive(Subcommand)]
pub(super) enum Credits {
    /// Add credits to a user's wallet
    Add {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
        /// How many, more than 0
        amount: Amount,
        /// `PURCHASE`, `BONUS`, `REFUND`, `ADJUSTMENT` or `EARNED`
        #[arg(long = "type", value_name = "TYPE")]
        kind: AddKind,
        /// What for
        #[arg(long, value_parser = description)]
        description: Option<String>,
    },
    /// Show a user's wallet
    Balance {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// List a user's transactions, newest first
    History {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
        /// At most so many [default: all]
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// Rebuild every balance from its entries and compare; exit 1 on a difference, 3 if it could not check
    Verify,
}

#[derive(Serialize)]
struct Added {
    transaction_id: Uuid,
    new_balance: Sum,
}

#[derive(Serialize)]
struct Wallet {
    user_id: Uuid,
    balance: Sum,
    lifetime_earned: Sum,
    lifetime_spent: Sum,
    currency_unit: &'static str,
    held: Sum,
    available: Sum,
    floor: Sum,
}

#[derive(Serialize)]
struct Verified {
    accounts: u64,
    entries: u64,
    difference: Option<String>,
}

impl Credits {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add { user, amount, kind, description } => {
                let entry = session.write(|tx, by| {
                    let user = session::user(tx, &user)?;
                    let addition = Addition { amount, kind, description: description.clone(), reference: None };
                    Ok(credits::add(tx, by, &user, addition)?.0)
                })?;
                let added = Added { transaction_id: entry.transaction_id, new_balance: entry.balance_after };
                session.output.show(&added, || {
                    fields(&[
                        ("transaction_id", added.transaction_id.to_string()),
                        ("new_balance", added.new_balance.to_string()),
                    ])
                })?;
            }
            Self::Balance { user } => balance(session, &user)?,
            Self::History { user, limit } => history(session, &user, limit)?,
            Self::Verify => return verify(session),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn description(text: &str) -> Result<String, String> {
    match text.chars().count() {
        0..=1000 if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err("at most 1000 characters, without U+0000".to_owned()),
    }
}

fn balance(session: &Session, user: &UserRef) -> anyhow::Result<()> {
    let (user, account) = session.read(|tx| {
        let user = session::look_up(tx, user)?;
        let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
        Ok((user, account))
    })?;
    let wallet = Wallet {
        user_id: user.uuid,
        balance: account.balance,
        lifetime_earned: account.lifetime_earned,
        lifetime_spent: account.lifetime_spent,
        currency_unit: "credits",
        held: Sum::ZERO,
        available: account.balance,
        floor: account.floor,
    };
    session.output.show(&wallet, || {
        fields(&[
            ("balance", wallet.balance.to_string()),
            ("lifetime_earned", wallet.lifetime_earned.to_string()),
            ("lifetime_spent", wallet.lifetime_spent.to_string()),
            ("floor", wallet.floor.to_string()),
        ])
    })
}

fn history(session: &Session, user: &UserRef, limit: Option<u32>) -> anyhow::Result<()> {
    let transactions = session.read(|tx| {
        let user = session::look_up(tx, user)?;
        let apps = tx.apps()?;
        let mut left = limit.unwrap_or(u32::MAX);
        let mut query = HistoryQuery::newest(0);
        let mut transactions = Vec::new();
        loop {
            query.limit = left.min(PAGE);
            let entries = tx.history(user.id, &query)?;
            let Some(last) = entries.last() else { return Ok(transactions) };
            query.before_sequence = Some(last.sequence);
            left = left.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
            for entry in entries {
                let app_id = apps.iter().find(|app| app.id == entry.app_id).map(|app| app.uuid);
                transactions.push(Transaction::of(entry, app_id));
            }
        }
    })?;
    session.output.show(&transactions, || {
        let cells = |transaction: &Transaction| {
            vec![
                transaction.created_at.clone(),
                transaction.r#type.to_owned(),
                transaction.amount.to_string(),
                transaction.balance_after.to_string(),
                optional(transaction.client_reference_id.as_ref()),
                optional(transaction.description.as_ref()),
            ]
        };
        let rows: Vec<_> = transactions.iter().map(cells).collect();
        table(&["time", "type", "amount", "balance", "reference", "description"], &rows)
    })
}

/// All tenants, unless one is named; one consistent snapshot.
fn verify(session: &Session) -> anyhow::Result<ExitCode> {
    let mut verified = Verified { accounts: 0, entries: 0, difference: None };
    let result: Result<(), Failure> = session.database.read(|connection| {
        let mut all = tenants::list(connection)?;
        if let Some(name) = &session.tenant_name {
            all.retain(|tenant| tenant.name == *name);
            if all.is_empty() {
                return Err(ApiError::from(Code::NotFound).detail(format!("there is no tenant {name}")).into());
            }
        }
        for tenant in all {
            let mut tx = Tx::new(connection, tenant.id);
            let progress = bar(credits::accounts(&mut tx)?, "verifying");
            let found = credits::verify(&mut tx, |entries| {
                verified.accounts = verified.accounts.saturating_add(1);
                verified.entries = verified.entries.saturating_add(entries);
                progress.inc(1);
            })?;
            progress.finish_and_clear();
            if let Some(Finding { account_id, what }) = found {
                verified.difference = Some(format!("tenant {}, user {account_id}: {what}", tenant.name));
                break;
            }
        }
        Ok(())
    });
    result?;
    session.output.show(&verified, || match &verified.difference {
        Some(difference) => format!("difference: {difference}"),
        None => format!("{} wallets and {} entries agree", verified.accounts, verified.entries),
    })?;
    Ok(if verified.difference.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
