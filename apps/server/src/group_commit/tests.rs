//! The writer over a real database, without HTTP: groups, neighbours, repeats, unknown commits.

use osaycore_directory::{AppScopes, Name};
use osaycore_ledger::{Account, Credits, Storage as _};
use osaycore_signing::Mac;
use osaycore_signing::replay::Target;
use tempfile::TempDir;

use super::group::group;
use super::thread::look_up;
use super::*;
use crate::admin::apps::{self, NewApp};
use crate::admin::users::{self, NewUserInput};
use crate::admin::{bootstrap, credits};
use crate::posting::{Asked, Request};
use crate::sealing::{MasterKey, Sealer};
use crate::store::db::{self, StoreError};
use crate::store::migrations::migrate;
use crate::store::tx::transact;
use crate::system;

/// A database with an app and a user, and a writer on it.
struct Bench {
    database: Database,
    writer: Writer,
    thread: std::thread::JoinHandle<()>,
    app: std::sync::Arc<osaycore_directory::App>,
    user: osaycore_directory::User,
    /// One second for all requests of a test, however long it takes.
    signed_at_s: i64,
    _folder: TempDir,
}

const TENANT: i64 = 1;

impl Bench {
    /// The user has so many credits.
    fn with_credits(credits: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let database = Database::open(&url.parse().unwrap(), 1).unwrap();
        migrate(&database).unwrap();
        let sealer = Sealer::new(MasterKey::generate(), vec![]);
        let mut writer = database.writer();
        db::write(&mut writer, |connection| bootstrap::run(connection, &sealer, 1)).unwrap();
        let by = By::system(TENANT, 1);
        let (app, user) = transact::<_, Failure>(&mut writer, TENANT, |tx| {
            let name: Name = "app".parse().unwrap();
            let new = NewApp { name, scopes: AppScopes::default(), redirect_uris: vec![] };
            let app = apps::create(tx, &sealer, &by, new)?.app;
            let input = NewUserInput {
                username: "user".parse().unwrap(),
                email: None,
                display_name: None,
                role: osaycore_directory::Role::default(),
                directory: None,
                link: None,
            };
            let user = users::create(tx, &by, input)?;
            let (amount, kind) = (credits.parse().unwrap(), osaycore_ledger::AddKind::Bonus);
            credits::add(tx, &by, &user, credits::Addition { amount, kind, description: None, reference: None })?;
            Ok((app, user))
        })
        .unwrap();
        let (writer, thread) = Writer::start(&database, Arc::new(Members::new()), Metrics::new("sqlite", 0)).unwrap();
        let signed_at_s = system::now_s();
        Self { database, writer, thread, app: app.into(), user, signed_at_s, _folder: folder }
    }

    fn account(&self) -> Account {
        self.database
            .read::<_, StoreError>(|connection| Tx::new(connection, TENANT).account(self.user.id))
            .unwrap()
            .unwrap()
    }

    /// A deduction of `amount`; equal `mac`s are equal requests.
    fn deduction(&self, mac: u8, amount: &str) -> Job {
        let posting = Posting {
            app: self.app.clone(),
            description: None,
            reference: None,
            request: Request::Deduct { user: self.user.uuid, charge: Asked::Amount(amount.parse().unwrap()) },
        };
        self.job(mac, "POST", Work::Post(Box::new(posting)))
    }

    fn job(&self, mac: u8, method: &str, work: Work) -> Job {
        let sight = Sight {
            app_id: self.app.id,
            timestamp_s: self.signed_at_s,
            mac: Mac::from_bytes([mac; 32]),
            subject: Some(self.user.uuid),
            target: Target::new(method, "/"),
        };
        Job { tenant_id: TENANT, sight: Some(sight), repeat: Repeat::Told, by: By::system(TENANT, 1), work }
    }

    /// A call for another tenant.
    fn elsewhere(&self, mac: u8) -> Job {
        let call: Call = Box::new(|_, _| Ok(b"{}".to_vec()));
        Job { tenant_id: TENANT + 1, by: By::system(TENANT + 1, 1), ..self.job(mac, "POST", Work::Call(call)) }
    }

    /// One group of these jobs, in one transaction.
    fn group(&self, jobs: &mut [Job]) -> Vec<Result<Done, ApiError>> {
        let members = Members::new();
        db::write(&mut self.database.writer(), |connection| group(connection, &members, jobs, 7)).unwrap()
    }
}

fn codes(outcomes: &[Result<Done, ApiError>]) -> Vec<Result<bool, Code>> {
    outcomes.iter().map(|outcome| outcome.as_ref().map(|done| done.replayed).map_err(|error| error.code)).collect()
}

