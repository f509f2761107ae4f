//! What the flags and segments of a scope were after each change: table `flag_versions`. A scope is an app, or every app.

use diesel::dsl::max;
use diesel::prelude::*;
use osaycore_flags::{FlagDefinition, SegmentDefinition};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::db::{StoreError, row};
use super::flags::{TenantFlags, Unreadable};
use super::schema::flag_versions;
use super::tx::Tx;

/// How many versions of a scope are kept; the oldest go first.
pub(crate) const KEPT: i64 = 100;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A file was applied.
    Apply,
    /// Flags of another system were taken over.
    Import,
    /// A flag or a segment was taken out of use.
    Archive,
    /// The content of this version was put back; 0 is what there was before the first.
    Rollback(i64),
}

/// One version, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The scope's app, or [`EVERY_APP`](super::flags::EVERY_APP).
    pub(crate) app_id: i64,
    /// 1, 2, … within the scope.
    pub(crate) number: i64,
    pub(crate) at_us: i64,
    /// Who made the change, as the audit trail shows it.
    pub(crate) author: String,
    pub(crate) change: Change,
}

/// All that a scope has: enough to go back to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) flags: Vec<Flag>,
    pub(crate) segments: Vec<SegmentDefinition>,
    /// What this release cannot read of the two; it is kept as it is, for the one that can.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A flag of a version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flag {
    pub(crate) salt: String,
    pub(crate) archived: bool,
    pub(crate) definition: FlagDefinition,
}

/// A content as it is written: each flag and segment of it may be of another release.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    flags: Vec<WrittenFlag>,
    segments: Vec<Box<RawValue>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFlag {
    salt: String,
    archived: bool,
    definition: Box<RawValue>,
}

/// What a flag or segment of whatever release has.
#[derive(Deserialize)]
struct Keyed {
    key: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = flag_versions)]
pub(super) struct Row {
    app_id: i64,
    version: i64,
    at_us: i64,
    author: String,
    change: String,
    restored: Option<i64>,
}

impl Change {
    /// The word that is stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Import => "import",
            Self::Archive => "archive",
            Self::Rollback(_) => "rollback",
        }
    }

    /// Of a rollback: the version that it went back to.
    pub(crate) fn restored(self) -> Option<i64> {
        match self {
            Self::Rollback(number) => Some(number),
            Self::Apply | Self::Import | Self::Archive => None,
        }
    }
}

impl Content {
    /// What a scope has now.
    pub(crate) fn of(all: &TenantFlags, app_id: i64) -> Self {
        let flags = all.flags.values().filter(|flag| flag.app_id == app_id);
        let segments = all.segments.values().filter(|segment| segment.app_id == app_id);
        Self {
            flags: flags
                .map(|flag| Flag {
                    salt: flag.salt.clone(),
                    archived: flag.archived,
                    definition: flag.definition.clone(),
                })
                .collect(),
            segments: segments.map(|segment| segment.definition.clone()).collect(),
            unreadable: all.unreadable.iter().filter(|unread| unread.app_id == app_id).cloned().collect(),
        }
    }

    /// Whether it has this flag, archived or not, or else segment.
    pub(crate) fn has(&self, flag: bool, key: &str) -> bool {
        self.unreadable.iter().any(|unread| unread.is_flag() == flag && unread.key == key)
            || if flag {
                self.flags.iter().any(|flag| flag.definition.key.as_str() == key)
            } else {
                self.segments.iter().any(|segment| segment.key.as_str() == key)
            }
    }

    fn write(&self) -> serde_json::Result<String> {
        let mut written = Written::default();
        for Flag { salt, archived, definition } in &self.flags {
            let (salt, definition) = (salt.clone(), to_raw_value(definition)?);
            written.flags.push(WrittenFlag { salt, archived: *archived, definition });
        }
        for segment in &self.segments {
            written.segments.push(to_raw_value(segment)?);
        }
        for unread in &self.unreadable {
            // What is no JSON with a key, no release has written.
            let Ok(Keyed { .. }) = serde_json::from_str(&unread.definition) else { continue };
            let definition = RawValue::from_string(unread.definition.clone())?;
            match &unread.salt {
                Some(salt) => {
                    let (salt, archived) = (salt.clone(), unread.archived);
                    written.flags.push(WrittenFlag { salt, archived, definition });
                }
                None => written.segments.push(definition),
            }
        }
        serde_json::to_string(&written)
    }

