//! Versions of flags, and what sticky rules served.

use std::collections::BTreeSet;
use std::sync::Barrier;

use diesel::prelude::*;
use osaycore_directory::Tenant;
use osaycore_flags::{FlagDefinition, Key};

use super::{Store, on_each_database};
use crate::sealing::{MasterKey, Sealer};
use crate::store::assignments::{self, Assignment, Sticky};
use crate::store::db::StoreError;
use crate::store::flag_versions::{self, Change, Content, Flag, KEPT, Version};
use crate::store::flags::{self, EVERY_APP, StoredFlag};
use crate::store::lists::{self, Asked};
use crate::store::tenants;
use crate::store::tx::transact;

const APP: i64 = 1001;

fn definition(key: &str, description: &str) -> FlagDefinition {
    let key: Key = key.parse().unwrap();
    FlagDefinition { description: Some(description.to_owned()), ..FlagDefinition::new(key) }
}

fn version(app_id: i64, number: i64) -> (Version, Content) {
    let change = match number % 4 {
        0 => Change::Rollback(number - 1),
        1 => Change::Apply,
        2 => Change::Import,
        _ => Change::Archive,
    };
    let definition = definition("new_ui", &format!("of {app_id}, version {number}"));
    let content = Content {
        flags: vec![Flag { salt: "k3v9".to_owned(), archived: number % 2 == 0, definition }],
        segments: vec![],
        unreadable: vec![],
    };
    (Version { app_id, number, at_us: number * 10, author: "operator ada".to_owned(), change }, content)
}

#[test]
fn versions_are_numbered_by_scope_and_the_oldest_go() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            assert_eq!(flag_versions::newest(tx, EVERY_APP).unwrap(), 0);
            for number in 1..=KEPT + 2 {
                let (version, content) = version(EVERY_APP, number);
                flag_versions::append(tx, &version, &content).unwrap();
            }
            let (version, content) = version(APP, 1);
            flag_versions::append(tx, &version, &content).unwrap();
        });
        store.commit(1, |tx| {
            let listed = flag_versions::list(tx, Some(EVERY_APP)).unwrap();
            assert_eq!(listed.len(), usize::try_from(KEPT).unwrap());
            for (listed, number) in listed.into_iter().zip((3..=KEPT + 2).rev()) {
                let (version, content) = version(EVERY_APP, number);
                assert_eq!(listed, version);
                assert_eq!(flag_versions::content(tx, EVERY_APP, number).unwrap(), Some(content));
            }
            assert_eq!(flag_versions::content(tx, EVERY_APP, 2).unwrap(), None);
            assert_eq!(flag_versions::content(tx, EVERY_APP, 0).unwrap(), Some(Content::default()));
            assert_eq!(flag_versions::newest(tx, EVERY_APP).unwrap(), KEPT + 2);
            assert_eq!(flag_versions::newest(tx, APP).unwrap(), 1);
            assert_eq!(flag_versions::list(tx, Some(APP)).unwrap(), [version(APP, 1).0]);
            assert_eq!(flag_versions::list(tx, None).unwrap().len(), usize::try_from(KEPT).unwrap() + 1);
        });
        store.commit(2, |tx| {
            assert_eq!(flag_versions::newest(tx, APP).unwrap(), 0);
            assert_eq!(flag_versions::content(tx, APP, 1).unwrap(), None);
        });
    });
}

