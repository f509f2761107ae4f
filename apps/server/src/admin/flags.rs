//! Flags: files applied whole or not at all, listed, exported, archived.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::{App, Storage as _};
use osaycore_flags::{FlagFile, FlagSet, Key};

use super::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::db::StoreError;
use crate::store::flags::{self, EVERY_APP, StoredFlag, StoredSegment, TenantFlags};
use crate::store::tx::Tx;
use crate::system;

/// Creates or replaces what the file names, of one app or of all; what it does not name stays. Nothing is written
/// unless the set of every app that is affected compiles; else the refusal has one fault a line.
pub(crate) fn apply(tx: &mut Tx<'_>, by: &By, app: Option<&App>, file: &FlagFile) -> Result<(), Failure> {
    let app_id = app.map_or(EVERY_APP, |app| app.id);
    let tenant_id = tx.tenant_id();
    let before = flags::load(tx.connection(), tenant_id)?;
    let mut after = before.clone();
    let mut faults = repeated(file);
    for definition in &file.flags {
        let key = (app_id, definition.key.clone());
        let salt = before.flags.get(&key).map_or_else(|| hex::encode(system::random::<8>()), |flag| flag.salt.clone());
        let flag =
            StoredFlag { app_id, salt, definition: definition.clone(), archived: false, updated_at_us: by.now_us };
        after.flags.insert(key, flag);
    }
    for definition in &file.segments {
        let segment = StoredSegment { app_id, definition: definition.clone(), updated_at_us: by.now_us };
        after.segments.insert((app_id, definition.key.clone()), segment);
    }
    faults.extend(check(tx, app, &after)?);
    if !faults.is_empty() {
        return Err(refused(&faults));
    }
    for definition in &file.flags {
        let key = (app_id, definition.key.clone());
        if let Some(flag) = after.flags.get(&key) {
            flags::put_flag(tx, flag)?;
            audit_flag(tx, by, Action::FlagApplied, before.flags.get(&key), flag)?;
        }
    }
    for definition in &file.segments {
        if let Some(segment) = after.segments.get(&(app_id, definition.key.clone())) {
            flags::put_segment(tx, segment)?;
            let mut event = event(by, Action::SegmentApplied, app_id);
            event.target = Some(Target::new(TargetKind::Segment, definition.key.as_str()));
            tx.append(event)?;
        }
    }
    Ok(())
}

/// Takes a flag out of use, unless another flag needs it.
pub(crate) fn archive(tx: &mut Tx<'_>, by: &By, app: Option<&App>, key: &Key) -> Result<(), Failure> {
    let tenant_id = tx.tenant_id();
    let mut all = flags::load(tx.connection(), tenant_id)?;
    let app_id = app.map_or(EVERY_APP, |app| app.id);
    let Some(flag) = all.flags.get_mut(&(app_id, key.clone())).filter(|flag| !flag.archived) else {
        let of = app.map_or(" for every app".to_owned(), |app| format!(" of app {}", app.name));
        let mut sentence = format!("there is no flag {key}{of}");
        let has = |app_id: i64| all.flags.get(&(app_id, key.clone())).is_some_and(|flag| !flag.archived);
        if app.is_some() && has(EVERY_APP) {
            sentence.push_str("; there is one for every app: leave out --app");
        }
        let owners: Vec<String> = tx.apps()?.iter().filter(|app| has(app.id)).map(|app| app.id.to_string()).collect();
        if !owners.is_empty() {
            sentence = format!("{sentence}; there is one with --app {}", owners.join(", --app "));
        }
        return Err(ApiError::from(Code::NotFound).detail(sentence).into());
    };
    let before = flag.clone();
    (flag.archived, flag.updated_at_us) = (true, by.now_us);
    let archived = flag.clone();
    let faults = check(tx, app, &all)?;
    if !faults.is_empty() {
        return Err(refused(&faults));
    }
    flags::put_flag(tx, &archived)?;
    audit_flag(tx, by, Action::FlagArchived, Some(&before), &archived)
}

/// Every flag and segment of the tenant, archived ones too.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<TenantFlags, Failure> {
    let tenant_id = tx.tenant_id();
    Ok(flags::load(tx.connection(), tenant_id)?)
}

/// The set that an app is served.
pub(crate) fn served(tx: &mut Tx<'_>, app: &App) -> Result<FlagSet, Failure> {
    Ok(all(tx)?.compile(app.id).map_err(|_| StoreError::Corrupt("set of flags"))?)
}

/// What a file would say that makes what an app has of its own, or without an app what is every app's.
pub(crate) fn export(tx: &mut Tx<'_>, app: Option<&App>) -> Result<FlagFile, Failure> {
    let app_id = app.map_or(EVERY_APP, |app| app.id);
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

/// What is wrong with the sets of the apps that a change of `app`, or of all, affects; each fault once, and with the
/// app's name where the rest of the tenant's does not show it.
fn check(tx: &mut Tx<'_>, app: Option<&App>, all: &TenantFlags) -> Result<Vec<String>, Failure> {
    let mut faults: Vec<String> = Vec::new();
    let mut compile = |app_id: i64, named: Option<&App>| {
        for fault in all.compile(app_id).err().unwrap_or_default() {
            let text = fault.to_string();
            if !faults.contains(&text) {
                faults.push(named.map_or(text.clone(), |app| format!("in app {}: {text}", app.name)));
            }
        }
    };
    if let Some(app) = app {
        compile(app.id, None);
    } else {
        // Also what an app gets that is made later.
        compile(EVERY_APP, None);
        for app in tx.apps()? {
            compile(app.id, Some(&app));
        }
    }
    Ok(faults)
}

/// What the file has twice: the set would have the last of them.
fn repeated(file: &FlagFile) -> Vec<String> {
    let flags = file.flags.iter().map(|flag| ("flag", &flag.key));
    let segments = file.segments.iter().map(|segment| ("segment", &segment.key));
    let mut seen = std::collections::BTreeSet::new();
    flags
        .chain(segments)
        .filter(|(noun, key)| !seen.insert((*noun, key.as_str().to_owned())))
        .map(|(noun, key)| format!("{noun} `{key}`: defined more than once"))
        .collect()
}

fn refused(faults: &[String]) -> Failure {
    ApiError::field(Code::InvalidField, "flags", faults.join("\n")).into()
}

fn audit_flag(
    tx: &mut Tx<'_>,
    by: &By,
    action: Action,
    before: Option<&StoredFlag>,
    after: &StoredFlag,
) -> Result<(), Failure> {
    let details = |flag: &StoredFlag| {
        let status = match (flag.archived, flag.definition.active) {
            (true, _) => "archived",
            (false, true) => "active",
            (false, false) => "inactive",
        };
        Details::new().with(Field::Status, status).with(Field::Enabled, flag.definition.enabled)
    };
    let mut event = event(by, action, after.app_id);
    event.target = Some(Target::new(TargetKind::Flag, after.definition.key.as_str()));
    event.before = before.map(details).unwrap_or_default();
    event.after = details(after);
    tx.append(event)?;
    Ok(())
}

fn event(by: &By, action: Action, app_id: i64) -> osaycore_audit::Event {
    let mut event = by.event(action, None);
    if app_id != EVERY_APP {
        event.app_id = Some(app_id);
    }
    event
}
