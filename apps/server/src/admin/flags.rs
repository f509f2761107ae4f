//! Flags: files applied whole or not at all, listed, exported, archived, compared, taken back.

mod draft;
mod edit;
mod explain;
mod single;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use osaycore_directory::{App, Storage as _};
use osaycore_flags::{FlagFile, FlagSet, Key};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::evaluation::kept;
use crate::store::assignments::{self, Assigned};
use crate::store::flag_versions::{self, Change, Content, Version};
use crate::store::flags::{self, EVERY_APP, StoredFlag, TenantFlags};
use crate::store::tx::Tx;
use draft::Draft;
pub(crate) use edit::{Edited, edit, newest};
pub(crate) use explain::{Somebody, explain};
pub(crate) use single::{roll_out, rolled_out, rule_name, set_enabled};
use versions::difference;
pub(crate) use versions::{Difference, diff, rollback, versions};

/// Creates or replaces what the file names, of one app or of all; what it does not name stays, and so does what it names
/// as it is. Nothing is written unless the set of every app that is affected compiles; else the refusal has one fault a
/// line. → the version that it made.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    by: &By,
    app: Option<&App>,
    file: &FlagFile,
    change: Change,
) -> Result<Option<i64>, Failure> {
    Draft::of_file(tx, app, file, by.now_us)?.commit(tx, by, change)
}

/// What [`apply`] would change, with the same refusals.
pub(crate) fn preview(tx: &mut Tx<'_>, app: Option<&App>, file: &FlagFile, now_us: i64) -> Result<Difference, Failure> {
    let draft = Draft::of_file(tx, app, file, now_us)?;
    draft.check(tx)?;
    difference(tx, app, &draft.before, &draft.after, now_us)
}

/// Takes a flag out of use, unless another flag needs it. → the version that it made.
pub(crate) fn archive(tx: &mut Tx<'_>, by: &By, app: Option<&App>, key: &Key) -> Result<Option<i64>, Failure> {
    let mut draft = Draft::new(tx, app)?;
    if !draft.archive(key, by.now_us) {
        return Err(missing(tx, app, &format!("flag {key}"), |app_id| draft.after.has_flag(app_id, key))?);
    }
    draft.commit(tx, by, Change::Archive)
}

/// Removes a segment, unless something asks of it; the refusal names each flag and segment that does. Where it was an
/// app's own, what is every app's of the same key is the app's from then on. → the version that it made.
pub(crate) fn remove_segment(tx: &mut Tx<'_>, by: &By, app: Option<&App>, key: &Key) -> Result<Option<i64>, Failure> {
    let mut draft = Draft::new(tx, app)?;
    if !draft.remove_segment(key) {
        return Err(missing(tx, app, &format!("segment {key}"), |app_id| draft.after.has_segment(app_id, key))?);
    }
    draft.commit(tx, by, Change::Archive).map_err(|failure| match failure {
        Failure::Refused(refused) if refused.code == Code::InvalidField => {
            let sentence = format!("segment `{key}` is in use; take it out of these first:\n{refused}");
            refused.detail(sentence).into()
        }
        failure => failure,
    })
}

/// That a scope has no such thing, and which scopes have.
fn missing(tx: &mut Tx<'_>, app: Option<&App>, what: &str, has: impl Fn(i64) -> bool) -> Result<Failure, Failure> {
    let of = app.map_or(" for every app".to_owned(), |app| format!(" of app {}", app.name));
    let mut sentence = format!("there is no {what}{of}");
    if app.is_some() && has(EVERY_APP) {
        sentence.push_str("; there is one for every app: leave out --app");
    }
    let owners: Vec<String> = tx.apps()?.iter().filter(|app| has(app.id)).map(|app| app.id.to_string()).collect();
    if !owners.is_empty() {
        sentence = format!("{sentence}; there is one with --app {}", owners.join(", --app "));
    }
    Ok(ApiError::from(Code::NotFound).detail(sentence).into())
}

/// Every flag and segment of the tenant, archived ones too.
fn all(tx: &mut Tx<'_>) -> Result<TenantFlags, Failure> {
    let tenant_id = tx.tenant_id();
    Ok(flags::load(tx.connection(), tenant_id)?)
}

/// The set that an app is served, and what its sticky rules served a unit before.
fn served(tx: &mut Tx<'_>, app: &App, unit: &str) -> Result<(FlagSet, Assigned), Failure> {
    let all = flags::load_of_app(tx, app.id)?;
    let (set, ..) = all.compile_rest(app.id);
    let assigned = assignments::of_unit(tx, &all.sticky(app.id, &set), &kept(unit))?;
    Ok((set, assigned))
}

/// A flag of an app's own or of every app's, and why it is stale, where it is.
pub(crate) struct Listed {
    pub(crate) flag: StoredFlag,
    /// The version that changed it last, while that is kept.
    pub(crate) version: Option<i64>,
    /// The variant that everybody has from now on.
    pub(crate) constant: Option<String>,
    /// It is past its `expires_at`.
    pub(crate) expired: bool,
}

