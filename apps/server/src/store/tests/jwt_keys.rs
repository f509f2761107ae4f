//! Steps of the token keys' rotation: whoever takes them at once, one key issues.

use std::sync::{Barrier, mpsc};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use osaycore_jwt::rotation::{Rotation, Stage};
use osaycore_jwt::{Algorithm, KeyState};

use super::{Broken, Database, Place, Store, on_each_database};
use crate::sealing::{MasterKey, Sealer};
use crate::store::db::{self, AnyConnection, StoreError};
use crate::store::jwt_keys::{NewKey, insert, list, ring, rotation, set_issuer, step};

/// So many races of each kind: with no lock they end wrong within the first few.
const ROUNDS: i64 = 30;

fn put(connection: &mut AnyConnection, sealer: &Sealer, kid: &str, stage: Stage) -> Result<(), StoreError> {
    let key = NewKey { kid, algorithm: Algorithm::Hs256, secret: &[7; 32], stage };
    insert(connection, sealer, &key, 1)
}

/// Publishes a key and lets whatever is due issue, as `key rotate jwt` does.
fn rotate(database: &Database, sealer: &Sealer, kid: &str, from_us: i64, now_us: i64) -> Result<(), Broken> {
    db::write(&mut database.writer(), |connection| {
        let after = step(connection, |keys| {
            let published = keys.publish(kid, from_us).map_err(|error| Broken::Promise(error.to_string()))?;
            Ok::<_, Broken>(published.promote(now_us))
        })?;
        Ok(put(connection, sealer, kid, after.stage(kid).unwrap())?)
    })
}

/// As the background does.
fn promote(database: &Database, now_us: i64) {
    let promoted = |keys: Rotation| Ok::<_, StoreError>(keys.promote(now_us));
    db::write(&mut database.writer(), |connection| step(connection, promoted)).unwrap();
}

/// What is told of a new database with one key.
fn with_one_key(place: Place, sealer: &Sealer) -> (Store, Database) {
    let mut store = Store::new(place);
    let database = Database::open(&store.place.url, 2).unwrap();
    store.commit(1, |tx| {
        set_issuer(tx.connection(), "test").unwrap();
        put(tx.connection(), sealer, "first", Stage::Active { since_us: 1 }).unwrap();
    });
    (store, database)
}

/// The names of the keys in this state, of a ring that reads.
fn of_state(database: &Database, sealer: &Sealer, state: KeyState) -> Vec<String> {
    database
        .read(|connection| {
            ring(connection, sealer)?;
            let keys = rotation(connection)?;
            let of_state = keys.stages().filter(|(_, stage)| stage.state() == state);
            Ok::<_, StoreError>(of_state.map(|(kid, _)| kid.to_owned()).collect())
        })
        .unwrap()
}

