//! A COMMIT whose answer never comes: between the server and PostgreSQL stands a proxy that loses it on purpose.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::storm::deduct;
use crate::support::{Call, World, on_postgres, patiently};

/// What becomes of the next COMMIT. Each happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// It does not arrive.
    Lost,
    /// It takes place, and its answer is lost.
    Unanswered,
    /// Its connection is lost at once, and it arrives when another transaction has asked for the tenant's lock.
    Late,
    /// It takes place, and neither an answer comes nor does the connection end, until something else is set.
    Silent,
    /// It stands still on its way, with whoever sent it.
    Frozen,
    /// As unanswered; and nobody gets to the database any more.
    Last,
}

/// What the connections of a proxy share.
struct Shared {
    database: SocketAddr,
    fate: Mutex<Fate>,
    changed: Condvar,
    /// How many have asked for a lock.
    locking: Mutex<usize>,
    asked: Condvar,
}

struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Between the world and its database from now on.
    fn before(world: &mut World) -> Self {
        let (server, database) = world.postgres().rsplit_once('/').unwrap();
        let proxy = Self::start(server.rsplit_once('@').unwrap().1.parse().unwrap());
        let place = format!("{}/{database}?sslmode=disable&gssencmode=disable", proxy.address);
        world.reach_postgres_by(format!("postgres://postgres@{place}"));
        proxy
    }

    fn start(database: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            database,
            fate: Mutex::new(Fate::Answered),
            changed: Condvar::new(),
            locking: Mutex::new(0),
            asked: Condvar::new(),
        });
        let proxy = Self { address: listener.local_addr().unwrap(), shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || pass(&client.unwrap(), &shared));
            }
        });
        proxy
    }

    fn next(&self, fate: Fate) {
        *self.shared.fate.lock().unwrap() = fate;
        self.shared.changed.notify_all();
    }

    /// Whether what was set has happened.
    fn has_happened(&self) -> bool {
        *self.shared.fate.lock().unwrap() == Fate::Answered
    }
}

/// One connection, message by message from the client, byte by byte from the database.
fn pass(client: &TcpStream, shared: &Shared) -> Option<()> {
    if *shared.fate.lock().unwrap() == Fate::Last {
        return None;
    }
    let database = TcpStream::connect(shared.database).ok()?;
    client.set_nodelay(true).and_then(|()| database.set_nodelay(true)).ok()?;
    // Whether what the database says is its answer to a COMMIT that is to have none.
    let mute = Mutex::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = [0; 1 << 14];
            while let Ok(read @ 1..) = (&database).read(&mut bytes) {
                if *mute.lock().unwrap() || (&*client).write_all(&bytes[..read]).is_err() {
                    break;
                }
            }
            let silent = |fate: &mut Fate| *fate == Fate::Silent;
            drop(shared.changed.wait_while(shared.fate.lock().unwrap(), silent).unwrap());
            let _ = (client.shutdown(Shutdown::Both), database.shutdown(Shutdown::Both));
        });
        if forward(client, &database, shared, &mute).is_none() {
            let _ = database.shutdown(Shutdown::Both);
        }
    });
    Some(())
}

/// Passes on what the client says until one of both is gone, or the last word is said and only its answer is left.
fn forward(client: &TcpStream, mut database: &TcpStream, shared: &Shared, mute: &Mutex<bool>) -> Option<()> {
    database.write_all(&message(client, 0)?).ok()?;
    // Of those who commit, only the writer of requests locks a tenant: leases are renewed beside it at any time.
    let (mut is_writer, mut asks_for_a_lock) = (false, false);
    loop {
        let message = message(client, 1)?;
        let fate = match message.as_slice() {
            [b'Q', _, _, _, _, b'C', b'O', b'M', b'M', b'I', b'T', 0] if is_writer => {
                let mut next = shared.fate.lock().unwrap();
                let fate = *next;
                if !matches!(fate, Fate::Silent | Fate::Last) {
                    *next = Fate::Answered;
                }
                fate
            }
            _ => Fate::Answered,
        };
        *mute.lock().unwrap() = fate != Fate::Answered;
        if fate == Fate::Lost {
            return None;
        }
        if fate == Fate::Frozen {
            return Some(());
        }
        if fate == Fate::Late {
            let before = *shared.locking.lock().unwrap();
            client.shutdown(Shutdown::Both).ok()?;
            drop(shared.asked.wait_while(shared.locking.lock().unwrap(), |locking| *locking == before).unwrap());
        }
        database.write_all(&message).ok()?;
        if fate == Fate::Late {
            return Some(());
        }
        asks_for_a_lock |= message.windows(10).any(|text| text == b"FOR UPDATE");
        is_writer |= asks_for_a_lock;
        if asks_for_a_lock && message.first() == Some(&b'E') {
            asks_for_a_lock = false;
            *shared.locking.lock().unwrap() += 1;
            shared.asked.notify_all();
        }
    }
}