#[test]
fn a_group_pays_for_what_the_account_can_pay_and_refuses_the_rest() {
    let bench = Bench::with_credits("10");
    let mut jobs: Vec<Job> = (0..8).map(|mac| bench.deduction(mac, "3")).collect();
    let outcomes = codes(&bench.group(&mut jobs));
    assert_eq!(outcomes[..3], [Ok(false); 3]);
    assert_eq!(outcomes[3..], [Err(Code::InsufficientCredits); 5]);
    assert_eq!(bench.account().balance, Credits::from_micros(1_000_000).unwrap());
    assert_eq!(bench.account().entries, 4);
}

#[test]
fn equal_requests_in_one_group_and_in_the_next_are_one_request() {
    let bench = Bench::with_credits("10");
    let twice = bench.group(&mut [bench.deduction(1, "3"), bench.deduction(1, "3")]);
    let again = bench.group(&mut [bench.deduction(1, "3")]);
    assert_eq!(codes(&twice), [Ok(false), Ok(true)]);
    assert_eq!(codes(&again), [Ok(true)]);
    assert_eq!(again[0].as_ref().unwrap().outcome, twice[0].as_ref().unwrap().outcome);
    assert_eq!(bench.account().balance, Credits::from_micros(7_000_000).unwrap());
}

#[test]
fn a_signature_is_bound_to_its_first_target_even_if_that_was_refused() {
    let bench = Bench::with_credits("10");
    assert_eq!(codes(&bench.group(&mut [bench.job(1, "PATCH", Work::Bind)])), [Ok(false)]);
    assert_eq!(codes(&bench.group(&mut [bench.deduction(1, "3")])), [Err(Code::SignatureReused)]);
    assert_eq!(bench.account().entries, 1);
}

#[test]
fn a_strict_app_refuses_the_repeat() {
    let bench = Bench::with_credits("10");
    let strict = || Job { repeat: Repeat::Refused, ..bench.deduction(1, "3") };
    assert_eq!(codes(&bench.group(&mut [strict(), strict()])), [Ok(false), Err(Code::ReplayedRequest)]);
    assert_eq!(bench.account().entries, 2);
}

#[test]
fn what_never_repeats_is_refused_whatever_became_of_the_first() {
    let bench = Bench::with_credits("10");
    let never = |mac: u8, work: Work| Job { repeat: Repeat::Never, ..bench.job(mac, "POST", work) };
    let call = |outcome: &'static [u8]| Work::Call(Box::new(move |_, _| Ok(outcome.to_vec())));
    let refused = || Work::Call(Box::new(|_, _| Err(Code::UserNotFound.into())));
    let repeated = Err(Code::ReplayedRequest);
    for (mac, first, second, outcome) in [
        (1, call(b"done"), call(b"done"), Ok(false)),
        (2, call(b""), call(b""), Ok(false)),
        (3, refused(), call(b"done"), Err(Code::UserNotFound)),
        (4, Work::Bind, call(b"done"), Ok(false)),
        (5, Work::Bind, Work::Bind, Ok(false)),
        (6, call(b"done"), Work::Bind, Ok(false)),
    ] {
        assert_eq!(codes(&bench.group(&mut [never(mac, first)])), [outcome], "the first of {mac}");
        assert_eq!(codes(&bench.group(&mut [never(mac, second)])), [repeated], "the second of {mac}");
    }
}

#[test]
fn an_empty_outcome_is_none_and_the_request_is_evaluated_anew() {
    let bench = Bench::with_credits("10");
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let job = |mac: u8, outcome: &'static [u8]| {
        let asked = Arc::clone(&asked);
        let call: Call = Box::new(move |_, _| {
            asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(outcome.to_vec())
        });
        Job { repeat: Repeat::Refused, ..bench.job(mac, "POST", Work::Call(call)) }
    };
    let outcomes = bench.group(&mut [job(1, b""), job(1, b""), job(1, b"once"), job(1, b"")]);
    assert_eq!(codes(&outcomes), [Ok(false), Ok(false), Ok(false), Err(Code::ReplayedRequest)]);
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 3);
}

#[test]
fn a_failing_call_undoes_itself_and_never_its_neighbours() {
    let bench = Bench::with_credits("10");
    let user = bench.user.clone();
    let failing: Call = Box::new(move |tx, by| {
        users::delete(tx, by, &user)?;
        Err(Code::NotPermitted.into())
    });
    let fine: Call = Box::new(|_, _| Ok(b"{}".to_vec()));
    let outcomes = bench.group(&mut [
        bench.deduction(1, "1"),
        bench.job(2, "POST", Work::Call(failing)),
        bench.job(3, "POST", Work::Call(fine)),
    ]);
    assert_eq!(codes(&outcomes), [Ok(false), Err(Code::NotPermitted), Ok(false)]);
    assert_eq!(codes(&bench.group(&mut [bench.deduction(4, "1")])), [Ok(false)], "the user is not deleted");
}

