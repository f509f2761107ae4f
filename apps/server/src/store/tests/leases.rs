//! Who gets a lease, at times that are given.

use std::sync::Barrier;

use uuid::Uuid;

use super::{Store, on_each_database};
use crate::store::db::{self, AnyConnection, Database, StoreError};
use crate::store::leases::{acquire, any_abandoned, drop_abandoned, held, release, renew};

const ANN: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

fn in_a_transaction<T>(store: &mut Store, work: impl FnMut(&mut AnyConnection) -> Result<T, StoreError>) -> T {
    db::write(&mut store.writer, work).unwrap()
}

#[test]
fn a_lease_is_one_holders_until_it_runs_out_or_is_released() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        let mut take = |holder, now, until| in_a_transaction(&mut store, |it| acquire(it, "a", holder, now, until));
        assert!(take(ANN, 10, 20), "nobody had it");
        assert!(!take(BOB, 19, 99), "it is Ann's");
        assert!(take(ANN, 19, 30), "and she goes on");
        assert!(!take(BOB, 20, 99), "for longer than at first");
        assert!(take(BOB, 30, 40), "its time is over");
        assert!(!take(ANN, 35, 99), "it is Bob's");
        in_a_transaction(&mut store, |it| release(it, ANN));
        let mut take = |holder, now, until| in_a_transaction(&mut store, |it| acquire(it, "a", holder, now, until));
        assert!(!take(ANN, 36, 99), "only the holder's own are released");
        in_a_transaction(&mut store, |it| release(it, BOB));
        let mut take = |holder, now, until| in_a_transaction(&mut store, |it| acquire(it, "a", holder, now, until));
        assert!(take(ANN, 36, 99), "long before the time is over");
    });
}

#[test]
fn a_holder_that_was_late_goes_on_only_if_nobody_took_over() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        in_a_transaction(&mut store, |it| acquire(it, "a", ANN, 10, 20));
        assert!(in_a_transaction(&mut store, |it| renew(it, "a", ANN, 60)), "late, and still the holder");
        assert!(in_a_transaction(&mut store, |it| acquire(it, "a", BOB, 60, 70)));
        assert!(!in_a_transaction(&mut store, |it| renew(it, "a", ANN, 99)), "another has it");
        assert!(!in_a_transaction(&mut store, |it| renew(it, "b", ANN, 99)), "nobody has it: it is not taken");
        assert!(in_a_transaction(&mut store, |it| renew(it, "a", BOB, 80)));
    });
}

#[test]
fn of_many_who_ask_at_once_one_gets_the_lease() {
    const ASKING: u128 = 8;
    on_each_database(|place| {
        let place = place();
        let database = Database::open(&place.url, 1).unwrap();
        crate::store::migrations::migrate(&database).unwrap();
        // Once when there is no row, and once when there is one that has run out.
        for now_us in [10, 20] {
            let barrier = Barrier::new(usize::try_from(ASKING).unwrap());
            let told: Vec<bool> = std::thread::scope(|scope| {
                let asking = |holder: u128| {
                    let (database, barrier) = (&database, &barrier);
                    scope.spawn(move || {
                        let mut connection = database.writer();
                        barrier.wait();
                        let holder = Uuid::from_u128(holder);
                        db::write(&mut connection, |it| acquire(it, "a", holder, now_us, now_us + 10)).unwrap()
                    })
                };
                let threads: Vec<_> = (0..ASKING).map(asking).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(told.iter().filter(|yes| **yes).count(), 1, "at {now_us}: {told:?}");
        }
    });
}

#[test]
fn what_is_held_is_told_in_order_and_what_was_abandoned_is_dropped() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        for (name, until) in [("server/b", 30), ("server/C", 40), ("server/a", 20), ("task", 99)] {
            in_a_transaction(&mut store, |it| acquire(it, name, ANN, 10, until));
        }
        let told = |store: &mut Store, now| in_a_transaction(store, |it| held(it, "server/", now));
        assert_eq!(told(&mut store, 19), ["server/C", "server/a", "server/b"]);
        assert_eq!(told(&mut store, 20), ["server/C", "server/b"]);
        assert!(!in_a_transaction(&mut store, |it| any_abandoned(it, 20)));
        assert!(in_a_transaction(&mut store, |it| any_abandoned(it, 31)));
        in_a_transaction(&mut store, |it| drop_abandoned(it, 31));
        assert!(!in_a_transaction(&mut store, |it| any_abandoned(it, 31)));
        assert_eq!(told(&mut store, 10), ["server/C"]);
    });
}
