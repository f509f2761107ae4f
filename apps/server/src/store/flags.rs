//! Flags and segments as they were written: tables `flags`, `segments`. Every change moves the version that servers
//! poll.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::upsert::excluded;
use osaycore_flags::{FlagDefinition, FlagSet, SegmentDefinition, Source};

use super::db::{AnyConnection, StoreError, each_backend};
use super::schema::{flags, segments};
use super::tx::Tx;
use super::versions::{self, Kind};

/// The app id of what all apps of the tenant have.
pub(crate) const EVERY_APP: i64 = 0;

/// A flag of the tenant or of one app.
#[derive(Clone, Debug)]
pub(crate) struct StoredFlag {
    /// [`EVERY_APP`], or the app.
    pub(crate) app_id: i64,
    /// Made when the flag was, and kept when it is replaced.
    pub(crate) salt: String,
    pub(crate) definition: FlagDefinition,
    pub(crate) archived: bool,
    pub(crate) updated_at_us: i64,
}

/// A segment of the tenant or of one app.
#[derive(Clone, Debug)]
pub(crate) struct StoredSegment {
    pub(crate) app_id: i64,
    pub(crate) definition: SegmentDefinition,
}

/// Everything that is in force for some app of a tenant: the app's own wins over the tenant's of the same key.
pub(crate) struct InForce {
    flags: BTreeMap<String, StoredFlag>,
    segments: BTreeMap<String, StoredSegment>,
}

impl InForce {
    /// For one app ([`EVERY_APP`]: for an app without any of its own), archived ones left out.
    pub(crate) fn of(all_flags: &[StoredFlag], all_segments: &[StoredSegment], app_id: i64) -> Self {
        let (mut flags, mut segments) = (BTreeMap::new(), BTreeMap::new());
        for owner in [EVERY_APP, app_id] {
            for flag in all_flags.iter().filter(|flag| flag.app_id == owner && !flag.archived) {
                flags.insert(flag.definition.key.to_string(), flag.clone());
            }
            for segment in all_segments.iter().filter(|segment| segment.app_id == owner) {
                segments.insert(segment.definition.key.to_string(), segment.clone());
            }
        }
        Self { flags, segments }
    }

    /// Compiles it, or says everything that is wrong.
    pub(crate) fn compile(&self) -> Result<FlagSet, Vec<osaycore_flags::Fault>> {
        FlagSet::compile(
            self.flags.values().map(|flag| Source { definition: &flag.definition, salt: &flag.salt }),
            self.segments.values().map(|segment| &segment.definition),
        )
    }
}

/// All flags of the tenant and its apps, archived ones too.
pub(crate) fn all(connection: &mut AnyConnection, tenant_id: i64) -> Result<Vec<StoredFlag>, StoreError> {
    let rows: Vec<(i64, String, String, bool, i64)> = flags::table
        .filter(flags::tenant_id.eq(tenant_id))
        .order((flags::app_id, flags::key))
        .select((flags::app_id, flags::salt, flags::definition, flags::archived, flags::updated_at_us))
        .load(connection)?;
    rows.into_iter()
        .map(|(app_id, salt, definition, archived, updated_at_us)| {
            let definition = serde_json::from_str(&definition).map_err(|_| StoreError::Corrupt("flag"))?;
            Ok(StoredFlag { app_id, salt, definition, archived, updated_at_us })
        })
        .collect()
}

/// All segments of the tenant and its apps.
pub(crate) fn all_segments(connection: &mut AnyConnection, tenant_id: i64) -> Result<Vec<StoredSegment>, StoreError> {
    let rows: Vec<(i64, String)> = segments::table
        .filter(segments::tenant_id.eq(tenant_id))
        .order((segments::app_id, segments::key))
        .select((segments::app_id, segments::definition))
        .load(connection)?;
    rows.into_iter()
        .map(|(app_id, definition)| {
            let definition = serde_json::from_str(&definition).map_err(|_| StoreError::Corrupt("segment"))?;
            Ok(StoredSegment { app_id, definition })
        })
        .collect()
}

impl Tx<'_> {
    /// All flags of the tenant and its apps.
    pub(crate) fn flags(&mut self) -> Result<Vec<StoredFlag>, StoreError> {
        all(self.connection, self.tenant_id)
    }

    /// All segments of the tenant and its apps.
    pub(crate) fn segments(&mut self) -> Result<Vec<StoredSegment>, StoreError> {
        all_segments(self.connection, self.tenant_id)
    }

    /// Adds a flag, or replaces all of it but its salt.
    pub(crate) fn put_flag(&mut self, flag: &StoredFlag) -> Result<(), StoreError> {
        let definition = serde_json::to_string(&flag.definition).map_err(|_| StoreError::Corrupt("flag"))?;
        let key = flag.definition.key.to_string();
        let row = (
            flags::tenant_id.eq(self.tenant_id),
            flags::app_id.eq(flag.app_id),
            flags::key.eq(&key),
            flags::salt.eq(&flag.salt),
            flags::definition.eq(&definition),
            flags::archived.eq(flag.archived),
            flags::updated_at_us.eq(flag.updated_at_us),
        );
        each_backend!(&mut *self.connection, |inner| {
            diesel::insert_into(flags::table)
                .values(row)
                .on_conflict((flags::tenant_id, flags::app_id, flags::key))
                .do_update()
                .set((
                    flags::definition.eq(excluded(flags::definition)),
                    flags::archived.eq(excluded(flags::archived)),
                    flags::updated_at_us.eq(excluded(flags::updated_at_us)),
                ))
                .execute(inner)
        })?;
        versions::bump(self.connection, Kind::Configuration)
    }

    /// Adds or replaces a segment.
    pub(crate) fn put_segment(&mut self, segment: &StoredSegment, now_us: i64) -> Result<(), StoreError> {
        let definition = serde_json::to_string(&segment.definition).map_err(|_| StoreError::Corrupt("segment"))?;
        let key = segment.definition.key.to_string();
        let row = (
            segments::tenant_id.eq(self.tenant_id),
            segments::app_id.eq(segment.app_id),
            segments::key.eq(&key),
            segments::definition.eq(&definition),
            segments::updated_at_us.eq(now_us),
        );
        each_backend!(&mut *self.connection, |inner| {
            diesel::insert_into(segments::table)
                .values(row)
                .on_conflict((segments::tenant_id, segments::app_id, segments::key))
                .do_update()
                .set((
                    segments::definition.eq(excluded(segments::definition)),
                    segments::updated_at_us.eq(excluded(segments::updated_at_us)),
                ))
                .execute(inner)
        })?;
        versions::bump(self.connection, Kind::Configuration)
    }
}
