//! Flags and segments: tables `flags`, `segments`. Every change moves the version that servers poll.
//!
//! What is written with app 0 is every app's; an app's own of the same key wins over it. What is archived is as if it
//! were not there, but for its salt: applied again, nobody changes buckets.

use std::collections::BTreeMap;
use std::fmt;

use diesel::prelude::*;
use diesel::upsert::excluded;
use osaycore_flags::{Fault, FlagDefinition, FlagSet, Key, SegmentDefinition, Source};

use super::assignments::Sticky;
use super::db::{AnyConnection, StoreError, each_backend, row};
use super::schema::{flags, segments};
use super::tx::Tx;
use super::versions::{self, Kind};

/// The app id of what is every app's.
pub(crate) const EVERY_APP: i64 = 0;

/// A flag as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredFlag {
    /// Its app, or [`EVERY_APP`].
    pub(crate) app_id: i64,
    /// Made when the flag was, and kept when it is replaced.
    pub(crate) salt: String,
    pub(crate) definition: FlagDefinition,
    pub(crate) archived: bool,
    pub(crate) updated_at_us: i64,
}

/// A segment as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredSegment {
    /// Its app, or [`EVERY_APP`].
    pub(crate) app_id: i64,
    pub(crate) definition: SegmentDefinition,
    pub(crate) updated_at_us: i64,
}

/// All flags and segments of a tenant, by app and key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TenantFlags {
    pub(crate) flags: BTreeMap<(i64, Key), StoredFlag>,
    pub(crate) segments: BTreeMap<(i64, Key), StoredSegment>,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A flag or segment that this release cannot read: another one wrote it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unreadable {
    /// Its app, or [`EVERY_APP`].
    pub(crate) app_id: i64,
    pub(crate) key: String,
    /// Of a flag; none: it is a segment.
    pub(crate) salt: Option<String>,
    pub(crate) archived: bool,
    /// As it is written.
    pub(crate) definition: String,
    /// Why.
    pub(super) what: String,
}

/// What a set is compiled of, by key.
#[derive(Default)]
pub(crate) struct Served<'a> {
    pub(crate) flags: BTreeMap<&'a Key, &'a StoredFlag>,
    pub(crate) segments: BTreeMap<&'a Key, &'a StoredSegment>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = flags)]
pub(super) struct FlagRow {
    tenant_id: i64,
    app_id: i64,
    key: String,
    salt: String,
    definition: String,
    archived: bool,
    updated_at_us: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = segments)]
struct SegmentRow {
    tenant_id: i64,
    app_id: i64,
    key: String,
    definition: String,
    updated_at_us: i64,
}