/// A message: so many bytes of type, four of length, which count themselves, and the rest.
fn message(mut from: &TcpStream, bytes_of_type: usize) -> Option<Vec<u8>> {
    let mut message = vec![0; bytes_of_type + 4];
    from.read_exact(&mut message).ok()?;
    let length = u32::from_be_bytes(message[bytes_of_type..].try_into().unwrap());
    message.resize(bytes_of_type + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut message[bytes_of_type + 4..]).ok()?;
    Some(message)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long a caller waits is measured")]
fn a_commit_without_an_answer_is_looked_up_and_takes_effect_once() {
    if !on_postgres() {
        return eprintln!("not run on SQLite: there is no connection to lose");
    }
    let mut world = World::new();
    let app = world.app_of_every_scope();
    let user = world.rich_user("ann", "100");
    let proxy = Proxy::before(&mut world);
    world.serve();
    let token = world.token(&app, &user);
    let mut balance = 100;
    for (n, fate) in [Fate::Unanswered, Fate::Late, Fate::Lost, Fate::Unanswered, Fate::Late].into_iter().enumerate() {
        proxy.next(fate);
        let call = deduct(&app, &token, "1", &format!("unknown-{n}"));
        let first = call.send(&world);
        assert!(proxy.has_happened(), "no COMMIT came by");
        let again = call.send(&world);
        if fate == Fate::Lost {
            first.refused(503, "unavailable");
            assert!(first.header("retry-after").is_some());
            again.ok();
            assert!(!again.is_replayed());
        } else {
            first.ok();
            assert!(!first.is_replayed(), "{fate:?}");
            assert_eq!((again.status, &again.body, again.is_replayed()), (200, &first.body, true), "{fate:?}");
        }
        balance -= 1;
        assert_eq!(world.balance(&app, &token), format!("{balance}.00"), "{fate:?}");
    }

    // What is no posting is found by its signature too; a refusal has no outcome, and is asked for again.
    proxy.next(Fate::Unanswered);
    let payment = Call::post(
        "/api/payments",
        format!(r#"{{"user_id":"{}","amount":1,"currency":"USD","status":"succeeded"}}"#, user.id),
    );
    let payment = payment.signed(&app);
    let first = payment.send(&world);
    first.ok();
    assert_eq!(payment.send(&world).body, first.body);
    assert!(proxy.has_happened());
    proxy.next(Fate::Unanswered);
    let refused = deduct(&app, &token, "1000", "too-much");
    refused.send(&world).refused(503, "unavailable");
    assert!(proxy.has_happened());
    refused.send(&world).refused(402, "insufficient_credits");

    // The database stays silent, or away: the caller is told in time, and finds the outcome when it is back.
    for (n, fate) in [Fate::Silent, Fate::Last].into_iter().enumerate() {
        proxy.next(fate);
        let call = deduct(&app, &token, "1", &format!("later-{n}"));
        let started = Instant::now();
        let told = call.send(&world);
        told.refused(503, "unavailable");
        assert!(told.header("retry-after").is_some());
        assert!(started.elapsed() < Duration::from_secs(15), "{fate:?}: {:?}", started.elapsed());
        proxy.next(Fate::Answered);
        let again = call.send(&world);
        again.ok();
        assert!(again.is_replayed(), "it took place before");
        balance -= 1;
        assert_eq!(world.balance(&app, &token), format!("{balance}.00"), "{fate:?}");
    }
    world.run(&["credits", "verify"]);
}

#[test]
fn a_server_that_freezes_within_a_transaction_holds_nobody_up_for_long() {
    if !on_postgres() {
        return eprintln!("not run on SQLite: its lock ends with the process");
    }
    let mut frozen = World::new();
    let app = frozen.app_of_every_scope();
    let user = frozen.rich_user("ann", "100");
    let other = frozen.another();
    let proxy = Proxy::before(&mut frozen);
    frozen.serve();
    let token = other.token(&app, &user);
    proxy.next(Fate::Frozen);
    let (one, two) = (deduct(&app, &token, "1", "one"), deduct(&app, &token, "2", "two"));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| one.send(&frozen));
        assert!(patiently(Duration::from_secs(10), || proxy.has_happened()));
        assert!(patiently(Duration::from_secs(20), || two.send(&other).status == 200), "the lock is held for ever");
        held.join().unwrap().refused(503, "unavailable");
    });
    assert_eq!(other.balance(&app, &token), "98.00");
    one.send(&other).ok();
    let again = one.send(&frozen);
    assert!(again.status == 200 && again.is_replayed());
    assert_eq!(other.balance(&app, &token), "97.00");
}
