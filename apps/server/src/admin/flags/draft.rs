//! A change of the flags of an app, or of every app's, before it is made: checked, written, audited and kept as a version
//! in one step.

use std::collections::BTreeSet;

use osaycore_audit::{Action, Details, Event, Field, Log as _, Target, TargetKind};
use osaycore_directory::{App, Storage as _};
use osaycore_flags::{Fault, FlagFile, Key};

use super::scope;
use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::flag_versions::{self, Change, Content, Version};
use crate::store::flags::{self, EVERY_APP, StoredFlag, StoredSegment, TenantFlags};
use crate::store::tx::Tx;
use crate::system;

/// The tenant's flags as they are and as they are to be. Flags of the scope are never removed, only archived.
pub(super) struct Draft<'a> {
    app: Option<&'a App>,
    pub(super) before: TenantFlags,
    pub(super) after: TenantFlags,
    faults: Vec<String>,
}

impl<'a> Draft<'a> {
    /// That changes nothing yet.
    pub(super) fn new(tx: &mut Tx<'_>, app: Option<&'a App>) -> Result<Self, Failure> {
        let tenant_id = tx.tenant_id();
        let before = flags::load(tx.connection(), tenant_id)?;
        Ok(Self { app, after: before.clone(), before, faults: Vec::new() })
    }

    /// That creates or replaces what a file names.
    pub(super) fn of_file(
        tx: &mut Tx<'_>,
        app: Option<&'a App>,
        file: &FlagFile,
        now_us: i64,
    ) -> Result<Self, Failure> {
        let mut draft = Self::new(tx, app)?;
        draft.faults = repeated(file);
        for definition in &file.flags {
            draft.put_flag(StoredFlag {
                app_id: scope(app),
                salt: hex::encode(system::random::<8>()),
                definition: definition.clone(),
                archived: false,
                updated_at_us: now_us,
            });
        }
        for definition in &file.segments {
            draft.put_segment(StoredSegment {
                app_id: scope(app),
                definition: definition.clone(),
                updated_at_us: now_us,
            });
        }
        Ok(draft)
    }

    /// Sets a flag of the scope. One that there is keeps its salt; one that is so already is not touched.
    pub(super) fn put_flag(&mut self, mut flag: StoredFlag) {
        let key = (flag.app_id, flag.definition.key.clone());
        if let Some(present) = self.after.flags.get(&key) {
            if (&present.definition, present.archived) == (&flag.definition, flag.archived) {
                return;
            }
            flag.salt.clone_from(&present.salt);
        }
        self.after.unreadable.retain(|unreadable| match &unreadable.salt {
            Some(salt) if unreadable.app_id == key.0 && unreadable.key == key.1.as_str() => {
                flag.salt.clone_from(salt);
                false
            }
            _ => true,
        });
        self.after.flags.insert(key, flag);
    }

    /// Sets a segment of the scope. One that is so already is not touched.
    pub(super) fn put_segment(&mut self, segment: StoredSegment) {
        let key = (segment.app_id, segment.definition.key.clone());
        if self.after.segments.get(&key).is_none_or(|present| present.definition != segment.definition) {
            self.after.unreadable.retain(|unreadable| {
                unreadable.salt.is_some() || unreadable.app_id != key.0 || unreadable.key != key.1.as_str()
            });
            self.after.segments.insert(key, segment);
        }
    }

    /// Makes the scope what it was: what did not exist then is archived, or removed if it is a segment.
    pub(super) fn restore(&mut self, content: Content, now_us: i64) {
        let app_id = scope(self.app);
        let had = |key: &Key| content.flags.iter().any(|flag| flag.definition.key == *key);
        for flag in self.after.flags.values_mut().filter(|flag| flag.app_id == app_id && !flag.archived) {
            if !had(&flag.definition.key) {
                (flag.archived, flag.updated_at_us) = (true, now_us);
            }
        }
        let had = |key: &Key| content.segments.iter().any(|segment| segment.key == *key);
        self.after.segments.retain(|(of_app, key), _| *of_app != app_id || had(key));
        for flag_versions::Flag { salt, archived, definition } in content.flags {
            self.put_flag(StoredFlag { app_id, salt, definition, archived, updated_at_us: now_us });
        }
        for definition in content.segments {
            self.put_segment(StoredSegment { app_id, definition, updated_at_us: now_us });
        }
    }