impl TenantFlags {
    /// What an app is served: its own, and of the rest what is every app's. [`EVERY_APP`]: the latter alone.
    pub(crate) fn served(&self, app_id: i64) -> Served<'_> {
        let mut served = Served::default();
        // What is every app's comes first, so that the app's own replaces it.
        for scope in [EVERY_APP, app_id] {
            for flag in self.flags.values().filter(|flag| flag.app_id == scope && !flag.archived) {
                served.flags.insert(&flag.definition.key, flag);
            }
            for segment in self.segments.values().filter(|segment| segment.app_id == scope) {
                served.segments.insert(&segment.definition.key, segment);
            }
        }
        // What is every app's does not stand in for an app's own.
        for own in self.unread(app_id).filter(|unread| unread.app_id == app_id) {
            if own.is_flag() {
                served.flags.retain(|key, _| key.as_str() != own.key);
            } else {
                served.segments.retain(|key, _| key.as_str() != own.key);
            }
        }
        served
    }

    /// What an app would be served, but that it cannot be read.
    pub(crate) fn unread(&self, app_id: i64) -> impl Iterator<Item = &Unreadable> {
        self.unreadable.iter().filter(move |unread| !unread.archived && [EVERY_APP, app_id].contains(&unread.app_id))
    }

    /// Whether an app has anything but what every app has: flags in use or segments.
    pub(crate) fn has_own(&self, app_id: i64) -> bool {
        self.flags.values().any(|flag| flag.app_id == app_id && !flag.archived)
            || self.segments.values().any(|segment| segment.app_id == app_id)
            || self.unread(app_id).any(|unread| unread.app_id == app_id)
    }

    /// Whether a scope has a flag of this key that is in use.
    pub(crate) fn has_flag(&self, app_id: i64, key: &Key) -> bool {
        self.flags.get(&(app_id, key.clone())).is_some_and(|flag| !flag.archived)
            || self.unreadable.iter().any(|unread| !unread.archived && unread.is(app_id, true, key.as_str()))
    }

    /// Whether a scope has a segment of this key.
    pub(crate) fn has_segment(&self, app_id: i64, key: &Key) -> bool {
        self.segments.contains_key(&(app_id, key.clone()))
            || self.unreadable.iter().any(|unread| unread.is(app_id, false, key.as_str()))
    }

    /// The set that an app is served.
    pub(crate) fn compile(&self, app_id: i64) -> Result<FlagSet, Vec<Fault>> {
        self.served(app_id).compile()
    }

    /// The set without what does not compile, and without what needs that; what was left; and what is wrong.
    pub(crate) fn compile_rest(&self, app_id: i64) -> (FlagSet, Served<'_>, Vec<String>) {
        let mut served = self.served(app_id);
        let mut wrong: Vec<String> = self.unread(app_id).map(Unreadable::to_string).collect();
        loop {
            let faults = match served.compile() {
                Ok(set) => return (set, served, wrong),
                Err(faults) => faults,
            };
            let count = served.flags.len().saturating_add(served.segments.len());
            for fault in faults {
                served.flags.retain(|key, _| fault.flag.as_deref() != Some(key.as_str()));
                served.segments.retain(|key, _| fault.segment.as_deref() != Some(key.as_str()));
                wrong.push(fault.to_string());
            }
            // A fault names a flag or a segment. The empty set has none.
            if served.flags.len().saturating_add(served.segments.len()) == count {
                served = Served::default();
            }
        }
    }

    /// The flags of an app's set that have a sticky rule.
    pub(crate) fn sticky(&self, app_id: i64, set: &FlagSet) -> Sticky {
        let scope = |key: &str| {
            let own = key.parse().ok().and_then(|key: Key| self.flags.get(&(app_id, key)));
            own.filter(|flag| !flag.archived).map_or(EVERY_APP, |flag| flag.app_id)
        };
        set.sticky().map(|key| (key.to_owned(), scope(key))).collect()
    }
}

impl Served<'_> {
    fn compile(&self) -> Result<FlagSet, Vec<Fault>> {
        let sources = self.flags.values().map(|flag| Source { definition: &flag.definition, salt: &flag.salt });
        FlagSet::compile(sources, self.segments.values().map(|segment| &segment.definition))
    }
}

impl Unreadable {
    pub(crate) fn is_flag(&self) -> bool {
        self.salt.is_some()
    }

    /// Whether it is this flag, or else segment, of a scope.
    pub(crate) fn is(&self, app_id: i64, flag: bool, key: &str) -> bool {
        (self.app_id, self.is_flag(), self.key.as_str()) == (app_id, flag, key)
    }