/// Every flag of the tenant, archived ones too, by app and key. One of every app's is stale if it is by itself, whatever
/// apps have beside it.
pub(crate) fn list(tx: &mut Tx<'_>, now_us: i64) -> Result<Vec<Listed>, Failure> {
    let all = all(tx)?;
    let versions = flag_versions::list(tx, None)?;
    let apps: BTreeSet<i64> = all.flags.values().map(|flag| flag.app_id).collect();
    let mut stale = BTreeMap::new();
    for app_id in apps {
        let (set, ..) = all.compile_rest(app_id);
        for flag in set.stale(now_us) {
            let why = (flag.constant.map(str::to_owned), flag.expired);
            stale.insert((app_id, flag.flag.to_owned()), why);
        }
    }
    let listed = |flag: StoredFlag| {
        let made = |version: &&Version| (version.app_id, version.at_us) == (flag.app_id, flag.updated_at_us);
        let version = versions.iter().find(made).map(|version| version.number);
        let why =
            if flag.archived { None } else { stale.remove(&(flag.app_id, flag.definition.key.as_str().to_owned())) };
        let (constant, expired) = why.unwrap_or_default();
        Listed { flag, version, constant, expired }
    };
    Ok(all.flags.into_values().map(listed).collect())
}

/// A flag of an app's own, or of every app's, archived or not.
pub(crate) fn find(tx: &mut Tx<'_>, app: Option<&App>, key: &str) -> Result<Option<StoredFlag>, Failure> {
    Ok(flags::find(tx, scope(app), key)?)
}

/// Whether such a flag is stale, as in [`list`]: the variant that everybody has from now on, and that it is past its
/// `expires_at`.
pub(crate) fn staleness(tx: &mut Tx<'_>, flag: &StoredFlag, now_us: i64) -> Result<(Option<String>, bool), Failure> {
    if flag.archived {
        return Ok((None, false));
    }
    let of_app = flags::load_of_app(tx, flag.app_id)?;
    let (set, ..) = of_app.compile_rest(flag.app_id);
    let mut stale = set.stale(now_us);
    let why = stale.find(|stale| stale.flag == flag.definition.key.as_str());
    Ok(why.map_or((None, false), |why| (why.constant.map(str::to_owned), why.expired)))
}

/// What of the tenant's flags wants somebody.
pub(crate) struct Wanting {
    /// What is not served, as it does not compile in this release: each fault once.
    pub(crate) unserved: Vec<String>,
    /// The keys of flags that are stale, as in [`list`].
    pub(crate) stale: Vec<String>,
}

/// Every set of the tenant is compiled once.
pub(crate) fn wanting(tx: &mut Tx<'_>, now_us: i64) -> Result<Wanting, Failure> {
    let all = all(tx)?;
    let mut wanting = Wanting { unserved: Vec::new(), stale: Vec::new() };
    let apps = tx.apps()?;
    let own = apps.iter().filter(|app| all.has_own(app.id)).map(Some);
    for app in [None].into_iter().chain(own) {
        let app_id = scope(app);
        let (set, _, wrong) = all.compile_rest(app_id);
        let is_of_it = |key: &str| key.parse().is_ok_and(|key: Key| all.flags.contains_key(&(app_id, key)));
        let stale = set.stale(now_us).map(|stale| stale.flag.to_owned());
        wanting.stale.extend(stale.filter(|key| is_of_it(key)));
        for fault in wrong {
            if !wanting.unserved.contains(&fault) {
                wanting.unserved.push(app.map_or(fault.clone(), |app| format!("in app {}: {fault}", app.name)));
            }
        }
    }
    Ok(wanting)
}

/// What is in use and this release cannot read, of one scope or of all: the list and the file are without it.
pub(crate) fn unread(tx: &mut Tx<'_>, app_id: Option<i64>) -> Result<Vec<String>, Failure> {
    let unreadable = all(tx)?.unreadable.into_iter().filter(|unread| !unread.archived);
    Ok(unreadable
        .filter(|unread| app_id.is_none_or(|id| id == unread.app_id))
        .map(|unread| unread.to_string())
        .collect())
}

/// What a file would say that makes what an app has of its own, or without an app what is every app's.
pub(crate) fn export(tx: &mut Tx<'_>, app: Option<&App>) -> Result<FlagFile, Failure> {
    let app_id = scope(app);
    let all = all(tx)?;
    Ok(FlagFile {
        flags: all
            .flags
            .into_values()
            .filter(|flag| flag.app_id == app_id && !flag.archived)
            .map(|flag| flag.definition)
            .collect(),
        segments: all
            .segments
            .into_values()
            .filter(|segment| segment.app_id == app_id)
            .map(|segment| segment.definition)
            .collect(),
    })
}

/// Whose flags a change without an app, or with one, is about.
pub(crate) fn scope(app: Option<&App>) -> i64 {
    app.map_or(EVERY_APP, |app| app.id)
}
