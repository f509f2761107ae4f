//! Evaluation keys of apps: what may evaluate flags, and do nothing else.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::{App, Name};
use sha2::{Digest as _, Sha256};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::eval_keys::{self, EvalKey};
use crate::store::tx::Tx;
use crate::store::versions;
use crate::system;

const PREFIX: &str = "ek_live_";

/// What is kept of a key: it has 256 random bits, so a plain hash tells nothing.
pub(crate) fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Makes a key; → as it is kept, and the key, which is told once.
pub(crate) fn create(tx: &mut Tx<'_>, by: &By, app: &App, name: Option<&Name>) -> Result<(EvalKey, String), Failure> {
    let id = versions::next_id(tx.connection(), "secret")?;
    let name = match name {
        Some(name) => name.clone(),
        None => format!("key {id}").parse().map_err(|error| ApiError::invalid("name", error))?,
    };
    if eval_keys::of_app(tx, app.id)?.iter().any(|key| key.name == name) {
        let sentence = format!("the app has an evaluation key {name} already");
        return Err(ApiError::field(Code::ReferenceConflict, "name", sentence).into());
    }
    let secret = system::credential(PREFIX);
    let key = EvalKey { app_id: app.id, id, name, key_hash: hash(&secret), created_at_us: by.now_us };
    eval_keys::insert(tx, &key)?;
    audit(tx, by, Action::AppEvalKeyCreated, app, (Details::new(), details(&key)))?;
    Ok((key, secret))
}

/// Removes the key of this id, or else of this name; → as it was kept.
pub(crate) fn remove(tx: &mut Tx<'_>, by: &By, app: &App, key: &str) -> Result<EvalKey, Failure> {
    let keys = eval_keys::of_app(tx, app.id)?;
    let of_id = keys.iter().find(|kept| kept.id.to_string() == key);
    let found = of_id.or_else(|| keys.iter().find(|kept| kept.name.as_str() == key)).cloned();
    let sentence = || ApiError::from(Code::NotFound).detail(format!("the app has no evaluation key {key}"));
    let found = found.ok_or_else(sentence)?;
    eval_keys::remove(tx, &found)?;
    audit(tx, by, Action::AppEvalKeyRemoved, app, (details(&found), Details::new()))?;
    Ok(found)
}

fn audit(
    tx: &mut Tx<'_>,
    by: &By,
    action: Action,
    app: &App,
    (before, after): (Details, Details),
) -> Result<(), Failure> {
    let mut event = by.event(action, None);
    event.app_id = Some(app.id);
    event.target = Some(Target::new(TargetKind::App, app.uuid.to_string()));
    (event.before, event.after) = (before, after);
    tx.append(event)?;
    Ok(())
}

fn details(key: &EvalKey) -> Details {
    Details::new().with(Field::Name, key.name.as_str())
}
