//! The flags of one app as a server serves them.

use std::collections::HashMap;
use std::sync::Arc;

use osaycore_flags::FlagSet;
use sha2::{Digest as _, Sha256};

use crate::store::db::StoreError;
use crate::store::flags::{EVERY_APP, Served, TenantFlags};

/// A compiled set, and the version that tells it from any other.
pub(crate) struct ServedFlags {
    pub(crate) set: FlagSet,
    /// What it was compiled of, also what did not compile.
    pub(crate) source: String,
    /// 32 hexadecimal digits over flags, salts and segments: the same on every server and after a restart.
    pub(crate) version: String,
}

/// Sets that are compiled already, by their sources. Regular expressions take a millisecond each, and every app of a
/// tenant that has no flags of its own is served the same.
pub(crate) type Compiled = HashMap<String, Arc<ServedFlags>>;

impl ServedFlags {
    /// The app's own flags and segments, and of the rest what is every app's; compiled unless it is among `compiled`, and
    /// then among them. What does not compile is refused when it is written; where another release or a hand has written
    /// such, the rest is served and the log says of `whose` what is not.
    pub(crate) fn of_app(
        all: &TenantFlags,
        (app_id, whose): (i64, &str),
        compiled: &mut Compiled,
    ) -> Result<Arc<Self>, StoreError> {
        let unread = all.unread(app_id).map(|unread| {
            let whose = if unread.app_id == EVERY_APP { "shared" } else { "own" };
            format!("{whose} {unread}")
        });
        let unread: Vec<String> = unread.collect();
        let source = digest(&[&written(&all.served(app_id))?, unread.join("\n").as_bytes()]);
        if let Some(same) = compiled.get(&source) {
            return Ok(Arc::clone(same));
        }
        let (set, rest, wrong) = all.compile_rest(app_id);
        if !wrong.is_empty() {
            let faults = wrong.join("; ");
            tracing::error!(
                whose,
                faults,
                "flags do not compile in this release and are not served, the others are: put them right or archive them"
            );
        }
        let served = Arc::new(Self { set, source: source.clone(), version: digest(&[&written(&rest)?]) });
        compiled.insert(source, Arc::clone(&served));
        Ok(served)
    }
}

/// What a set is made of.
fn written(served: &Served<'_>) -> Result<Vec<u8>, StoreError> {
    let flags: Vec<_> = served.flags.values().map(|flag| (&flag.salt, &flag.definition)).collect();
    let segments: Vec<_> = served.segments.values().map(|segment| &segment.definition).collect();
    serde_json::to_vec(&(flags, segments)).map_err(|_| StoreError::Corrupt("set of flags"))
}

