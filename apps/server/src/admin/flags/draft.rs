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
use crate::store::flags::{self, EVERY_APP, StoredFlag, StoredSegment, TenantFlags, Unreadable};
use crate::store::tx::Tx;
use crate::system;

/// The tenant's flags as they are and as they are to be. Flags of the scope are never removed, only archived.
pub(super) struct Draft<'a> {
    app: Option<&'a App>,
    pub(super) before: TenantFlags,
    pub(super) after: TenantFlags,
    file: Option<&'a FlagFile>,
    faults: Vec<String>,
}

impl<'a> Draft<'a> {
    /// That changes nothing yet.
    pub(super) fn new(tx: &mut Tx<'_>, app: Option<&'a App>) -> Result<Self, Failure> {
        let tenant_id = tx.tenant_id();
        let before = flags::load(tx.connection(), tenant_id)?;
        Ok(Self { app, after: before.clone(), before, file: None, faults: Vec::new() })
    }

    /// That creates or replaces what a file names.
    pub(super) fn of_file(
        tx: &mut Tx<'_>,
        app: Option<&'a App>,
        file: &'a FlagFile,
        now_us: i64,
    ) -> Result<Self, Failure> {
        let mut draft = Self::new(tx, app)?;
        (draft.file, draft.faults) = (Some(file), repeated(file));
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
        if let Some(salt) = self.take_unread(key.0, true, &key.1).and_then(|unread| unread.salt) {
            flag.salt = salt;
        }
        self.after.flags.insert(key, flag);
    }

    /// Sets a segment of the scope. One that is so already is not touched.
    pub(super) fn put_segment(&mut self, segment: StoredSegment) {
        let key = (segment.app_id, segment.definition.key.clone());
        if self.after.segments.get(&key).is_none_or(|present| present.definition != segment.definition) {
            self.take_unread(key.0, false, &key.1);
            self.after.segments.insert(key, segment);
        }
    }

    /// Takes a flag of the scope out of use, also one that cannot be read. → whether it was in use.
    pub(super) fn archive(&mut self, key: &Key, now_us: i64) -> bool {
        let app_id = scope(self.app);
        let was_in_use = self.after.has_flag(app_id, key);
        if let Some(flag) = self.after.flags.get_mut(&(app_id, key.clone())).filter(|flag| !flag.archived) {
            (flag.archived, flag.updated_at_us) = (true, now_us);
        }
        for unread in self.after.unreadable.iter_mut().filter(|unread| unread.is(app_id, true, key.as_str())) {
            unread.archived = true;
        }
        was_in_use
    }

    /// Removes a segment of the scope, also one that cannot be read. → whether there was one.
    pub(super) fn remove_segment(&mut self, key: &Key) -> bool {
        let app_id = scope(self.app);
        self.take_unread(app_id, false, key).is_some() || self.after.segments.remove(&(app_id, key.clone())).is_some()
    }

    fn take_unread(&mut self, app_id: i64, flag: bool, key: &Key) -> Option<Unreadable> {
        let unreadable = &mut self.after.unreadable;
        let at = unreadable.iter().position(|unread| unread.is(app_id, flag, key.as_str()))?;
        Some(unreadable.remove(at))
    }

    /// Makes the scope what it was: what did not exist then is archived, or removed if it is a segment.
    pub(super) fn restore(&mut self, content: Content, now_us: i64) {
        let app_id = scope(self.app);
        for flag in self.after.flags.values_mut().filter(|flag| flag.app_id == app_id && !flag.archived) {
            if !content.has(true, flag.definition.key.as_str()) {
                (flag.archived, flag.updated_at_us) = (true, now_us);
            }
        }
        self.after.segments.retain(|(of_app, key), _| *of_app != app_id || content.has(false, key.as_str()));
        self.after.unreadable.retain_mut(|unread| {
            let is_gone = unread.app_id == app_id && !content.has(unread.is_flag(), &unread.key);
            unread.archived |= is_gone && unread.is_flag();
            !is_gone || unread.is_flag()
        });
        for then in content.unreadable {
            // What there is of it now can be read. To be compared it gives way; to be written it is refused.
            if let Ok(key) = then.key.parse() {
                let read = (app_id, key);
                if then.is_flag() {
                    self.after.flags.remove(&read);
                } else {
                    self.after.segments.remove(&read);
                }
            }
            let mut unreadable = self.after.unreadable.iter_mut();
            match unreadable.find(|unread| unread.is(app_id, then.is_flag(), &then.key)) {
                Some(now) if now.definition == then.definition => now.archived = then.archived,
                Some(now) => *now = then,
                None => self.after.unreadable.push(then),
            }
        }
        for flag_versions::Flag { salt, archived, definition } in content.flags {
            self.put_flag(StoredFlag { app_id, salt, definition, archived, updated_at_us: now_us });
        }
        for definition in content.segments {
            self.put_segment(StoredSegment { app_id, definition, updated_at_us: now_us });
        }
    }

