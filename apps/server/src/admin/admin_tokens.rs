//! Tokens of the admin API: made and removed by an operator.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::{AdminScopes, Name};

use super::By;
use super::eval_keys::hash;
use crate::error::{ApiError, Code, Failure};
use crate::store::admin_tokens::{self, AdminToken};
use crate::store::tx::Tx;
use crate::store::versions;
use crate::system;

const PREFIX: &str = "oat_";

/// Makes a token, which expires after so many seconds if it does; → as it is kept, and the token, which is told once.
pub(crate) fn create(
    tx: &mut Tx<'_>,
    by: &By,
    name: &Name,
    scopes: &AdminScopes,
    expires_in_s: Option<i64>,
) -> Result<(AdminToken, String), Failure> {
    if admin_tokens::list(tx)?.iter().any(|token| token.name == *name) {
        let sentence = format!("name: there is an admin token {name} already");
        return Err(ApiError::field(Code::ReferenceConflict, "name", sentence).into());
    }
    let secret = system::credential(PREFIX);
    let token = AdminToken {
        tenant_id: tx.tenant_id(),
        id: versions::next_id(tx.connection(), "secret")?,
        name: name.clone(),
        token_hash: hash(&secret),
        scopes: scopes.clone(),
        creator: by.actor.to_string(),
        created_at_us: by.now_us,
        expires_at_us: expires_in_s.map(|seconds| by.now_us.saturating_add(seconds.saturating_mul(1_000_000))),
        last_used_at_us: None,
    };
    admin_tokens::insert(tx, &token)?;
    audit(tx, by, Action::AdminTokenCreated, &token, (Details::new(), details(&token)))?;
    Ok((token, secret))
}

/// Removes the token of this number, or else of this name; → as it was kept.
pub(crate) fn remove(tx: &mut Tx<'_>, by: &By, token: &str) -> Result<AdminToken, Failure> {
    let tokens = admin_tokens::list(tx)?;
    let of_id = tokens.iter().find(|kept| kept.id.to_string() == token);
    let found = of_id.or_else(|| tokens.iter().find(|kept| kept.name.as_str() == token)).cloned();
    let found = found.ok_or_else(|| {
        let sentence = format!("there is no admin token {token}; see `osaycore admin-token list`");
        ApiError::from(Code::NotFound).detail(sentence)
    })?;
    admin_tokens::remove(tx, found.id)?;
    audit(tx, by, Action::AdminTokenRemoved, &found, (details(&found), Details::new()))?;
    Ok(found)
}

fn audit(
    tx: &mut Tx<'_>,
    by: &By,
    action: Action,
    token: &AdminToken,
    (before, after): (Details, Details),
) -> Result<(), Failure> {
    let mut event = by.event(action, None);
    event.target = Some(Target::new(TargetKind::AdminToken, token.id.to_string()));
    (event.before, event.after) = (before, after);
    tx.append(event)?;
    Ok(())
}

fn details(token: &AdminToken) -> Details {
    Details::new()
        .with(Field::Name, token.name.as_str())
        .with(Field::Scopes, token.scopes.to_string())
        .with(Field::ExpiresAtUs, token.expires_at_us)
}