#[test]
fn of_two_keys_published_at_once_one_is_refused() {
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let (_store, database) = with_one_key(place(), &sealer);
        for round in 1..=ROUNDS {
            let (barrier, from_us) = (Barrier::new(2), round * 10 + 5);
            let told = ["a", "b"].map(|name| format!("{name}{round}"));
            let done: Vec<bool> = std::thread::scope(|scope| {
                let rotating = |kid: &str| {
                    let (database, sealer, barrier, kid) = (&database, &sealer, &barrier, kid.to_owned());
                    scope.spawn(move || {
                        barrier.wait();
                        match rotate(database, sealer, &kid, from_us, round * 10) {
                            Ok(()) => true,
                            Err(Broken::Promise(error)) => {
                                assert!(error.contains("is published"), "{error}");
                                false
                            }
                            Err(Broken::Store(error)) => panic!("{error}"),
                        }
                    })
                };
                let threads: Vec<_> = told.iter().map(|kid| rotating(kid)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let winner = told.iter().zip(&done).filter(|(_, done)| **done).map(|(kid, _)| kid.clone());
            assert_eq!(of_state(&database, &sealer, KeyState::Next), winner.clone().collect::<Vec<_>>(), "{done:?}");
            assert_eq!(done.iter().filter(|done| **done).count(), 1);
            promote(&database, from_us);
            assert_eq!(of_state(&database, &sealer, KeyState::Active), winner.collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_step_waits_for_the_one_before() {
    const LONG: Duration = Duration::from_millis(200);
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let (_store, database) = with_one_key(place(), &sealer);
        let (began, begins) = mpsc::channel();
        let second = || {
            let seen = |keys: Rotation| {
                began.send(keys.clone()).unwrap();
                Ok::<_, StoreError>(keys)
            };
            db::write(&mut database.writer(), |connection| step(connection, seen)).unwrap();
        };
        std::thread::scope(|scope| {
            db::write(&mut database.writer(), |connection| {
                let after = step(connection, |keys| {
                    scope.spawn(second);
                    assert!(begins.recv_timeout(LONG).is_err(), "the second saw what the first was about to change");
                    Ok::<_, StoreError>(keys.publish("next", 9).unwrap())
                })?;
                put(connection, &sealer, "next", after.stage("next").unwrap())
            })
            .unwrap();
        });
        assert!(begins.recv().unwrap().stage("next").is_some(), "it goes on from there");
    });
}

#[test]
fn one_key_issues_whoever_promotes_and_rotates_at_once() {
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let (_store, database) = with_one_key(place(), &sealer);
        for round in 1..=ROUNDS {
            let (barrier, now_us) = (Barrier::new(3), round * 10);
            // Due, and promoted by two servers while an operator rotates at once.
            rotate(&database, &sealer, &format!("due{round}"), now_us, now_us - 1).unwrap();
            let at_once = format!("now{round}");
            let rotated = std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        barrier.wait();
                        promote(&database, now_us);
                    });
                }
                let rotating = scope.spawn(|| {
                    barrier.wait();
                    rotate(&database, &sealer, &at_once, now_us, now_us)
                });
                rotating.join().unwrap()
            });
            let issues = if rotated.is_ok() { at_once } else { format!("due{round}") };
            assert_eq!(of_state(&database, &sealer, KeyState::Active), [issues], "{rotated:?}");
            assert!(of_state(&database, &sealer, KeyState::Next).is_empty());
        }
    });
}

#[test]
fn a_key_that_leaked_goes_and_the_one_that_issues_stays() {
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let (_store, database) = with_one_key(place(), &sealer);
        rotate(&database, &sealer, "second", 20, 20).unwrap();
        let without = |kid: &str| {
            let drop = |keys: Rotation| keys.without(kid).map_err(|error| Broken::Promise(error.to_string()));
            db::write(&mut database.writer(), |connection| step(connection, drop))
        };
        assert!(matches!(without("second"), Err(Broken::Promise(_))));
        without("first").unwrap();
        let left = database.read(list).unwrap();
        assert!(matches!(left.as_slice(), [only] if only.kid == "second" && only.active_from_us == 20), "{left:?}");
    });
}

#[test]
fn the_database_refuses_a_second_key_that_issues_or_is_next() {
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let (mut store, database) = with_one_key(place(), &sealer);
        rotate(&database, &sealer, "next", 50, 20).unwrap();
        for (state, stage) in [("active", Stage::Active { since_us: 1 }), ("next", Stage::Next { active_from_us: 1 })] {
            let second =
                store.run(1, |tx| put(tx.connection(), &sealer, "second", stage).map_err(|error| format!("{error:?}")));
            assert!(second.as_ref().is_err_and(|error| error.contains("UniqueViolation")), "{state}: {second:?}");
        }
        let mut connection = store.connection();
        let by_hand = connection.batch_execute("UPDATE jwt_keys SET state = 'active'");
        assert!(by_hand.is_err(), "nor by hand");
        store.commit(1, |tx| {
            for number in 0..2 {
                let retiring = Stage::Retiring { drop_after_us: 9 };
                put(tx.connection(), &sealer, &format!("old{number}"), retiring).unwrap();
            }
        });
    });
}