/// 128 bits of SHA-256 over the parts and where each ends, in hexadecimal.
pub(crate) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let full: [u8; 32] = hash.finalize().into();
    hex::encode(full.first_chunk::<16>().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use osaycore_flags::{FlagFile, parse};

    use super::*;
    use crate::store::flags::{StoredFlag, StoredSegment, Unreadable};

    const APP: i64 = 7;

    fn stored(files: &[(i64, &str)]) -> TenantFlags {
        let mut all = TenantFlags::default();
        for (app_id, file) in files {
            let FlagFile { flags, segments } = parse(file).unwrap();
            for definition in flags {
                let (key, salt) = ((*app_id, definition.key.clone()), "salt".to_owned());
                let flag = StoredFlag { app_id: *app_id, salt, definition, archived: false, updated_at_us: 1 };
                all.flags.insert(key, flag);
            }
            for definition in segments {
                let key = (*app_id, definition.key.clone());
                all.segments.insert(key, StoredSegment { app_id: *app_id, definition, updated_at_us: 1 });
            }
        }
        all
    }

    fn of_app(all: &TenantFlags) -> String {
        ServedFlags::of_app(all, (APP, "app"), &mut Compiled::new()).unwrap().version.clone()
    }

    #[test]
    fn equal_sets_are_compiled_once() {
        let all = stored(&[(EVERY_APP, r#"{"flags": [{"key": "a"}]}"#), (9, r#"{"flags": [{"key": "b"}]}"#)]);
        let mut compiled = Compiled::new();
        let mut of = |app_id| ServedFlags::of_app(&all, (app_id, "app"), &mut compiled).unwrap();
        let (one, other, own) = (of(APP), of(APP + 1), of(9));
        assert!(Arc::ptr_eq(&one, &other) && Arc::ptr_eq(&own, &of(9)));
        let has_b = |served: &ServedFlags| served.set.evaluate("b", &serde_json::Map::new(), 0).is_some();
        assert!(!has_b(&one) && has_b(&own));
    }

    #[test]
    fn what_cannot_be_read_is_the_business_of_whom_it_would_be_served() {
        let mut all = stored(&[(EVERY_APP, r#"{"flags": [{"key": "a", "default": true}, {"key": "b"}]}"#)]);
        assert!(!all.has_own(APP));
        all.unreadable.push(Unreadable::flag(APP, "a", "unknown field"));
        assert!(all.has_own(APP) && !all.has_own(APP + 1));
        let mut compiled = Compiled::new();
        let mut of = |all: &TenantFlags, app_id| ServedFlags::of_app(all, (app_id, "app"), &mut compiled).unwrap();
        let (own, other) = (of(&all, APP), of(&all, APP + 1));
        let has_a = |served: &ServedFlags| served.set.evaluate("a", &serde_json::Map::new(), 0).is_some();
        assert!(!has_a(&own) && has_a(&other), "every app's does not stand in for an app's own");
        all.unreadable.push(Unreadable::flag(APP, "c", "unknown field"));
        assert!(Arc::ptr_eq(&of(&all, APP + 1), &other), "an app's own is nothing to another");
        let more = of(&all, APP);
        assert!(!Arc::ptr_eq(&more, &own) && more.version == own.version, "the log says what more is wrong");
        let mut shared = all.clone();
        shared.unreadable.iter_mut().for_each(|unread| unread.app_id = EVERY_APP);
        assert_ne!(of(&shared, APP).source, of(&all, APP).source);
        all.unreadable.iter_mut().for_each(|unread| unread.archived = true);
        assert!(!all.has_own(APP) && Arc::ptr_eq(&of(&all, APP), &other), "archived it is as if it were not there");
    }

    #[test]
    fn the_version_is_another_if_and_only_if_another_set_is_served() {
        const FLAGS: &str = r#"{"flags": [{"key": "a"}, {"key": "b", "default": true}]}"#;
        let before = stored(&[(EVERY_APP, FLAGS)]);
        let version = of_app(&before);
        let change = |change: &dyn Fn(&mut TenantFlags)| {
            let mut after = before.clone();
            change(&mut after);
            of_app(&after)
        };
        let key = |app_id, key: &str| (app_id, key.parse().unwrap());
        let same = change(&|all| all.flags.values_mut().for_each(|flag| flag.updated_at_us = 2));
        assert_eq!(same, version, "when it was written is no part of it");
        let others = change(&|all| all.flags.extend(stored(&[(APP + 1, r#"{"flags": [{"key": "c"}]}"#)]).flags));
        assert_eq!(others, version, "another app's flag");
        let own = stored(&[(APP, r#"{"flags": [{"key": "a"}]}"#)]).flags;
        let shadowed = change(&|all| all.flags.extend(own.clone()));
        assert_eq!(shadowed, version, "an equal flag of its own");
        let mut versions = vec![
            version.clone(),
            change(&|all| all.flags.get_mut(&key(EVERY_APP, "a")).unwrap().salt.push('x')),
            change(&|all| all.flags.get_mut(&key(EVERY_APP, "a")).unwrap().archived = true),
            change(&|all| drop(all.flags.remove(&key(EVERY_APP, "b")))),
            of_app(&stored(&[(EVERY_APP, FLAGS), (APP, r#"{"flags": [{"key": "a", "default": true}]}"#)])),
            of_app(&stored(&[(EVERY_APP, FLAGS), (APP, r#"{"segments": [{"key": "s", "users": ["u"]}]}"#)])),
        ];
        let count = versions.len();
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), count, "{versions:?}");
    }

    #[test]
    fn what_does_not_compile_is_left_out_with_what_needs_it_and_nothing_else() {
        let mut all = stored(&[
            (
                EVERY_APP,
                r#"{"flags": [{"key": "fine", "default": true}, {"key": "bad", "off": "gone"}, {"key": "local"},
                    {"key": "asks", "rules": [{"when": [{"segment": "bad"}], "serve": true}]},
                    {"key": "needs", "prerequisites": [{"flag": "asks", "value": true}]},
                    {"key": "also", "prerequisites": [{"flag": "fine", "value": true}]}],
                    "segments": [{"key": "bad"}, {"key": "nested", "when": [{"segment": "bad"}]}, {"key": "s", "users": ["u"]}]}"#,
            ),
            (APP, r#"{"flags": [{"key": "own"}]}"#),
        ]);
        all.unreadable.push(Unreadable::flag(APP, "local", "unknown field"));
        let (set, rest, wrong) = all.compile_rest(APP);
        let left: Vec<&str> = rest.flags.keys().map(|key| key.as_str()).collect();
        assert_eq!(left, ["also", "fine", "own"]);
        assert_eq!(rest.segments.keys().map(|key| key.as_str()).collect::<Vec<_>>(), ["s"]);
        assert_eq!(set.evaluate_all(&serde_json::Map::new(), 0).count(), 3);
        for key in [
            "flag `local`: unknown field",
            "flag `bad`",
            "segment `bad`",
            "segment `nested`",
            "flag `asks`",
            "flag `needs`",
        ] {
            assert!(wrong.iter().any(|fault| fault.starts_with(key)), "{key}: {wrong:?}");
        }
        let served = ServedFlags::of_app(&all, (APP, "app"), &mut Compiled::new()).unwrap();
        let sound = stored(&[
            (
                EVERY_APP,
                r#"{"flags": [{"key": "fine", "default": true}, {"key": "also", "prerequisites": [{"flag": "fine", "value": true}]}],
                    "segments": [{"key": "s", "users": ["u"]}]}"#,
            ),
            (APP, r#"{"flags": [{"key": "own"}]}"#),
        ]);
        assert_eq!(served.version, of_app(&sound), "the version is that of what is served");
    }

    #[test]
    fn a_digest_knows_where_its_parts_end() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_eq!(digest(&[b"ab"]).len(), 32);
    }
}
