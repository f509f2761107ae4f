//! Several servers' runners on one database, at times that are given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use osaycore_audit::{Action, Log as _};
use osaycore_directory::{AppScopes, NewUser, Role, Storage as _};
use osaycore_flags::FlagDefinition;
use osaycore_jwt::{Algorithm, Revocation, revocation};
use osaycore_signing::Mac;
use osaycore_signing::replay::{ReplayGuard as _, Sight, Target, forget_before_s};
use tempfile::TempDir;

use super::*;
use crate::admin::apps::NewApp;
use crate::admin::{By, apps, bootstrap, keys, tenants};
use crate::error::Failure;
use crate::metrics::Now;
use crate::sealing::{MasterKey, Sealer};
use crate::store;
use crate::store::apps::SecretKind;
use crate::store::assignments::{self, Assignment};
use crate::store::flags::{self, StoredFlag};
use crate::store::flows::{self, Flow, ResponseMode};
use crate::store::jwt_keys;
use crate::store::migrations::migrate;
use crate::store::secret_uses;
use crate::store::sign_in_codes::{self, SignInCode};
use crate::store::tx::{Tx, transact};

const ANN: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);
const TENANT: i64 = 1;

struct Place {
    database: Database,
    started: Instant,
    _folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let database = Database::open(&url.parse().unwrap(), 2).unwrap();
        migrate(&database).unwrap();
        Self { database, started: system::monotonic(), _folder: folder }
    }

    fn runner(
        &self,
        server: Uuid,
        step: impl FnMut(&mut Held<'_>) -> Result<Progress, Stopped> + Send + 'static,
    ) -> Runner {
        let task = Task { name: "task", every: Duration::from_secs(1), step: Box::new(step) };
        Runner::new(self.database.clone(), Metrics::new("sqlite", 0), server, vec![task], self.started)
    }

    /// A runner, and how often its task ran.
    fn counting(&self, server: Uuid) -> (Runner, impl Fn() -> usize) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let runner = self.runner(server, move |held| {
            held.write(|_| Ok(()))?;
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Progress::Done)
        });
        (runner, move || count.load(Ordering::Relaxed))
    }

    /// A tick so many seconds after the start; → the second of the next.
    fn tick(&self, runner: &mut Runner, second: u64) -> u64 {
        let now = self.started + Duration::from_secs(second);
        (runner.tick(now, i64::try_from(second).unwrap() * 1_000_000) - self.started).as_secs()
    }
}

#[test]
fn one_server_does_a_task_and_another_takes_over_when_it_dies() {
    let place = Place::new();
    let ((mut ann, by_ann), (mut bob, by_bob)) = (place.counting(ANN), place.counting(BOB));
    for second in 0..=8 {
        place.tick(&mut ann, second);
        place.tick(&mut bob, second);
    }
    assert_eq!((by_ann(), by_bob()), (9, 0), "every second, by one of them");
    // Ann is not heard of any more; her lease was renewed at 8.
    for second in 9..14 {
        place.tick(&mut bob, second);
    }
    assert_eq!(by_bob(), 0, "it is not over yet");
    place.tick(&mut bob, 8 + LEASE.as_secs());
    assert_eq!(by_bob(), 1);
    place.tick(&mut ann, 8 + LEASE.as_secs());
    assert_eq!(by_ann(), 9, "who comes back finds it taken");
}

#[test]
fn who_stops_leaves_the_task_to_the_others_at_once() {
    let place = Place::new();
    let ((mut ann, _), (mut bob, by_bob)) = (place.counting(ANN), place.counting(BOB));
    place.tick(&mut ann, 0);
    assert_eq!(place.tick(&mut bob, 0), RENEWAL.as_secs(), "when it looks again");
    ann.release();
    place.tick(&mut bob, RENEWAL.as_secs());
    assert_eq!(by_bob(), 1);
}