    /// Refuses what does not compile for the app, or for any of the tenant's where every app is affected; each fault
    /// once, and with the app's name where the rest of the tenant's does not show it. What did not compile before and is
    /// not touched is nobody's fault who changes something else: another release took it.
    pub(super) fn check(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let mut faults = self.faults.clone();
        let mut compile = |app_id: i64, named: Option<&App>| {
            let Err(found) = self.after.compile(app_id) else { return };
            let older = self.before.compile(app_id).err().unwrap_or_default();
            for fault in found.iter().filter(|fault| !older.contains(fault) || self.touches(app_id, fault)) {
                let text = fault.to_string();
                if !faults.contains(&text) {
                    faults.push(named.map_or(text.clone(), |app| format!("in app {}: {text}", app.name)));
                }
            }
        };
        if let Some(app) = self.app {
            compile(app.id, None);
        } else {
            // What apps are served that have nothing of their own, those that are made later too.
            compile(EVERY_APP, None);
            for app in tx.apps()?.iter().filter(|app| self.after.has_own(app.id)) {
                compile(app.id, Some(app));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(refused(&faults)) }
    }

    /// Whether what the fault is of is another than it was.
    fn touches(&self, app_id: i64, fault: &Fault) -> bool {
        let (before, after) = (self.before.served(app_id), self.after.served(app_id));
        let key = |key: &Option<String>| key.as_ref().and_then(|key| key.parse::<Key>().ok());
        key(&fault.flag).is_some_and(|key| before.flags.get(&key) != after.flags.get(&key))
            || key(&fault.segment).is_some_and(|key| before.segments.get(&key) != after.segments.get(&key))
    }

    /// Writes what is different, audits each of it, and keeps the version that it makes; none if nothing is.
    pub(super) fn commit(self, tx: &mut Tx<'_>, by: &By, change: Change) -> Result<Option<i64>, Failure> {
        self.check(tx)?;
        let app_id = scope(self.app);
        if self.before == self.after {
            return Ok(None);
        }
        for (key, flag) in &self.after.flags {
            let before = self.before.flags.get(key);
            if before != Some(flag) {
                flags::put_flag(tx, flag)?;
                audit_flag(tx, by, before, flag)?;
            }
        }
        for (key, segment) in &self.after.segments {
            if self.before.segments.get(key) != Some(segment) {
                flags::put_segment(tx, segment)?;
                audit_segment(tx, by, Action::SegmentApplied, app_id, &key.1)?;
            }
        }
        for (_, key) in self.before.segments.keys().filter(|key| !self.after.segments.contains_key(key)) {
            flags::remove_segment(tx, app_id, key)?;
            audit_segment(tx, by, Action::SegmentRemoved, app_id, key)?;
        }
        let number = flag_versions::newest(tx, app_id)?.saturating_add(1);
        if let Change::Rollback(to) = change {
            let mut event = event(by, Action::FlagsRolledBack, app_id);
            event.before = Details::new().with(Field::Version, number.saturating_sub(1));
            event.after = Details::new().with(Field::Version, to);
            tx.append(event)?;
        }
        let version = Version { app_id, number, at_us: by.now_us, author: by.actor.to_string(), change };
        flag_versions::append(tx, &version, &Content::of(&self.after, app_id))?;
        Ok(Some(number))
    }
}

/// What the file has twice: the set would have the last of them.
fn repeated(file: &FlagFile) -> Vec<String> {
    let flags = file.flags.iter().map(|flag| ("flag", &flag.key));
    let segments = file.segments.iter().map(|segment| ("segment", &segment.key));
    let mut seen = BTreeSet::new();
    flags
        .chain(segments)
        .filter(|(noun, key)| !seen.insert((*noun, key.as_str().to_owned())))
        .map(|(noun, key)| format!("{noun} `{key}`: defined more than once"))
        .collect()
}

/// One fault a line.
fn refused(faults: &[String]) -> Failure {
    ApiError::field(Code::InvalidField, "flags", faults.join("\n")).into()
}

fn audit_flag(tx: &mut Tx<'_>, by: &By, before: Option<&StoredFlag>, after: &StoredFlag) -> Result<(), Failure> {
    let details = |flag: &StoredFlag| {
        let status = match (flag.archived, flag.definition.active) {
            (true, _) => "archived",
            (false, true) => "active",
            (false, false) => "inactive",
        };
        Details::new().with(Field::Status, status).with(Field::Enabled, flag.definition.enabled)
    };
    let action = if after.archived { Action::FlagArchived } else { Action::FlagApplied };
    let mut event = event(by, action, after.app_id);
    event.target = Some(Target::new(TargetKind::Flag, after.definition.key.as_str()));
    event.before = before.map(details).unwrap_or_default();
    event.after = details(after);
    tx.append(event)?;
    Ok(())
}

fn audit_segment(tx: &mut Tx<'_>, by: &By, action: Action, app_id: i64, key: &Key) -> Result<(), Failure> {
    let mut event = event(by, action, app_id);
    event.target = Some(Target::new(TargetKind::Segment, key.as_str()));
    tx.append(event)?;
    Ok(())
}

fn event(by: &By, action: Action, app_id: i64) -> Event {
    let mut event = by.event(action, None);
    if app_id != EVERY_APP {
        event.app_id = Some(app_id);
    }
    event
}