#[test]
fn what_another_release_wrote_is_kept_as_it_is_and_holds_up_no_list() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            for key in ["odd", "plain"] {
                let (app_id, salt, definition) = (APP, "k3v9".to_owned(), definition(key, "x"));
                flags::put_flag(tx, &StoredFlag { app_id, salt, definition, archived: false, updated_at_us: 1 })
                    .unwrap();
            }
            let written = r#"UPDATE flags SET definition = '{"key": "odd", "of_tomorrow": 1}' WHERE key = 'odd'"#;
            diesel::sql_query(written).execute(&mut *tx.connection).unwrap();
            let all = flags::load(tx.connection, 1).unwrap();
            let mut odd = all.unreadable.first().unwrap().clone();
            assert!(odd.is(APP, true, "odd") && !odd.archived && odd.salt.as_deref() == Some("k3v9"), "{odd:?}");
            let asked = Asked { cursor: None, limit: 10 };
            let listed = lists::flags::list(tx, APP, false, &asked).unwrap().items;
            assert_eq!(listed.iter().map(|flag| flag.definition.key.as_str()).collect::<Vec<_>>(), ["plain"]);
            odd.archived = true;
            flags::set_archived(tx, &odd, 2).unwrap();
            let all = flags::load(tx.connection, 1).unwrap();
            assert_eq!(all.unreadable, [odd]);
            let content = Content::of(&all, APP);
            flag_versions::append(tx, &version(APP, 1).0, &content).unwrap();
            assert_eq!(flag_versions::content(tx, APP, 1).unwrap(), Some(content), "to the letter");
        });
    });
}

fn assignment(app_id: i64, flag: &str, variant: &str) -> Assignment {
    Assignment { app_id, flag: flag.to_owned(), rule: "test".to_owned(), variant: variant.to_owned(), instead_of: None }
}

fn sticky(flags: &[(&str, i64)]) -> Sticky {
    flags.iter().map(|(flag, app_id)| ((*flag).to_owned(), *app_id)).collect()
}

/// What a unit of the first tenant was served by the rule `test`.
fn served(store: &mut Store, flags: &[(&str, i64)], unit: &str) -> Vec<String> {
    let assigned = store.commit(1, |tx| assignments::of_unit(tx, &sticky(flags), unit).unwrap());
    assigned.into_iter().map(|(flag, rules)| format!("{flag} {}", rules["test"])).collect()
}

#[test]
fn what_was_served_first_is_kept_by_flag_scope_and_unit() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        let keep = |store: &mut Store, tenant_id: i64, unit: &str, new: &[Assignment]| {
            store.commit(tenant_id, |tx| assignments::keep(tx, unit, new, 5).unwrap());
        };
        keep(&mut store, 1, "u-1", &[assignment(EVERY_APP, "a", "blue"), assignment(APP, "b", "on")]);
        keep(&mut store, 1, "u-1", &[assignment(EVERY_APP, "a", "green"), assignment(APP, "a", "red")]);
        keep(&mut store, 2, "u-1", &[assignment(EVERY_APP, "a", "theirs")]);
        assert_eq!(
            served(&mut store, &[("a", EVERY_APP), ("b", APP)], "u-1"),
            ["a blue", "b on"],
            "the first is right"
        );
        assert_eq!(
            served(&mut store, &[("a", APP), ("b", EVERY_APP)], "u-1"),
            ["a red"],
            "an app's own flag is another"
        );
        assert!(served(&mut store, &[("a", EVERY_APP)], "u-2").is_empty());
        assert!(served(&mut store, &[], "u-1").is_empty());
        // A variant that is gone is replaced, once.
        for (variant, gone) in [("yellow", "blue"), ("white", "blue")] {
            let instead_of = Some(gone.to_owned());
            keep(&mut store, 1, "u-1", &[Assignment { instead_of, ..assignment(EVERY_APP, "a", variant) }]);
        }
        assert_eq!(served(&mut store, &[("a", EVERY_APP)], "u-1"), ["a yellow"]);
    });
}