#[test]
fn who_was_frozen_and_lost_the_lease_writes_nothing() {
    let place = Place::new();
    let (other, late) = (place.counting(BOB), i64::try_from(LEASE.as_secs()).unwrap() + 1);
    let database = place.database.clone();
    let mut bob = other.0;
    let started = place.started;
    // In the middle of Ann's step so much time goes by that Bob takes over.
    let mut ann = place.runner(ANN, move |held| {
        bob.tick(started, late * 1_000_000);
        let wrote = held.write(|connection| leases::acquire(connection, "written", ANN, 0, 1));
        assert!(matches!(wrote, Err(Stopped::Lost)), "{wrote:?}");
        wrote.map(|_| Progress::Done)
    });
    place.tick(&mut ann, 0);
    assert_eq!(other.1(), 1, "Bob did it");
    let mut connection = database.writer();
    let free = db::write(&mut connection, |connection| leases::acquire(connection, "written", BOB, 0, 1));
    assert!(free.unwrap(), "what Ann wrote is undone");
}

#[test]
fn leases_are_renewed_between_the_steps_of_a_long_run() {
    let place = Place::new();
    let mut ann = place.runner(ANN, |_| Ok(Progress::More));
    let (mut bob, by_bob) = place.counting(BOB);
    for second in 0..20 {
        assert!(place.tick(&mut ann, second) <= second, "there is more to do at once");
        place.tick(&mut bob, second);
    }
    assert_eq!(by_bob(), 0);
}

