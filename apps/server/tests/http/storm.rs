//! Many clients on one account, and a server that is killed in the middle of them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use diesel::prelude::*;

use crate::support::{App, Call, World, on_postgres, patiently};

const DEDUCT: &str = "/api/action/deduct-credits";
const KILLS: usize = 20;
const CLIENTS: usize = 8;

pub(crate) fn deduct(app: &App, token: &str, amount: &str, reference: &str) -> Call {
    let body = format!(r#"{{"amount":{amount},"client_reference_id":"{reference}"}}"#);
    Call::post(DEDUCT, body).bearer(token).signed(app)
}

#[test]
fn sixty_four_clients_spend_exactly_what_there_is() {
    // floor, balance, what each takes → how many can be paid for, where it ends
    for (floor, credits, amount, payable, ends) in [("0", "70.5", "1.5", 47, "0.00"), ("-10", "40", "1", 50, "-10.00")]
    {
        let (world, app) = World::served();
        let user = world.rich_user("ann", credits);
        world.run(&["user", "set", &user.id, "--min-balance", floor]);
        let token = world.token(&app, &user);
        let barrier = Barrier::new(64);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let client = |n: usize| {
                let (barrier, world, app, token) = (&barrier, &world, &app, &token);
                scope.spawn(move || {
                    barrier.wait();
                    let call = |m: usize| deduct(app, token, amount, &format!("{n}-{m}")).send(world);
                    [call(0), call(1)]
                })
            };
            let clients: Vec<_> = (0..64).map(client).collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        let paid: HashSet<_> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.json()["transaction_id"].to_string())
            .collect();
        assert_eq!(paid.len(), payable);
        let code = if floor == "0" { "insufficient_credits" } else { "minimum_balance" };
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.refused(402, code);
        }
        assert_eq!(answers.iter().filter(|answer| answer.status == 402).count(), 128 - payable);
        assert_eq!(world.balance(&app, &token), ends);
        world.run(&["credits", "verify"]);
    }
}

#[test]
fn what_was_acknowledged_outlives_twenty_kills() {
    let (mut world, app) = World::served();
    let user = world.rich_user("ann", "1000000");
    let token = world.token(&app, &user);
    // Reference → transaction, kept outside of the database.
    let acknowledged = Mutex::new(HashMap::<String, String>::new());
    let (tried, mut slowest) = (AtomicUsize::new(0), Duration::ZERO);
    for round in 0..KILLS {
        let aim = acknowledged.lock().unwrap().len() + 8 + 3 * round;
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    loop {
                        let reference = format!("storm-{}", tried.fetch_add(1, Ordering::Relaxed));
                        // No answer: the server is gone.
                        let Some(answer) = deduct(&app, &token, "0.25", &reference).try_send(&world) else { return };
                        let transaction = answer.ok()["transaction_id"].as_str().unwrap().to_owned();
                        acknowledged.lock().unwrap().insert(reference, transaction);
                    }
                });
            }
            let enough = || acknowledged.lock().unwrap().len() >= aim;
            assert!(patiently(Duration::from_secs(30), enough), "round {round}: the storm does not advance");
            // Here the clients are in the middle of their requests.
            world.kill_running();
        });
        world.kill();
        slowest = slowest.max(world.serve());
    }
    println!("slowest restart after kill -9: {} ms", slowest.as_millis());
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    let acknowledged = acknowledged.into_inner().unwrap();
    let posted = history(&world, &app, &token);
    let mut count = HashMap::<&str, usize>::new();
    for (reference, _) in &posted {
        *count.entry(reference).or_default() += 1;
    }
    for (reference, transaction) in &acknowledged {
        assert_eq!(count.get(reference.as_str()), Some(&1), "{reference} was acknowledged");
        assert!(posted.contains(&(reference.clone(), transaction.clone())), "{reference} has another transaction");
    }
    assert!(count.values().all(|times| *times == 1));
    assert!(posted.len() <= tried.load(Ordering::Relaxed));
    let spent = posted.len() * 25;
    let left = 100_000_000 - spent;
    assert_eq!(world.balance(&app, &token), format!("{}.{:02}", left / 100, left % 100));
    // Whoever got no answer asks again: once is once.
    for n in (0..tried.load(Ordering::Relaxed)).rev().take(20) {
        let reference = format!("storm-{n}");
        let answer = deduct(&app, &token, "0.25", &reference).send(&world);
        answer.ok();
        assert_eq!(answer.is_replayed(), count.contains_key(reference.as_str()), "{reference}");
    }
    world.run(&["credits", "verify"]);
    world.stop();
    world.run(&["credits", "verify"]);
}

/// Reference and transaction of every deduction.
pub(crate) fn history(world: &World, app: &App, token: &str) -> HashSet<(String, String)> {
    let (mut posted, mut cursor) = (HashSet::new(), String::new());
    let mut entries = 0;
    loop {
        let path = format!("/api/credits/transactions?type=DEDUCTION&limit=200{cursor}");
        let page = world.read(app, token, &path).ok();
        for entry in page["transactions"].as_array().unwrap() {
            entries += 1;
            let text = |member: &str| entry[member].as_str().unwrap().to_owned();
            posted.insert((text("client_reference_id"), text("transaction_id")));
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(posted.len(), entries, "no entry comes twice");
    posted
}

#[test]
fn verify_finds_what_was_doctored() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it looks into the SQLite file");
    }
    for doctoring in [
        "UPDATE accounts SET balance = balance + 1, lifetime_earned = lifetime_earned + 1 WHERE entries > 0",
        "UPDATE accounts SET lifetime_earned = lifetime_earned + 5, lifetime_spent = lifetime_spent + 5 WHERE entries > 0",
        "UPDATE entries SET amount = amount - 1 WHERE sequence = 2",
        "UPDATE entries SET balance_after = balance_after + 1 WHERE sequence = 2",
        "DELETE FROM entries WHERE sequence = 1",
        "DELETE FROM entries WHERE sequence = 3",
    ] {
        let world = World::new();
        let user = world.rich_user("ann", "10");
        world.credit(&user, "5");
        world.credit(&user, "0.000001");
        assert_eq!(world.cli(&["credits", "verify"]).status.code(), Some(0));
        let mut database = SqliteConnection::establish(world.database().to_str().unwrap()).unwrap();
        assert_eq!(diesel::sql_query(doctoring).execute(&mut database).unwrap(), 1, "{doctoring}");
        drop(database);
        let verified = world.cli(&["credits", "verify"]);
        let said = [verified.stdout, verified.stderr].concat();
        assert_eq!(verified.status.code(), Some(1), "{doctoring}: {}", String::from_utf8_lossy(&said));
        assert!(!said.is_empty(), "the first difference is printed");
    }
}
