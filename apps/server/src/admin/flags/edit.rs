//! A change by somebody who has seen a version: not made over a change that was not seen.

use osaycore_directory::App;
use osaycore_flags::{FlagFile, Key};

use super::{Change, Content, all, apply, diff, scope};
use crate::admin::By;
use crate::error::Failure;
use crate::store::flag_versions;
use crate::store::tx::Tx;

/// What came of an edit.
#[derive(Debug)]
pub(crate) enum Edited {
    /// The version that it made; none: nothing is different.
    Saved(Option<i64>),
    /// Somebody has changed the same meanwhile. Nothing was written.
    Overtaken {
        /// The version that there is now.
        newest: i64,
        /// What they changed for users, one change a line.
        changes: Vec<String>,
    },
}

/// As [`apply`], unless one of the file's flags or segments is another by now than it was at version `seen` of the scope;
/// 0: before the first.
pub(crate) fn edit(tx: &mut Tx<'_>, by: &By, app: Option<&App>, file: &FlagFile, seen: i64) -> Result<Edited, Failure> {
    let newest = newest(tx, app)?;
    if newest != seen {
        let then = flag_versions::content(tx, scope(app), seen)?;
        let now = Content::of(&all(tx)?, scope(app));
        if then.is_none_or(|then| is_touched(file, &then, &now)) {
            return Ok(Edited::Overtaken { newest, changes: changes(tx, app, file, (seen, newest), by.now_us)? });
        }
    }
    apply(tx, by, app, file, Change::Apply).map(Edited::Saved)
}

/// The number of a scope's newest version; 0 if it was never changed.
pub(crate) fn newest(tx: &mut Tx<'_>, app: Option<&App>) -> Result<i64, Failure> {
    Ok(flag_versions::newest(tx, scope(app))?)
}

fn is_touched(file: &FlagFile, then: &Content, now: &Content) -> bool {
    let flag = |content: &Content, key: &Key| {
        let found = content.flags.iter().find(|flag| flag.definition.key == *key);
        found.map(|flag| (flag.archived, flag.definition.clone()))
    };
    let segment = |content: &Content, key: &Key| content.segments.iter().find(|segment| segment.key == *key).cloned();
    let unread = |content: &Content, flag: bool, key: &Key| {
        let found = content.unreadable.iter().find(|unread| unread.is_flag() == flag && unread.key == key.as_str());
        found.map(|unread| (unread.archived, unread.definition.clone()))
    };
    let differs = |is_flag: bool, key: &Key| unread(then, is_flag, key) != unread(now, is_flag, key);
    let mut flags = file.flags.iter().map(|edited| &edited.key);
    let mut segments = file.segments.iter().map(|edited| &edited.key);
    flags.any(|key| flag(then, key) != flag(now, key) || differs(true, key))
        || segments.any(|key| segment(then, key) != segment(now, key) || differs(false, key))
}

/// The lines of the difference that are about what the file names.
fn changes(
    tx: &mut Tx<'_>,
    app: Option<&App>,
    file: &FlagFile,
    (from, to): (i64, i64),
    now_us: i64,
) -> Result<Vec<String>, Failure> {
    let difference = match diff(tx, app, (Some(from), Some(to)), now_us) {
        Ok((_, _, difference)) => difference,
        // The version is no longer there, or does not go with what else there is now.
        Err(Failure::Refused(_)) => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let named: Vec<String> = file
        .flags
        .iter()
        .map(|flag| format!("`{}`", flag.key))
        .chain(file.segments.iter().map(|segment| format!("`{}`", segment.key)))
        .collect();
    let lines = difference.lines().into_iter();
    Ok(lines.filter(|line| named.iter().any(|name| line.contains(name.as_str()))).collect())
}
