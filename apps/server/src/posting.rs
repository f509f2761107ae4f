//! A ledger command of a request, inside of a group: whom it is about, whether that is allowed, and the posting.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use osaycore_audit::{Action, Field, Log, Target, TargetKind, Value};
use osaycore_directory::{App, Denied, User, may_deduct, parse_uuid, user_by_api_id};
use osaycore_ledger::{
    Add, AddKind, Amount, AmountError, Charge, Command, Deduct, Entry, Error, Outcome, Rejection, execute as post,
};
use std::sync::Arc;
use uuid::Uuid;

use crate::admin::{By, credits, users};
use crate::error::{ApiError, Code, Failure};
use crate::group_commit::Effect;
use crate::store::db::StoreError;
use crate::store::members::{Member, Members};
use crate::store::tx::Tx;
use crate::system;

/// A command as it was asked for, before it is known whom it is about.
pub(crate) struct Posting {
    pub(crate) app: Arc<App>,
    pub(crate) description: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) request: Request,
}

/// The part that differs.
pub(crate) enum Request {
    /// Of the bearer.
    Deduct { user: Uuid, charge: Asked },
    /// `user_id` as the app wrote it.
    Add { user_id: String, amount: Amount, kind: AddKind, payment_id: Option<Uuid> },
}

/// How much a deduction asks for.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    Amount(Amount),
    Units(Amount),
}

/// Whom a group of commands is about.
#[derive(Default)]
pub(crate) struct Known(HashMap<(i64, Uuid), Arc<Member>>);

/// Reads what the commands need: members, accounts, references.
pub(crate) fn preload<'p>(
    tx: &mut Tx<'_>,
    members: &Members,
    postings: impl Iterator<Item = &'p Posting>,
) -> Result<Known, StoreError> {
    let postings: Vec<&Posting> = postings.collect();
    let mut wanted: BTreeMap<i64, BTreeSet<Uuid>> = BTreeMap::new();
    for posting in &postings {
        if let Some(uuid) = posting.user_uuid() {
            wanted.entry(posting.app.id).or_default().insert(uuid);
        }
    }
    let mut known = HashMap::with_capacity(postings.len());
    for (app_id, uuids) in wanted {
        let found = members.load(tx, app_id, &uuids)?;
        known.extend(found.into_iter().map(|member| ((app_id, member.user.uuid), member)));
    }
    tx.preload_accounts(known.values().map(|member| member.user.id))?;
    tx.preload_references(postings.iter().filter_map(|posting| Some((posting.app.id, posting.reference.as_deref()?))))?;
    Ok(Known(known))
}

/// Carries out one command and audits it; → the body of the answer. A refusal that matters is audited too.
pub(crate) fn execute(
    tx: &mut Tx<'_>,
    known: &Known,
    members: &Members,
    posting: &Posting,
    by: &By,
    now_us: i64,
) -> Result<Effect, Failure> {
    let member = known.member(tx, members, posting)?.ok_or(Code::UserNotFound)?;
    let user = &member.user;
    match posting.permitted(&member).map(|rate| posting.command(user, rate, now_us)) {
        Ok(command) => match post(tx, &command, now_us) {
            Ok(Outcome::Replayed(entry)) => Ok(Effect { outcome: body(&entry), replayed: true }),
            Ok(Outcome::Posted(entry)) => {
                tx.append_posted(&entry, credits::posted(by, &entry, now_us))?;
                Ok(Effect { outcome: body(&entry), replayed: false })
            }
            Err(Error::Storage(error)) => Err(error.into()),
            Err(Error::Rejected(rejection)) => refuse(tx, posting, by, user, rejected(&rejection), now_us),
            Err(_) => Err(Code::UserNotFound.into()),
        },
        Err(error) => refuse(tx, posting, by, user, error, now_us),
    }
}

impl Posting {
    /// The user, where the request names a UUID.
    fn user_uuid(&self) -> Option<Uuid> {
        match &self.request {
            Request::Deduct { user, .. } => Some(*user),
            Request::Add { user_id, .. } => parse_uuid(user_id),
        }
    }

    /// Whether the command is allowed; → the user's rate for the app.
    fn permitted(&self, member: &Member) -> Result<Amount, ApiError> {
        let effective = member.effective(&self.app);
        users::must_be_active(&member.user)?;
        match self.request {
            Request::Deduct { .. } => may_deduct(member.user.status, &effective).map_err(denied)?,
            Request::Add { .. } => app_scope(&self.app, osaycore_directory::AppScope::AddCredits)?,
        }
        Amount::from_micros(effective.credit_rate.micros()).ok_or_else(|| Code::Internal.into())
    }