    #[cfg(test)]
    pub(crate) fn flag(app_id: i64, key: &str, what: &str) -> Self {
        Self {
            app_id,
            key: key.to_owned(),
            salt: Some("salt".to_owned()),
            archived: false,
            definition: format!(r#"{{"key":"{key}","of_tomorrow":1}}"#),
            what: what.to_owned(),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.is_flag() { "flag" } else { "segment" };
        write!(f, "{noun} `{}`: {}", self.key, self.what)
    }
}

/// Every flag and segment of a tenant.
pub(crate) fn load(connection: &mut AnyConnection, tenant_id: i64) -> Result<TenantFlags, StoreError> {
    let flags: Vec<FlagRow> =
        flags::table.filter(flags::tenant_id.eq(tenant_id)).select(row::<FlagRow>()).load(connection)?;
    let segments: Vec<SegmentRow> =
        segments::table.filter(segments::tenant_id.eq(tenant_id)).select(row::<SegmentRow>()).load(connection)?;
    Ok(read(flags, segments))
}

/// What an app is served of: its own flags and segments, and every app's.
pub(crate) fn load_of_app(tx: &mut Tx<'_>, app_id: i64) -> Result<TenantFlags, StoreError> {
    let flags: Vec<FlagRow> = flags::table
        .filter(flags::tenant_id.eq(tx.tenant_id))
        .filter(flags::app_id.eq(EVERY_APP).or(flags::app_id.eq(app_id)))
        .select(row::<FlagRow>())
        .load(&mut *tx.connection)?;
    let segments: Vec<SegmentRow> = segments::table
        .filter(segments::tenant_id.eq(tx.tenant_id))
        .filter(segments::app_id.eq(EVERY_APP).or(segments::app_id.eq(app_id)))
        .select(row::<SegmentRow>())
        .load(&mut *tx.connection)?;
    Ok(read(flags, segments))
}

/// A flag of an app's own, or of every app's, archived or not; none where this release cannot read it.
pub(crate) fn find(tx: &mut Tx<'_>, app_id: i64, key: &str) -> Result<Option<StoredFlag>, StoreError> {
    let found: Option<FlagRow> = flags::table
        .find((tx.tenant_id, app_id, key))
        .select(row::<FlagRow>())
        .get_result(&mut *tx.connection)
        .optional()?;
    Ok(found.and_then(|row| row.read().1))
}

fn read(flags: Vec<FlagRow>, segments: Vec<SegmentRow>) -> TenantFlags {
    let mut all = TenantFlags::default();
    for row in flags {
        match serde_json::from_str(&row.definition) {
            Ok(definition) => {
                let flag = row.with(definition);
                all.flags.insert((flag.app_id, flag.definition.key.clone()), flag);
            }
            Err(error) => {
                let FlagRow { app_id, key, salt, definition, archived, .. } = row;
                let (salt, what) = (Some(salt), error.to_string());
                all.unreadable.push(Unreadable { app_id, key, salt, archived, definition, what });
            }
        }
    }
    for SegmentRow { app_id, key, definition, updated_at_us, .. } in segments {
        match serde_json::from_str::<SegmentDefinition>(&definition) {
            Ok(definition) => {
                let key = (app_id, definition.key.clone());
                all.segments.insert(key, StoredSegment { app_id, definition, updated_at_us });
            }
            Err(error) => {
                let what = error.to_string();
                all.unreadable.push(Unreadable { app_id, key, salt: None, archived: false, definition, what });
            }
        }
    }
    all
}

/// Adds or replaces a flag, archived or not.
pub(crate) fn put_flag(tx: &mut Tx<'_>, flag: &StoredFlag) -> Result<(), StoreError> {
    let row = FlagRow {
        tenant_id: tx.tenant_id,
        app_id: flag.app_id,
        key: flag.definition.key.as_str().to_owned(),
        salt: flag.salt.clone(),
        definition: serde_json::to_string(&flag.definition).map_err(|_| StoreError::Corrupt("flag"))?,
        archived: flag.archived,
        updated_at_us: flag.updated_at_us,
    };
    each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(flags::table)
            .values(&row)
            .on_conflict((flags::tenant_id, flags::app_id, flags::key))
            .do_update()
            .set((
                flags::definition.eq(excluded(flags::definition)),
                flags::archived.eq(excluded(flags::archived)),
                flags::updated_at_us.eq(excluded(flags::updated_at_us)),
            ))
            .execute(inner)
    })?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Takes a flag that this release cannot read out of use, or into it again.
pub(crate) fn set_archived(tx: &mut Tx<'_>, flag: &Unreadable, now_us: i64) -> Result<(), StoreError> {
    diesel::update(flags::table.find((tx.tenant_id, flag.app_id, &flag.key)))
        .set((flags::archived.eq(flag.archived), flags::updated_at_us.eq(now_us)))
        .execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Adds or replaces a segment.
pub(crate) fn put_segment(tx: &mut Tx<'_>, segment: &StoredSegment) -> Result<(), StoreError> {
    let row = SegmentRow {
        tenant_id: tx.tenant_id,
        app_id: segment.app_id,
        key: segment.definition.key.as_str().to_owned(),
        definition: serde_json::to_string(&segment.definition).map_err(|_| StoreError::Corrupt("segment"))?,
        updated_at_us: segment.updated_at_us,
    };
    each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(segments::table)
            .values(&row)
            .on_conflict((segments::tenant_id, segments::app_id, segments::key))
            .do_update()
            .set((
                segments::definition.eq(excluded(segments::definition)),
                segments::updated_at_us.eq(excluded(segments::updated_at_us)),
            ))
            .execute(inner)
    })?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Removes a segment.
pub(crate) fn remove_segment(tx: &mut Tx<'_>, app_id: i64, key: &str) -> Result<(), StoreError> {
    diesel::delete(segments::table.find((tx.tenant_id, app_id, key))).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

impl FlagRow {
    /// Its key, and the flag unless another release wrote it and this one cannot read it.
    pub(super) fn read(self) -> (String, Option<StoredFlag>) {
        let definition = serde_json::from_str(&self.definition).ok();
        (self.key.clone(), definition.map(|definition| self.with(definition)))
    }

    fn with(self, definition: FlagDefinition) -> StoredFlag {
        let Self { app_id, salt, archived, updated_at_us, .. } = self;
        StoredFlag { app_id, salt, definition, archived, updated_at_us }
    }
}
