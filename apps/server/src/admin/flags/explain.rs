//! What a flag is for somebody in an app, and why.

use osaycore_directory::{App, Storage as _, User, UserRef, effective, user_by_api_id};
use osaycore_flags::{Context, Explanation, Key};
use osaycore_ledger::Storage as _;
use serde_json::{Map, Value};

use super::served;
use crate::admin::users;
use crate::context::{FlagContext, Given, Layers, Remembering};
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

/// Which flag, in which app, when.
struct Asked<'a> {
    app: &'a App,
    key: &'a Key,
    now_us: i64,
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
    let asked = Asked { app, key, now_us };
    let reference = somebody.id.parse::<UserRef>();
    let Some(given) = somebody.given.clone() else {
        let user = users::look_up(tx, &reference.map_err(|error| ApiError::invalid("user", error))?)?;
        return asked.of_user(tx, &user, None, |explanation| tell(explanation, true));
    };
    let given = Given::about(&somebody.id, given);
    // Whom OpenFeature's clients would mean by it comes first.
    let meant = match (user_by_api_id(tx, app.id, &somebody.id)?, reference) {
        (None, Ok(reference)) => users::look_up_if_there(tx, &reference)?.filter(|user| !user.is_deleted()),
        (known, _) => known,
    };
    if let Some(user) = meant {
        return asked.of_user(tx, &user, Some(&given), |explanation| tell(explanation, true));
    }
    let layers = Layers::new(None, &given, app.uuid.to_string());
    asked.of_unit(tx, &somebody.id, &layers, |explanation| tell(explanation, false))
}

impl Asked<'_> {
    fn of_user<T>(
        &self,
        tx: &mut Tx<'_>,
        user: &User,
        given: Option<&Given>,
        tell: impl FnOnce(&Explanation<'_>) -> T,
    ) -> Result<T, Failure> {
        let app = self.app;
        let permit = tx.permit(user.id, app.id)?;
        let shares_group = app.settings.restrict_to_groups && tx.shares_group(user.id, app.id)?;
        let effective = effective(app, permit.as_ref(), shares_group);
        let groups = tx.group_names(user.id)?;
        let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
        let stored = FlagContext::new(user, permit.as_ref(), &effective, &groups, &account).in_app(app.uuid);
        let unit = user.uuid.to_string();
        match given {
            None => self.of_unit(tx, &unit, &stored, tell),
            Some(given) => self.of_unit(tx, &unit, &Layers::new(Some(stored), given, app.uuid.to_string()), tell),
        }
    }

    fn of_unit<T>(
        &self,
        tx: &mut Tx<'_>,
        unit: &str,
        attributes: &impl Context,
        tell: impl FnOnce(&Explanation<'_>) -> T,
    ) -> Result<T, Failure> {
        let (set, assigned) = served(tx, self.app, unit)?;
        let context = Remembering { attributes, assigned: &assigned };
        let Some(explanation) = set.explain(self.key.as_str(), &context, self.now_us) else {
            let missing = format!("app {} has no active flag {}", self.app.name, self.key);
            return Err(ApiError::from(Code::NotFound).detail(missing).into());
        };
        Ok(tell(&explanation))
    }
}