    /// What it would have to write, but that this release cannot read it; what is written already may stay.
    pub(super) fn unwritable(&self) -> Option<&Unreadable> {
        let is_written = |unread: &Unreadable| {
            let mut before = self.before.unreadable.iter();
            before
                .any(|one| one.is(unread.app_id, unread.is_flag(), &unread.key) && one.definition == unread.definition)
        };
        self.after.unreadable.iter().find(|unread| !is_written(unread))
    }

    /// Refuses what does not compile for the app, or for any of the tenant's where every app is affected; each fault
    /// once, and with the app's name where the rest of the tenant's does not show it. What did not compile before and is
    /// not touched is nobody's fault who changes something else: another release took it.
    pub(super) fn check(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let mut faults = self.faults.clone();
        let mut compile = |app_id: i64, named: Option<&App>| {
            let Err(found) = self.after.compile(app_id) else { return };
            let older = self.before.compile(app_id).err().unwrap_or_default();
            let new = found.iter().filter(|fault| !older.contains(fault)).map(Fault::to_string);
            let left_out = self.left_out(app_id).into_iter().map(|text| {
                let is_there = !found.iter().any(|fault| fault.to_string() == text);
                if is_there { format!("{text} (what is stored of it does not compile in this release)") } else { text }
            });
            for text in new.chain(left_out) {
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

    /// Why the app would not be served what the draft names or changes: that itself is wrong, or what it needs is.
    fn left_out(&self, app_id: i64) -> Vec<String> {
        let (before, after) = (self.before.served(app_id), self.after.served(app_id));
        let (_, rest, wrong) = self.after.compile_rest(app_id);
        let flags = after.flags.iter().filter(|(key, flag)| {
            let is_named = flag.app_id == scope(self.app)
                && self.file.is_some_and(|file| file.flags.iter().any(|named| named.key == ***key));
            !rest.flags.contains_key(**key) && (is_named || before.flags.get(**key) != Some(*flag))
        });
        let segments = after.segments.iter().filter(|(key, segment)| {
            let is_named = segment.app_id == scope(self.app)
                && self.file.is_some_and(|file| file.segments.iter().any(|named| named.key == ***key));
            !rest.segments.contains_key(**key) && (is_named || before.segments.get(**key) != Some(*segment))
        });
        let names = flags.map(|(key, _)| format!("flag `{key}`"));
        let names: Vec<String> = names.chain(segments.map(|(key, _)| format!("segment `{key}`"))).collect();
        wrong.into_iter().filter(|fault| names.iter().any(|name| fault.starts_with(name.as_str()))).collect()
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
        for flag in self.after.unreadable.iter().filter(|unread| !self.before.unreadable.contains(unread)) {
            flags::set_archived(tx, flag, by.now_us)?;
            audit_unread(tx, by, flag)?;
        }
        let read = self.before.segments.values().map(|segment| (segment.app_id, &segment.definition.key));
        let unread: Vec<(i64, Key)> = self.before.unreadable.iter().filter_map(segment_key).collect();
        for (of_app, key) in read.chain(unread.iter().map(|(of_app, key)| (*of_app, key))) {
            if !self.after.has_segment(of_app, key) {
                flags::remove_segment(tx, of_app, key.as_str())?;
                audit_segment(tx, by, Action::SegmentRemoved, of_app, key)?;
            }
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

/// Of a segment that cannot be read.
fn segment_key(unread: &Unreadable) -> Option<(i64, Key)> {
    let key = (!unread.is_flag()).then(|| unread.key.parse().ok())??;
    Some((unread.app_id, key))
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

fn audit_unread(tx: &mut Tx<'_>, by: &By, flag: &Unreadable) -> Result<(), Failure> {
    let (action, status) =
        if flag.archived { (Action::FlagArchived, "archived") } else { (Action::FlagApplied, "unreadable") };
    let mut event = event(by, action, flag.app_id);
    event.target = Some(Target::new(TargetKind::Flag, &flag.key));
    event.after = Details::new().with(Field::Status, status);
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
