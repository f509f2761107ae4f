//! What a flag is for somebody in an app, and why.

use osaycore_directory::{App, Storage as _, User, UserRef, effective};
use osaycore_flags::{Attribute, Context, Explanation, Key};
use osaycore_ledger::Storage as _;
use serde_json::{Map, Value};

use super::served;
use crate::admin::users;
use crate::context::{FlagContext, Remembering};
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;

/// Whom an explanation is for.
#[derive(Clone, Debug)]
pub(crate) struct Somebody {
    /// A user, as references to one are written; where attributes are given, anyone's id.
    pub(crate) id: String,
    /// Further attributes; those that are stored win.
    pub(crate) given: Option<Map<String, Value>>,
}

/// Attributes that were given, behind those that are stored.
struct Given<'a, S> {
    stored: S,
    given: &'a Map<String, Value>,
}

/// Somebody of whom nothing is stored.
struct Anyone<'a> {
    id: &'a str,
    app_id: String,
}

/// Has `tell` tell the explanation of a flag, and whether it is of a user who is known.
///
/// # Errors
/// 404: the app has no such flag in use, or nobody is known by the id and no attributes are given.
pub(crate) fn explain<T>(
    tx: &mut Tx<'_>,
    app: &App,
    key: &Key,
    somebody: &Somebody,
    now_us: i64,
    tell: impl FnOnce(&Explanation<'_>, bool) -> T,
) -> Result<T, Failure> {
    let reference = somebody.id.parse::<UserRef>();
    let user = match (reference, &somebody.given) {
        (Ok(reference), None) => Some(users::find(tx, &reference)?),
        (Ok(reference), Some(_)) => users::find_if_there(tx, &reference)?,
        (Err(error), None) => return Err(ApiError::invalid("user", error).into()),
        (Err(_), Some(_)) => None,
    };
    let given = somebody.given.clone().unwrap_or_default();
    let Some(user) = user else {
        let stored = Anyone { id: &somebody.id, app_id: app.uuid.to_string() };
        let tell = |explanation: &Explanation<'_>| tell(explanation, false);
        return of_unit(tx, app, key, &somebody.id, &Given { stored, given: &given }, now_us, tell);
    };
    of_user(tx, app, key, &user, &given, now_us, |explanation| tell(explanation, true))
}

fn of_user<T>(
    tx: &mut Tx<'_>,
    app: &App,
    key: &Key,
    user: &User,
    given: &Map<String, Value>,
    now_us: i64,
    tell: impl FnOnce(&Explanation<'_>) -> T,
) -> Result<T, Failure> {
    let permit = tx.permit(user.id, app.id)?;
    let shares_group = app.settings.restrict_to_groups && tx.shares_group(user.id, app.id)?;
    let effective = effective(app, permit.as_ref(), shares_group);
    let groups = tx.group_names(user.id)?;
    let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
    let stored = FlagContext::new(user, permit.as_ref(), &effective, &groups, &account).in_app(app.uuid);
    of_unit(tx, app, key, &user.uuid.to_string(), &Given { stored, given }, now_us, tell)
}

fn of_unit<T>(
    tx: &mut Tx<'_>,
    app: &App,
    key: &Key,
    unit: &str,
    attributes: &impl Context,
    now_us: i64,
    tell: impl FnOnce(&Explanation<'_>) -> T,
) -> Result<T, Failure> {
    let (set, assigned) = served(tx, app, unit)?;
    let context = Remembering { attributes, assigned: &assigned };
    let Some(explanation) = set.explain(key.as_str(), &context, now_us) else {
        let missing = format!("app {} has no active flag {key}", app.name);
        return Err(ApiError::from(Code::NotFound).detail(missing).into());
    };
    Ok(tell(&explanation))
}

impl<S: Context> Context for Given<'_, S> {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.stored.attribute(name).or_else(|| self.given.attribute(name))
    }
}

impl Context for Anyone<'_> {
    fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        match name {
            "user_id" => Some(Attribute::Text(self.id)),
            "app_id" => Some(Attribute::Text(&self.app_id)),
            _ => None,
        }
    }
}
