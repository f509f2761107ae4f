//! PostgreSQL that dies, moves or cuts connections in the middle of a storm, and a server that is never restarted.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use osaycore_xtask::postgres::Cluster;

use crate::storm::{deduct, history};
use crate::support::{App, Call, World, now_s, on_postgres, patiently};

const CLIENTS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(40);

/// Clients that deduct a quarter each time, ask again when they are told 503, and keep what they were told otherwise
/// outside of the database. One more only reads.
struct Storm<'w> {
    world: &'w World,
    app: &'w App,
    token: String,
    /// Reference → transaction.
    acknowledged: Mutex<HashMap<String, String>>,
    tried: AtomicUsize,
    unavailable: AtomicUsize,
    over: AtomicBool,
    /// Of the moments at which something happens.
    seed: AtomicUsize,
}

/// Ends the storm however the test ends.
struct Over<'s>(&'s AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<'w> Storm<'w> {
    fn new(world: &'w World, app: &'w App) -> Self {
        let user = world.rich_user("ann", "1000000");
        let seed = usize::try_from(now_s()).unwrap() * 1000 + usize::from(world.address().port());
        println!("seed {seed}");
        Self {
            world,
            app,
            token: world.token(app, &user),
            acknowledged: Mutex::default(),
            tried: AtomicUsize::new(0),
            unavailable: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            seed: AtomicUsize::new(seed),
        }
    }

    /// Runs `events` in the middle of it.
    fn rage(&self, events: impl FnOnce()) {
        std::thread::scope(|scope| {
            let _over = Over(&self.over);
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while !self.over.load(Ordering::Relaxed) {
                        self.deduct();
                    }
                });
            }
            scope.spawn(|| {
                while !self.over.load(Ordering::Relaxed) {
                    let answer = self.world.read(self.app, &self.token, "/api/credits/balance");
                    assert!(matches!(answer.status, 200 | 503), "{} {}", answer.status, answer.text());
                }
            });
            events();
        });
    }

    fn deduct(&self) {
        let reference = format!("storm-{}", self.tried.fetch_add(1, Ordering::Relaxed));
        while !self.over.load(Ordering::Relaxed) {
            let answer = deduct(self.app, &self.token, "0.25", &reference).send(self.world);
            if answer.status == 503 {
                answer.refused(503, "unavailable");
                assert!(answer.header("retry-after").is_some());
                self.unavailable.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let transaction = answer.ok()["transaction_id"].as_str().unwrap().to_owned();
            self.acknowledged.lock().unwrap().insert(reference, transaction);
            return;
        }
    }

    /// Waits for some more acknowledgements, at least so many; → how long that took.
    #[expect(clippy::disallowed_methods, reason = "how long a fault lasts is measured")]
    fn advance(&self, at_least: usize) -> Duration {
        let more =
            |seed: usize| Some(seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        let seed = self.seed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).unwrap();
        let count = || self.acknowledged.lock().unwrap().len();
        let (aim, started) = (count() + at_least + (seed >> 33) % 16, Instant::now());
        let told = || self.unavailable.load(Ordering::Relaxed);
        assert!(patiently(PATIENCE, || count() >= aim), "{} of {aim}, {} times 503", count(), told());
        started.elapsed()
    }

    /// Holds what the clients were told against what is there.
    #[track_caller]
    fn check(&self) {
        let posted = history(self.world, self.app, &self.token);
        let acknowledged = self.acknowledged.lock().unwrap();
        let tried = self.tried.load(Ordering::Relaxed);
        println!(
            "{} acknowledged, {} posted, {tried} tried, {} times 503",
            acknowledged.len(),
            posted.len(),
            self.unavailable.load(Ordering::Relaxed)
        );
        assert_eq!(differences(&acknowledged, &posted), Vec::<String>::new());
        assert!(posted.len() <= tried);
        let left = 100_000_000 - posted.len() * 25;
        let balance = self.world.balance(self.app, &self.token);
        assert_eq!(balance, format!("{}.{:02}", left / 100, left % 100));
        self.world.run(&["credits", "verify"]);
    }
}

/// What is wrong between what clients were told and what is there.
fn differences(acknowledged: &HashMap<String, String>, posted: &HashSet<(String, String)>) -> Vec<String> {
    let mut count = HashMap::<&str, usize>::new();
    for (reference, _) in posted {
        *count.entry(reference).or_default() += 1;
    }
    let lost = acknowledged.iter().filter_map(|(reference, transaction)| {
        let there = posted.contains(&(reference.clone(), transaction.clone()));
        (!there).then(|| format!("{reference} was acknowledged as {transaction} and is not there"))
    });
    let twice =
        count.iter().filter(|(_, times)| **times > 1).map(|(reference, _)| format!("{reference} is there twice"));
    lost.chain(twice).collect()
}

/// The process that the query finds, if it finds one.
fn pid(connection: &mut PgConnection, query: &str) -> Option<i32> {
    #[derive(QueryableByName)]
    struct Process {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        pid: i32,
    }
    let found: Vec<Process> = diesel::sql_query(query).load(connection).unwrap();
    found.first().map(|process| process.pid)
}