    fn command(&self, user: &User, rate: Amount, now_us: i64) -> Command {
        let transaction_id = system::ordered_uuid(now_us);
        let (description, reference) = (self.description.clone(), self.reference.clone());
        match &self.request {
            Request::Deduct { charge, .. } => Command::Deduct(Deduct {
                account_id: user.id,
                app_id: self.app.id,
                transaction_id,
                charge: match *charge {
                    Asked::Amount(amount) => Charge::Amount(amount),
                    Asked::Units(units) => Charge::Units { units, rate },
                },
                description,
                reference,
            }),
            Request::Add { amount, kind, payment_id, .. } => Command::Add(Add {
                account_id: user.id,
                app_id: self.app.id,
                transaction_id,
                amount: *amount,
                kind: *kind,
                description,
                reference,
                payment_id: *payment_id,
            }),
        }
    }
}

impl Known {
    /// None: there is no such user.
    fn member(&self, tx: &mut Tx<'_>, members: &Members, posting: &Posting) -> Result<Option<Arc<Member>>, StoreError> {
        let app_id = posting.app.id;
        if let Some(member) = posting.user_uuid().and_then(|uuid| self.0.get(&(app_id, uuid))) {
            return Ok(Some(Arc::clone(member)));
        }
        match &posting.request {
            Request::Deduct { .. } => Ok(None),
            Request::Add { user_id, .. } => match user_by_api_id(tx, app_id, user_id)? {
                Some(user) => members.find(tx, app_id, user.uuid),
                None => Ok(None),
            },
        }
    }
}

/// 403 unless the app has the scope.
pub(crate) fn app_scope(app: &App, scope: osaycore_directory::AppScope) -> Result<(), ApiError> {
    if app.scopes.contains(scope) {
        return Ok(());
    }
    Err(ApiError::from(Code::ScopeMissing).detail(format!("The app lacks the scope {}", scope.as_str())))
}

/// 403 for a user who may not.
pub(crate) fn denied(denied: Denied) -> ApiError {
    match denied {
        Denied::UserInactive => Code::UserInactive.into(),
        Denied::ScopeMissing => {
            ApiError::from(Code::ScopeMissing).detail("The user lacks the scope deduct_credits in this app")
        }
        _ => Code::NotPermitted.into(),
    }
}

/// `{success, transaction_id, new_balance}`: the same bytes whenever it is made of the same entry.
fn body(entry: &Entry) -> Vec<u8> {
    format!(r#"{{"success":true,"transaction_id":"{}","new_balance":{}}}"#, entry.transaction_id, entry.balance_after)
        .into_bytes()
}

/// The wire's code for a charge or an amount that does not fit.
pub(crate) fn amount_error(field: &str, error: AmountError) -> ApiError {
    let code = match error {
        AmountError::TooPrecise => Code::AmountScale,
        AmountError::TooLarge => Code::AmountRange,
        _ => Code::InvalidField,
    };
    ApiError::field(code, field, format!("{field}: {error}"))
}

fn rejected(rejection: &Rejection) -> ApiError {
    let missing = |code: Code, balance, required, shortfall| {
        ApiError::from(code).member("balance", balance).member("required", required).member("shortfall", shortfall)
    };
    match rejection {
        Rejection::InsufficientCredits { balance, required, shortfall } => {
            missing(Code::InsufficientCredits, balance, required, shortfall)
        }
        Rejection::MinimumBalance { balance, required, shortfall } => {
            missing(Code::MinimumBalance, balance, required, shortfall)
        }
        Rejection::ReferenceConflict { field } => {
            ApiError::field(Code::ReferenceConflict, field, format!("client_reference_id: {rejection}"))
        }
        Rejection::PaymentInvalid { fault } => ApiError::invalid(fault.field(), fault),
        Rejection::PaymentUsed => ApiError::field(Code::PaymentUsed, "payment_id", rejection.to_string()),
        Rejection::Charge(error) => amount_error("units", *error),
        Rejection::BalanceLimit => Code::BalanceLimit.into(),
        _ => Code::Internal.into(),
    }
}

/// Audits 402 and 403, and hands the error on.
fn refuse(
    tx: &mut Tx<'_>,
    posting: &Posting,
    by: &By,
    user: &User,
    error: ApiError,
    now_us: i64,
) -> Result<Effect, Failure> {
    if matches!(error.code.status().as_u16(), 402 | 403) {
        let mut event = by.event(Action::CreditsRefused, Some(user.id));
        event.at_us = now_us;
        event.target = Some(Target::new(TargetKind::User, user.uuid.to_string()));
        event.reason = Some(error.code.as_str().into());
        if let Request::Deduct { charge: Asked::Amount(amount), .. } = &posting.request {
            event.after.set(Field::Required, Value::credits(amount.micros()));
        }
        tx.append(event)?;
    }
    Err(error.into())
}