#[test]
fn of_sixteen_who_keep_at_once_the_first_is_right_for_all() {
    const WRITERS: usize = 16;
    on_each_database(|place| {
        let mut store = Store::new(place());
        let database = crate::store::db::Database::open(&store.place.url, 1).unwrap();
        let barrier = Barrier::new(WRITERS);
        let seen: BTreeSet<String> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (database, barrier) = (&database, &barrier);
                    scope.spawn(move || {
                        let mut link = database.writer();
                        barrier.wait();
                        let own = [assignment(EVERY_APP, "a", &format!("variant {writer}"))];
                        transact::<_, StoreError>(&mut link, 1, |tx| assignments::keep(tx, "u-1", &own, 5)).unwrap();
                        let sticky = sticky(&[("a", EVERY_APP)]);
                        transact::<_, StoreError>(&mut link, 1, |tx| assignments::of_unit(tx, &sticky, "u-1")).unwrap()
                            ["a"]["test"]
                            .clone()
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(served(&mut store, &[("a", EVERY_APP)], "u-1").len(), 1);
    });
}

#[test]
fn what_an_archived_flag_served_is_forgotten_after_a_while() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        let sealer = Sealer::new(MasterKey::generate(), vec![]);
        let tenant = Tenant { id: 1, name: "one".parse().unwrap(), monthly_user_limit: None, created_at_us: 1 };
        store.commit(1, |tx| tenants::insert(tx.connection(), &sealer, &tenant, "key").unwrap());
        let put = |store: &mut Store, key: &str, archived: bool, updated_at_us: i64| {
            let flag = StoredFlag {
                app_id: EVERY_APP,
                salt: "k3v9".to_owned(),
                definition: definition(key, "x"),
                archived,
                updated_at_us,
            };
            store.commit(1, |tx| flags::put_flag(tx, &flag).unwrap());
        };
        for (key, archived, updated_at_us) in [("live", false, 10), ("old", true, 10), ("young", true, 30)] {
            put(&mut store, key, archived, updated_at_us);
            for unit in ["u-1", "u-2", "u-3"] {
                store.commit(1, |tx| assignments::keep(tx, unit, &[assignment(EVERY_APP, key, "on")], 5).unwrap());
            }
        }
        let all = [("live", EVERY_APP), ("old", EVERY_APP), ("young", EVERY_APP)];
        let due = |store: &Store| assignments::tenants_with_old(&mut store.connection(), 20, 9).unwrap();
        let left = |store: &mut Store| -> usize {
            ["u-1", "u-2", "u-3"].map(|unit| served(store, &all, unit).len()).into_iter().sum()
        };
        assert_eq!((due(&store), left(&mut store)), (vec![1], 9));
        store.commit(1, |tx| assignments::forget(tx, 20, 2).unwrap());
        assert_eq!((due(&store), left(&mut store)), (vec![1], 7), "two at a time");
        store.commit(1, |tx| assignments::forget(tx, 20, 2).unwrap());
        assert_eq!((due(&store), left(&mut store)), (vec![], 6));
        assert_eq!(served(&mut store, &all, "u-1"), ["live on", "young on"]);
        store.commit(1, |tx| assignments::forget(tx, 20, 2).unwrap());
        assert_eq!(left(&mut store), 6);
    });
}

#[test]
fn an_apps_flags_are_read_without_those_of_other_apps() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            for app_id in [EVERY_APP, APP, APP + 1] {
                for key in ["new_ui", &format!("of-{app_id}")] {
                    let definition = definition(key, &format!("of {app_id}"));
                    let (salt, archived, updated_at_us) = ("k3v9".to_owned(), app_id == APP, app_id);
                    flags::put_flag(tx, &StoredFlag { app_id, salt, definition, archived, updated_at_us }).unwrap();
                }
            }
            let of_app = flags::load_of_app(tx, APP).unwrap();
            let found: Vec<(i64, &str)> = of_app.flags.keys().map(|(app_id, key)| (*app_id, key.as_str())).collect();
            assert_eq!(found, [(EVERY_APP, "new_ui"), (EVERY_APP, "of-0"), (APP, "new_ui"), (APP, "of-1001")]);
            for (app_id, key) in found {
                let flag = flags::find(tx, app_id, key).unwrap();
                assert_eq!(flag.as_ref(), of_app.flags.get(&(app_id, key.parse().unwrap())));
            }
            assert_eq!(flags::find(tx, APP, "of-0").unwrap(), None);
        });
    });
}