#[test]
fn after_an_unknown_commit_the_signatures_tell_what_became_of_it() {
    let bench = Bench::with_credits("10");
    let look_up = |jobs: &[Job], now_us| {
        db::write(&mut bench.database.writer(), |connection| look_up(connection, jobs, now_us)).unwrap()
    };
    let unsigned = || Job { sight: None, ..bench.deduction(3, "1") };
    let strict = || Job { repeat: Repeat::Refused, ..bench.deduction(4, "1") };
    let mut jobs = [bench.deduction(1, "3"), bench.deduction(2, "30"), unsigned(), strict(), bench.elsewhere(5)];
    assert!(look_up(&jobs, 7).iter().all(Option::is_none), "nothing was committed");
    let told = bench.group(&mut jobs);
    let found = look_up(&jobs, 7);
    for (n, replayed) in [(0, false), (3, false), (4, false)] {
        let found = found[n].as_ref().unwrap();
        assert_eq!(found.outcome, told[n].as_ref().unwrap().outcome, "job {n}");
        assert_eq!(found.replayed, replayed, "job {n}");
    }
    assert!(found[1].is_none(), "a refusal is to be asked for again");
    assert!(found[2].is_none(), "nothing tells of a job without a signature");
    // The same requests in a later group: what is there is the outcome of an earlier one.
    let later = look_up(&jobs, 8);
    assert!(later[0].as_ref().is_some_and(|done| done.replayed && done.first_seen_us == 7));
    assert!(later[3].is_none(), "a strict app's repeat has no outcome");
    let mut bound_elsewhere = bench.deduction(1, "3");
    if let Some(sight) = &mut bound_elsewhere.sight {
        sight.target = Target::new("POST", "/elsewhere");
    }
    assert!(look_up(&[bound_elsewhere], 7)[0].is_none(), "it is the signature of another request");
}

#[actix_web::test]
async fn concurrent_callers_share_commits_and_each_gets_its_own_answer() {
    let bench = Bench::with_credits("20");
    let answers = futures_util::future::join_all((0..64).map(|mac| bench.writer.run(bench.deduction(mac, "1")))).await;
    let paid: std::collections::HashSet<_> = answers.iter().flatten().map(|done| done.outcome.clone()).collect();
    assert_eq!(paid.len(), 20, "each its own transaction");
    assert_eq!(bench.account().balance, Credits::ZERO);
    let late = bench.deduction(99, "1");
    bench.writer.stop().await;
    bench.thread.join().unwrap();
    assert_eq!(bench.writer.run(late).await.unwrap_err().code, Code::Unavailable);
}

#[test]
fn a_signature_older_than_what_was_forgotten_is_refused_whatever_the_window_is_now() {
    let bench = Bench::with_credits("10");
    let old = || bench.deduction(1, "3");
    let signed_s = old().sight.unwrap().timestamp_s;
    assert_eq!(codes(&bench.group(&mut [old()])), [Ok(false)]);
    let forget = |tx: &mut Tx<'_>| tx.forget_signatures(signed_s + 9, 1);
    assert_eq!(transact::<_, StoreError>(&mut bench.database.writer(), TENANT, forget).unwrap(), 1);
    assert_eq!(codes(&bench.group(&mut [old()])), [Err(Code::TimestampOutOfWindow)]);
    let mut later = bench.deduction(3, "1");
    if let Some(sight) = &mut later.sight {
        sight.timestamp_s += 9;
    }
    assert_eq!(codes(&bench.group(&mut [later])), [Ok(false)]);
    assert_eq!(bench.account().balance, Credits::from_micros(6_000_000).unwrap());
}

#[test]
fn a_call_that_the_store_refuses_is_a_fault_of_its_own() {
    let bench = Bench::with_credits("10");
    let user = bench.user.clone();
    let twice: Call = Box::new(move |tx, _| {
        // The account is there: the database refuses.
        tx.insert_account(&Account::new(user.id))?;
        Ok(Vec::new())
    });
    let outcomes = bench.group(&mut [bench.deduction(1, "1"), bench.job(2, "POST", Work::Call(twice))]);
    assert_eq!(codes(&outcomes)[0], Ok(false));
    assert!(outcomes[1].as_ref().is_err_and(|error| error.code.status().is_server_error()));
    assert_eq!(bench.account().entries, 2);
}
