//! Versions of the flags of an app, or of every app's: listed, compared, put back.

use osaycore_directory::{App, Storage as _};
use osaycore_flags::{Changed, Diff};
use serde::Serialize;
use uuid::Uuid;

use super::draft::Draft;
use super::scope;
use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::flag_versions::{self, Change, Version};
use crate::store::flags::TenantFlags;
use crate::store::tx::Tx;

/// What changes for users.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    #[serde(flatten)]
    pub(crate) all: Diff,
    /// Of every app's flags: the apps with flags or segments of their own to which it makes another difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) apps: Vec<InApp>,
}

/// What changes for the users of one app.
#[derive(Debug, Serialize)]
pub(crate) struct InApp {
    pub(crate) app_id: Uuid,
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) diff: Diff,
}

impl Difference {
    /// One change a line; none: nothing that decides what users are served.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = sentences(&self.all, "");
        for app in &self.apps {
            let mut of_app = sentences(&app.diff, &format!("in app {}: ", app.name));
            if of_app.is_empty() {
                of_app.push(format!("in app {}: nothing, by flags of its own", app.name));
            }
            lines.append(&mut of_app);
        }
        lines
    }
}

fn sentences(diff: &Diff, prefix: &str) -> Vec<String> {
    let of = |noun: &str, changed: &[Changed]| -> Vec<String> {
        let text = changed.iter().flat_map(|one| one.to_string().lines().map(str::to_owned).collect::<Vec<_>>());
        text.map(|line| format!("{prefix}{noun} {line}")).collect()
    };
    [of("segment", &diff.segments), of("flag", &diff.flags)].concat()
}

/// The versions of an app's flags, or of every app's, newest first.
pub(crate) fn versions(tx: &mut Tx<'_>, app: Option<&App>) -> Result<Vec<Version>, Failure> {
    Ok(flag_versions::list(tx, Some(scope(app)))?)
}

/// What changed from one version to another, with everything else as it is now: by default to the last one, and from the
/// one before. → the numbers, and what changed.
pub(crate) fn diff(
    tx: &mut Tx<'_>,
    app: Option<&App>,
    (from, to): (Option<i64>, Option<i64>),
    now_us: i64,
) -> Result<(i64, i64, Difference), Failure> {
    let to = match to {
        Some(to) => to,
        None => flag_versions::newest(tx, scope(app))?,
    };
    let from = from.unwrap_or_else(|| to.saturating_sub(1).max(0));
    let (before, after) = (restored(tx, app, from, now_us)?, restored(tx, app, to, now_us)?);
    check(tx, &before, from)?;
    check(tx, &after, to)?;
    let (before, after) = (before.after, after.after);
    Ok((from, to, difference(tx, app, &before, &after, now_us)?))
}

/// Makes a scope what it was at a version, by default at the one before the last: what did not exist then is archived, or
/// removed if it is a segment; salts stay. Refused if that would not compile for an app that is affected, or has what another
/// release wrote. → the version
/// that it went back to, and the one that this made, unless nothing was different.
pub(crate) fn rollback(
    tx: &mut Tx<'_>,
    by: &By,
    app: Option<&App>,
    to: Option<i64>,
) -> Result<(i64, Option<i64>), Failure> {
    let newest = flag_versions::newest(tx, scope(app))?;
    if newest == 0 {
        return Err(ApiError::from(Code::NotFound).detail("there is no version yet: nothing to go back from").into());
    }
    let to = to.unwrap_or_else(|| newest.saturating_sub(1));
    let draft = restored(tx, app, to, by.now_us)?;
    if let Some(unread) = draft.unwritable() {
        let sentence = format!("version {to} has what another release wrote and this one cannot put back: {unread}");
        return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
    }
    check(tx, &draft, to)?;
    Ok((to, draft.commit(tx, by, Change::Rollback(to))?))
}

/// What changes between two states of the tenant's flags, for an app or for every app.
pub(super) fn difference(
    tx: &mut Tx<'_>,
    app: Option<&App>,
    before: &TenantFlags,
    after: &TenantFlags,
    now_us: i64,
) -> Result<Difference, Failure> {
    let compare = |app_id: i64| {
        let ((before, ..), (after, ..)) = (before.compile_rest(app_id), after.compile_rest(app_id));
        before.diff(&after, now_us)
    };
    let all = compare(scope(app));
    let mut apps = Vec::new();
    if app.is_none() {
        for app in tx.apps()? {
            let has_own = before.has_own(app.id) || after.has_own(app.id);
            if let Some(diff) = has_own.then(|| compare(app.id)).filter(|diff| *diff != all) {
                apps.push(InApp { app_id: app.uuid, name: app.name.as_str().to_owned(), diff });
            }
        }
    }
    Ok(Difference { all, apps })
}

/// The scope as it was at a version, and everything else as it is now.
fn restored<'a>(tx: &mut Tx<'_>, app: Option<&'a App>, number: i64, now_us: i64) -> Result<Draft<'a>, Failure> {
    let Some(content) = flag_versions::content(tx, scope(app), number)? else {
        let sentence = format!("there is no version {number}, or no longer; see `osaycore flag versions`");
        return Err(ApiError::from(Code::NotFound).detail(sentence).into());
    };
    let mut draft = Draft::new(tx, app)?;
    draft.restore(content, now_us);
    Ok(draft)
}

/// Refuses a version that does not go with what else there is now.
fn check(tx: &mut Tx<'_>, draft: &Draft<'_>, number: i64) -> Result<(), Failure> {
    match draft.check(tx) {
        Err(Failure::Refused(refused)) => {
            let sentence = format!("version {number} does not go with what else there is now:\n{refused}");
            Err(refused.detail(sentence).into())
        }
        checked => checked,
    }
}