    fn read(text: &str, app_id: i64) -> serde_json::Result<Self> {
        let mut content = Self::default();
        let unread = |definition: &RawValue, salt: Option<String>, archived: bool, error: &serde_json::Error| {
            let Keyed { key } = serde_json::from_str(definition.get())?;
            let (definition, what) = (definition.get().to_owned(), error.to_string());
            Ok::<_, serde_json::Error>(Unreadable { app_id, key, salt, archived, definition, what })
        };
        let Written { flags, segments } = serde_json::from_str(text)?;
        for WrittenFlag { salt, archived, definition: raw } in flags {
            match serde_json::from_str(raw.get()) {
                Ok(definition) => content.flags.push(Flag { salt, archived, definition }),
                Err(error) => content.unreadable.push(unread(&raw, Some(salt), archived, &error)?),
            }
        }
        for raw in segments {
            match serde_json::from_str(raw.get()) {
                Ok(definition) => content.segments.push(definition),
                Err(error) => content.unreadable.push(unread(&raw, None, false, &error)?),
            }
        }
        Ok(content)
    }
}

/// The versions of a scope, or of all of them; each scope's newest first.
pub(crate) fn list(tx: &mut Tx<'_>, app_id: Option<i64>) -> Result<Vec<Version>, StoreError> {
    let all = flag_versions::table
        .filter(flag_versions::tenant_id.eq(tx.tenant_id))
        .order((flag_versions::app_id, flag_versions::version.desc()))
        .select(row::<Row>());
    let rows: Vec<Row> = match app_id {
        Some(app_id) => all.filter(flag_versions::app_id.eq(app_id)).load(&mut *tx.connection)?,
        None => all.load(&mut *tx.connection)?,
    };
    rows.into_iter().map(Row::read).collect()
}

/// The number of a scope's newest version; 0 if it was never changed.
pub(crate) fn newest(tx: &mut Tx<'_>, app_id: i64) -> Result<i64, StoreError> {
    let newest: Option<i64> = flag_versions::table
        .filter(flag_versions::tenant_id.eq(tx.tenant_id))
        .filter(flag_versions::app_id.eq(app_id))
        .select(max(flag_versions::version))
        .get_result(&mut *tx.connection)?;
    Ok(newest.unwrap_or(0))
}

/// What a scope had at a version: nothing at 0, and none where the version is not there, or no longer.
pub(crate) fn content(tx: &mut Tx<'_>, app_id: i64, number: i64) -> Result<Option<Content>, StoreError> {
    if number == 0 {
        return Ok(Some(Content::default()));
    }
    let found: Option<String> = flag_versions::table
        .find((tx.tenant_id, app_id, number))
        .select(flag_versions::content)
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(|text| Content::read(&text, app_id).map_err(|_| StoreError::Corrupt("version of flags"))).transpose()
}

/// Keeps one more version, and of the scope no more than [`KEPT`].
pub(crate) fn append(tx: &mut Tx<'_>, version: &Version, content: &Content) -> Result<(), StoreError> {
    let content = content.write().map_err(|_| StoreError::Corrupt("version of flags"))?;
    diesel::insert_into(flag_versions::table)
        .values((
            flag_versions::tenant_id.eq(tx.tenant_id),
            flag_versions::app_id.eq(version.app_id),
            flag_versions::version.eq(version.number),
            flag_versions::at_us.eq(version.at_us),
            flag_versions::author.eq(&version.author),
            flag_versions::change.eq(version.change.as_str()),
            flag_versions::restored.eq(version.change.restored()),
            flag_versions::content.eq(content),
        ))
        .execute(&mut *tx.connection)?;
    let old = flag_versions::table
        .filter(flag_versions::tenant_id.eq(tx.tenant_id))
        .filter(flag_versions::app_id.eq(version.app_id))
        .filter(flag_versions::version.le(version.number.saturating_sub(KEPT)));
    diesel::delete(old).execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    pub(super) fn read(self) -> Result<Version, StoreError> {
        let change = match (self.change.as_str(), self.restored) {
            ("apply", None) => Change::Apply,
            ("import", None) => Change::Import,
            ("archive", None) => Change::Archive,
            ("rollback", Some(number)) => Change::Rollback(number),
            _ => return Err(StoreError::Corrupt("version of flags")),
        };
        Ok(Version { app_id: self.app_id, number: self.version, at_us: self.at_us, author: self.author, change })
    }
}