fn signal(name: &str, pid: i32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

fn is_ready(world: &World) -> bool {
    Call::get("/readyz").send(world).status == 200
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long a caller waits is measured")]
fn what_was_acknowledged_outlives_kills_of_postgresql() {
    const ROUNDS: usize = 5;
    if !on_postgres() {
        return eprintln!("not run on SQLite: nothing but the server itself can be killed");
    }
    let mut cluster = Cluster::start().unwrap();
    let mut world = World::on(Some(cluster.url()));
    let app = world.app_of_every_scope();
    world.serve();
    let storm = Storm::new(&world, &app);
    let mut slowest = Duration::ZERO;
    storm.rage(|| {
        for round in 0..ROUNDS {
            storm.advance(8);
            cluster.crash().unwrap();
            if round == 0 {
                // What needs no database is answered as ever; the rest is refused in time.
                assert!(patiently(PATIENCE, || !is_ready(&world)));
                assert_eq!(Call::get("/healthz").send(&world).status, 200);
                let forged =
                    Call::post("/api/payments", "{}").signed(&App { secret_key: "x".to_owned(), ..app.clone() });
                forged.send(&world).refused(401, "invalid_signature");
                let started = Instant::now();
                let read = world.read(&app, &storm.token, "/api/credits/balance");
                read.refused(503, "unavailable");
                assert!(started.elapsed() < Duration::from_secs(15) && read.header("retry-after").is_some());
            }
            cluster.restart().unwrap();
            slowest = slowest.max(storm.advance(0));
            assert!(patiently(PATIENCE, || is_ready(&world)));
        }
    });
    println!("{ROUNDS} kills; slowest first answers after a restart: {} ms", slowest.as_millis());
    storm.check();

    // The control: one acknowledged entry less, and both who look must complain.
    let mut database = PgConnection::establish(world.postgres()).unwrap();
    let doctored = storm.acknowledged.lock().unwrap().keys().next().unwrap().clone();
    let doctoring = diesel::sql_query("DELETE FROM entries WHERE reference = $1");
    assert_eq!(doctoring.bind::<diesel::sql_types::Text, _>(&doctored).execute(&mut database).unwrap(), 1);
    let found = differences(&storm.acknowledged.lock().unwrap(), &history(&world, &app, &storm.token));
    assert!(found.len() == 1 && found[0].starts_with(&doctored), "{found:?}");
    assert_eq!(world.cli(&["credits", "verify"]).status.code(), Some(1));
}

#[test]
fn what_was_acknowledged_outlives_the_primary() {
    if !on_postgres() {
        return eprintln!("not run on SQLite: there is no standby");
    }
    let mut primary = Cluster::start().unwrap();
    let mut standby = primary.standby().unwrap();
    let mut control = PgConnection::establish(&format!("{}/postgres", primary.url())).unwrap();
    let follows = format!("{}/postgres", standby.url());
    let mut follower = PgConnection::establish(&follows).unwrap();
    // After the copy was made: the new primary has nobody to wait for.
    control.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
    control.batch_execute("SELECT pg_reload_conf()").unwrap();
    let mut world = World::on(Some(primary.url()));
    let app = world.app_of_every_scope();
    let streaming = "DO $$BEGIN ASSERT (SELECT sync_state = 'sync' AND replay_lsn = pg_current_wal_lsn() \
        FROM pg_stat_replication); END$$";
    assert!(patiently(PATIENCE, || control.batch_execute(streaming).is_ok()), "the standby does not follow");
    // The standby comes first: it is passed over, as it cannot be written to.
    let hosts = format!("@{},{}/", standby.address(), primary.address());
    let several = world.postgres().replace(&format!("@{}/", primary.address()), &hosts);
    world.reach_postgres_by(format!("{several}?connect_timeout=2"));
    world.serve();
    let storm = Storm::new(&world, &app);
    let mut away = Duration::ZERO;
    storm.rage(|| {
        storm.advance(40);
        // The standby hears nothing more, and the group that waits for it loses its connection: it is there on the
        // primary, will not be after the promotion, and nobody may be told of it.
        let receiver = pid(&mut follower, "SELECT pid FROM pg_stat_wal_receiver").unwrap();
        signal("STOP", receiver);
        let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let mut cut = None;
        assert!(patiently(PATIENCE, || {
            cut = pid(&mut control, waiting);
            cut.is_some()
        }));
        control.batch_execute(&format!("SELECT pg_terminate_backend({})", cut.unwrap())).unwrap();
        let looks_up = || pid(&mut control, waiting).is_some_and(|pid| Some(pid) != cut);
        assert!(patiently(PATIENCE, looks_up), "nobody looks up what became of it");
        primary.crash().unwrap();
        signal("KILL", receiver);
        assert!(patiently(PATIENCE, || PgConnection::establish(&follows).is_ok()));
        standby.promote().unwrap();
        away = storm.advance(0);
        assert!(patiently(PATIENCE, || is_ready(&world)));
        storm.advance(40);
    });
    println!("first answers {} ms after the promotion", away.as_millis());
    storm.check();
    assert_eq!(world.run_json(&["config"])["database_url"].as_str(), Some(world.postgres()));
}

#[test]
fn nobody_sees_more_than_503_of_connections_that_are_cut() {
    const CUTS: usize = 100;
    if !on_postgres() {
        return eprintln!("not run on SQLite: there is no connection to cut");
    }
    let (world, app) = World::served();
    let mut control = PgConnection::establish(world.postgres()).unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = \
        current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS sessions";
    let storm = Storm::new(&world, &app);
    let mut cuts = 0;
    storm.rage(|| {
        while cuts < CUTS {
            storm.advance(0);
            cuts += diesel::sql_query(cut).execute(&mut control).unwrap();
        }
        storm.advance(8);
    });
    storm.check();
    assert!(!world.log().contains("panicked"));
}