#[test]
fn a_task_that_fails_or_panics_is_tried_again() {
    let place = Place::new();
    let mut tries = 0;
    let mut ann = place.runner(ANN, move |held| {
        tries += 1;
        match tries {
            1 => Err(StoreError::Corrupt("thing, on purpose").into()),
            2 => panic!("on purpose"),
            _ => held.write(|_| Ok(Progress::Done)),
        }
    });
    for second in 0..3 {
        // The connection is made anew with the renewal.
        place.tick(&mut ann, second * RENEWAL.as_secs());
    }
    let text = ann.metrics.render(Now::default());
    for line in [
        r#"osaycore_task_runs_total{task="task",outcome="failed"} 2"#,
        r#"osaycore_task_runs_total{task="task",outcome="done"} 1"#,
        r#"osaycore_task_last_success_timestamp_seconds{task="task"} 4"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
}

/// A signature of second `at_s`.
fn sight(at_s: i64, number: u32) -> Sight {
    let mut mac = [0; 32];
    mac[..4].copy_from_slice(&number.to_be_bytes());
    Sight {
        app_id: 1001,
        timestamp_s: at_s,
        mac: Mac::from_bytes(mac),
        subject: None,
        target: Target::new("POST", "/"),
    }
}

fn flow(app_id: i64, number: u8, expires_at_us: i64) -> Flow {
    Flow {
        state_hash: [number; 32],
        app_id,
        provider: "google".parse().unwrap(),
        redirect_uri: "https://app.example/done".parse().unwrap(),
        response_mode: ResponseMode::Query,
        link_user_id: None,
        cookie_hash: None,
        kept: zeroize::Zeroizing::new(vec![1]),
        expires_at_us,
    }
}

fn code(app_id: i64, number: u8, expires_at_us: i64) -> SignInCode {
    SignInCode { code_hash: [number; 32], app_id, user_id: 7, link: None, session_id: None, expires_at_us }
}

#[test]
fn expiry_drops_what_has_had_its_time_and_nothing_else() {
    const WINDOW_S: i64 = 300;
    const NOW_S: i64 = 10_000_000;
    const MANY: u32 = 2_500;
    const EXPIRIES: [(u8, i64); 2] = [(1, (NOW_S - WINDOW_S) * 1_000_000), (2, (NOW_S - WINDOW_S) * 1_000_000 + 1)];
    const MONTH_AGO_US: i64 = (NOW_S - 30 * 86_400) * 1_000_000;
    const ARCHIVED: [(&str, i64); 2] = [("old", MONTH_AGO_US), ("young", MONTH_AGO_US + 1)];
    let place = Place::new();
    let (user, now_us) = (Uuid::from_u128(7), NOW_S * 1_000_000);
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    let by = |now_us| By::system(TENANT, now_us);
    let oldest_s = forget_before_s(NOW_S, WINDOW_S);
    let mut connection = place.database.writer();
    db::write(&mut connection, |connection| bootstrap::run(connection, &sealer, 1)).unwrap();
    let app = transact::<_, Failure>(&mut connection, TENANT, |tx| {
        let new = NewApp { name: "app".parse().unwrap(), scopes: AppScopes::default(), redirect_uris: vec![] };
        let app = apps::create(tx, &sealer, &by(1), new)?.app;
        keys::rotate_jwt(tx, &sealer, &by(1), &keys::Made::new(Algorithm::Hs256)?, Some(0))?;
        // One secret expired long ago, one a second ago.
        crate::store::apps::expire_secrets(tx, app.id, crate::store::apps::SecretKind::Signing, 5)?;
        for at_s in [oldest_s, NOW_S] {
            tx.record(&sight(at_s, 0), &sight(at_s, 0).sighting(0, 1, None))?;
        }
        for number in 0..MANY {
            let sight = sight(oldest_s - 1 - i64::from(number % 3), number);
            tx.record(&sight, &sight.sighting(0, 1, None))?;
        }
        for (jti, expires_at_s) in [(1, NOW_S - WINDOW_S), (2, NOW_S - WINDOW_S + 1)] {
            let token = Revocation::Token { jti: Uuid::from_u128(jti), sub: user, expires_at_s };
            revocation::Storage::revoke(tx, &token)?;
        }
        let user = NewUser {
            id: 7,
            uuid: user,
            tenant_id: TENANT,
            directory: None,
            username: "ada".parse().unwrap(),
            email: None,
            display_name: None,
            role: Role::default(),
        };
        let _ = tx.insert_user(&user.into_user(1))?;
        for (number, expires_at_us) in EXPIRIES {
            flows::put(tx, &sealer, &flow(app.id, number, expires_at_us))?;
            sign_in_codes::put(tx, &code(app.id, number, expires_at_us))?;
        }
        for (key, archived_at_us) in ARCHIVED {
            let definition = FlagDefinition::new(key.parse().unwrap());
            let salt = "k3v9".to_owned();
            let flag = StoredFlag { app_id: app.id, salt, definition, archived: true, updated_at_us: archived_at_us };
            flags::put_flag(tx, &flag)?;
            let (rule, variant) = ("seen".to_owned(), "on".to_owned());
            let served = Assignment { app_id: app.id, flag: key.to_owned(), rule, variant, instead_of: None };
            assignments::keep(tx, "u-1", &[served], 1)?;
        }
        Ok(app)
    })
    .unwrap();
    let keys_before = place.database.read(jwt_keys::list).unwrap().len();
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    let mut runner = place.runner(ANN, move |held| {
        counted.fetch_add(1, Ordering::Relaxed);
        expiry::step(held, WINDOW_S)
    });
    let now = place.started;
    while runner.tick(now, now_us) == now {}
    assert_eq!(steps.load(Ordering::Relaxed), 6, "five of five hundred rows, and one that finds nothing");
    transact::<_, StoreError>(&mut connection, TENANT, |tx| {
        assert_eq!(tx.remembers_from_s()?, oldest_s, "what was forgotten stays refused");
        for at_s in [oldest_s, NOW_S] {
            assert_eq!(tx.sightings(1001, at_s, &sight(at_s, 0).mac)?.len(), 1, "{at_s}");
        }
        assert_eq!(tx.forget(oldest_s)?, 0, "nothing older is left");
        let left = revocation::Storage::revocations(tx, 0)?;
        assert!(matches!(left.as_slice(), [Revocation::Token { jti, .. }] if jti.as_u128() == 2), "{left:?}");
        assert!(tx.app(osaycore_directory::AppRef::Id(app.id))?.is_some());
        for (number, left) in [(1, false), (2, true)] {
            assert_eq!(flows::find(tx, &sealer, &[number; 32])?.is_some(), left, "flow {number}");
            assert_eq!(sign_in_codes::find(tx, app.id, &[number; 32])?.is_some(), left, "code {number}");
        }
        let sticky = ARCHIVED.map(|(key, _)| (key.to_owned(), app.id)).into();
        let served = assignments::of_unit(tx, &sticky, "u-1")?;
        assert_eq!(served.keys().collect::<Vec<_>>(), ["young"], "what an archived flag served");
        Ok(())
    })
    .unwrap();
    let keys = place.database.read(jwt_keys::list).unwrap();
    assert_eq!((keys_before, keys.len()), (2, 1), "{keys:?}");
    let secrets = place.database.read(|it| crate::store::apps::secrets(it, &sealer, 0)).unwrap();
    assert!(secrets.iter().all(|secret| secret.expires_at_us.is_none()) && !secrets.is_empty());
}

#[test]
fn the_use_of_a_replaced_secret_is_forgotten_with_the_secret() {
    let place = Place::new();
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    let by = |now_us| By::system(TENANT, now_us);
    let mut connection = place.database.writer();
    db::write(&mut connection, |connection| bootstrap::run(connection, &sealer, 1)).unwrap();
    let (app, id) = transact::<_, Failure>(&mut connection, TENANT, |tx| {
        let new = NewApp { name: "app".parse().unwrap(), scopes: AppScopes::default(), redirect_uris: vec![] };
        let app = apps::create(tx, &sealer, &by(1), new)?.app;
        apps::rotate_secret(tx, &sealer, &by(1), &app, SecretKind::Signing, 0)?;
        let secrets = crate::store::apps::secrets(tx.connection(), &sealer, 0)?;
        let id = secrets.iter().find(|secret| secret.expires_at_us.is_some()).unwrap().id;
        for at_us in [5, 4] {
            secret_uses::used(tx, app.id, id, at_us)?;
        }
        assert_eq!(secret_uses::of_app(tx, app.id)?, [(id, 5)], "the last one");
        Ok((app, id))
    })
    .unwrap();
    let mut runner = place.runner(ANN, |held| expiry::step(held, 300));
    let now_us = 10_000_000_000_000;
    while runner.tick(place.started, now_us) == place.started {}
    transact::<_, Failure>(&mut connection, TENANT, |tx| {
        assert_eq!(secret_uses::of_app(tx, app.id)?, []);
        secret_uses::used(tx, app.id, id, now_us)?;
        assert_eq!(secret_uses::of_app(tx, app.id)?, [], "a use that is noted late leaves nothing behind");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_tenant_that_is_always_busy_keeps_no_other_from_being_counted() {
    let place = Place::new();
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    let mut connection = place.database.writer();
    let other = db::write(&mut connection, |connection| {
        bootstrap::run(connection, &sealer, 1)?;
        tenants::create(connection, &sealer, &By::system(TENANT, 1), "other".parse().unwrap()).map(|(made, _)| made.id)
    })
    .unwrap();
    let mut counting = tallies::Counting::default();
    let mut runner = place.runner(ANN, move |held| {
        held.write(|connection| {
            let mut tx = Tx::lock(connection, TENANT)?;
            tx.append(By::system(TENANT, 1).event(Action::TenantUpdated, None))?;
            tx.flush()
        })?;
        counting.step(held)
    });
    while runner.tick(place.started, 1) == place.started {}
    let behind = |after_id| place.database.read(|connection| store::tallies::behind(connection, after_id)).unwrap();
    assert!(behind(0).is_some_and(|(tenant_id, _)| tenant_id == TENANT), "it had an event since");
    assert_eq!(behind(other - 1), None, "and the other is counted");
}
