//! The lists of administrators: what is found, page by page.

mod plans;

use std::collections::BTreeSet;

use diesel::{ExpressionMethods as _, RunQueryDsl as _};
use osaycore_audit::{Action, Actor, Event, Log as _};
use osaycore_directory::{
    App, AppScopes, AppSettings, ExternalId, Group, NewUser, Permit, Storage as _, Tenant, User, UserChange,
    UserStatus, Write,
};
use osaycore_jwt::session::{Session, Storage as Sessions, TokenHash};
use osaycore_ledger::{
    Account, Add, AddKind, Amount, Charge, Command, Deduct, EntryKind, Payment, PaymentStatus, Storage as _, execute,
};
use uuid::Uuid;

use super::{Store, on_each_database};
use crate::sealing::{MasterKey, Sealer};
use crate::store::lists::audit::Events;
use crate::store::lists::credits::Entries;
use crate::store::lists::payments::Payments;
use crate::store::lists::users::Users;
use crate::store::lists::{self, Asked, Page};
use crate::store::tx::Tx;
use crate::store::{schema, terms};
use crate::system;

const FIRST: Asked = Asked { cursor: None, limit: 3 };
const SECOND_US: i64 = 1_000_000;

fn user(id: i64, name: &str) -> User {
    let new = NewUser {
        id,
        uuid: Uuid::from_u128(id.unsigned_abs().into()),
        tenant_id: 1,
        directory: None,
        username: name.parse().unwrap(),
        email: Some(format!("{name}@example.com").parse().unwrap()),
        display_name: None,
        role: "basic".parse().unwrap(),
    };
    new.into_user(1)
}

fn add_user(tx: &mut Tx<'_>, user: &User) {
    assert_eq!(tx.insert_user(user).unwrap(), Write::Done);
    tx.insert_account(&Account::new(user.id)).unwrap();
}

fn add_app(tx: &mut Tx<'_>, id: i64, name: &str) {
    let app = App {
        id,
        uuid: Uuid::from_u128(id.unsigned_abs().into()),
        tenant_id: 1,
        name: name.parse().unwrap(),
        api_key: format!("key {id}"),
        scopes: AppScopes::default(),
        disabled: false,
        settings: AppSettings::default(),
        created_at_us: 1,
    };
    tx.insert_app(&app).unwrap();
}

/// Every page one after the other; `between` is done after each.
fn all<T>(
    tx: &mut Tx<'_>,
    limit: u32,
    mut list: impl FnMut(&mut Tx<'_>, &Asked) -> Page<T>,
    mut between: impl FnMut(&mut Tx<'_>, usize),
) -> Vec<T> {
    let (mut asked, mut found, mut pages) = (Asked { cursor: None, limit }, vec![], 0);
    loop {
        let page = list(tx, &asked);
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        found.extend(page.items);
        pages += 1;
        assert!(pages < 1000, "it comes to no end");
        let Some(next) = page.next else { return found };
        asked.cursor = Some(next);
        between(tx, pages);
    }
}

fn ids(tx: &mut Tx<'_>, meant: &Users) -> Vec<i64> {
    all(tx, 2, |tx, asked| lists::users::list(tx, meant, asked).unwrap(), |_, _| {})
        .into_iter()
        .map(|user| user.id)
        .collect()
}

fn found(tx: &mut Tx<'_>, text: &str) -> Vec<i64> {
    ids(tx, &Users { search: Some(text.to_owned()), ..Users::default() })
}

#[test]
fn users_are_found_by_what_they_are_called_whatever_the_case() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            add_app(tx, 9, "shop");
            for (id, name) in [(1, "ada"), (2, "Adam"), (3, "Émile"), (42, "zoe"), (5, "a_b"), (6, "a%b")] {
                let email = (name == "Émile").then(|| "emile@example.com".parse().unwrap());
                let plain = User { email: email.clone(), ..user(id, if email.is_some() { "x" } else { "y" }) };
                let mut made = if email.is_some() || name == "a%b" { plain } else { user(id, name) };
                made.username = name.parse().unwrap();
                add_user(tx, &made);
            }
            let named =
                UserChange { display_name: Some("Ada  King Lovelace".parse().unwrap()), ..UserChange::default() };
            assert_eq!(tx.update_user(&user(1, "ada").changed(named, 2)).unwrap(), Write::Done);
            let permit = |user_id, id: &str| Permit {
                external_id: Some(ExternalId::try_from(id.to_owned()).unwrap()),
                ..Permit::new(user_id, 9)
            };
            assert_eq!(tx.put_permit(&permit(2, "Customer-7")).unwrap(), Write::Done);
            assert_eq!(tx.put_permit(&permit(3, "424242")).unwrap(), Write::Done);

            assert_eq!(found(tx, "AD"), [1, 2], "by name, each once, although the address begins so as well");
            assert_eq!(found(tx, "ada@"), [1]);
            assert_eq!(found(tx, "éMILE"), [3]);
            assert_eq!(found(tx, "lovelace"), [1]);
            assert_eq!(found(tx, "king l"), [1]);
            assert_eq!(found(tx, "customer-7"), [2]);
            assert_eq!(found(tx, "42"), [42, 3], "the one with this id, then what begins so");
            assert_eq!(found(tx, &Uuid::from_u128(5).to_string()), [5]);
            assert_eq!(found(tx, "a_"), [5], "no character stands for others");
            assert_eq!(found(tx, "a%"), [6]);
            assert_eq!(found(tx, "nobody"), [0; 0]);
            // What changed is not found by what it was.
            let renamed = UserChange { username: Some("bob".parse().unwrap()), ..UserChange::default() };
            assert_eq!(tx.update_user(&user(2, "Adam").changed(renamed, 3)).unwrap(), Write::Done);
            assert_eq!(found(tx, "bob"), [2]);
            assert_eq!(tx.put_permit(&permit(2, "other")).unwrap(), Write::Done);
            assert_eq!(found(tx, "customer-7"), [0; 0]);
        });
        // Another tenant's are nobody's here.
        assert_eq!(store.commit(2, |tx| found(tx, "ad")), [0; 0]);
    });
}

#[test]
fn users_are_narrowed_by_what_they_are() {
    on_each_database(|place| {
        Store::new(place()).commit(1, |tx| {
            add_app(tx, 9, "shop");
            add_app(tx, 10, "bank");
            for id in 1..=9 {
                add_user(tx, &user(id, &format!("u{id}")));
            }
            let with_status = |status, id: i64| {
                user(id, &format!("u{id}")).changed(UserChange { status: Some(status), ..UserChange::default() }, 2)
            };
            for changed in [
                with_status(UserStatus::Disabled, 2),
                with_status(UserStatus::Disabled, 4),
                with_status(UserStatus::Suspended, 6),
                User { deleted_at_us: Some(5), ..user(8, "u8") },
            ] {
                assert_eq!(tx.update_user(&changed).unwrap(), Write::Done);
            }
            let group = Group { id: 3, tenant_id: 1, name: "staff".parse().unwrap(), created_at_us: 1 };
            assert_eq!(tx.insert_group(&group).unwrap(), Write::Done);
            for id in [1, 4, 7, 8] {
                assert!(tx.add_member(3, id).unwrap());
            }
            for (user_id, app_id, until) in [(1, 9, Some(100)), (1, 10, Some(90)), (4, 9, Some(50)), (5, 9, None)] {
                let row = (
                    schema::otp_attempts::tenant_id.eq(1_i64),
                    schema::otp_attempts::user_id.eq::<i64>(user_id),
                    schema::otp_attempts::app_id.eq::<i64>(app_id),
                    schema::otp_attempts::failures.eq(1_i64),
                    schema::otp_attempts::locked_until_us.eq(until.map(i64::from)),
                );
                diesel::insert_into(schema::otp_attempts::table).values(row).execute(&mut *tx.connection).unwrap();
            }
            let all = Users::default();
            assert_eq!(ids(tx, &all), [9, 7, 6, 5, 4, 3, 2, 1], "newest first");
            assert_eq!(ids(tx, &Users { with_deleted: true, ..all.clone() }).len(), 9);
            let disabled = Users { status: Some(UserStatus::Disabled), ..all.clone() };
            assert_eq!(ids(tx, &disabled), [4, 2]);
            assert_eq!(ids(tx, &Users { status: Some(UserStatus::Active), ..all.clone() }), [9, 7, 5, 3, 1]);
            assert_eq!(ids(tx, &Users { group_id: Some(3), ..all.clone() }), [7, 4, 1]);
            assert_eq!(ids(tx, &Users { group_id: Some(3), ..disabled.clone() }), [4]);
            assert_eq!(ids(tx, &Users { locked_at_us: Some(10), ..all.clone() }), [4, 1], "each once");
            assert_eq!(ids(tx, &Users { locked_at_us: Some(50), ..all.clone() }), [1]);
            let search = Users { search: Some("u".to_owned()), group_id: Some(3), ..all };
            assert_eq!(ids(tx, &search), [1, 4, 7]);
            let groups = lists::groups::list(tx, &FIRST).unwrap().items;
            assert_eq!(groups.iter().map(|counted| counted.members).collect::<Vec<_>>(), [4]);
        });
    });
}

#[test]
fn pages_of_users_have_no_gap_and_no_repeat_while_others_are_added() {
    on_each_database(|place| {
        Store::new(place()).commit(1, |tx| {
            for id in 1..=50 {
                add_user(tx, &user(id * 10, &format!("user{id:02}")));
            }
            let before: BTreeSet<i64> = (1..=50).map(|id| id * 10).collect();
            for search in [None, Some("USER".to_owned())] {
                let mut next = if search.is_some() { 5000 } else { 1000 };
                let meant = Users { search, ..Users::default() };
                let list = |tx: &mut Tx<'_>, asked: &Asked| lists::users::list(tx, &meant, asked).unwrap();
                let found = all(tx, 7, list, |tx, _| {
                    next += 1;
                    add_user(tx, &user(next, &format!("user{:02}z{next}", next % 50)));
                });
                let found: Vec<i64> = found.into_iter().map(|user| user.id).collect();
                let distinct: BTreeSet<i64> = found.iter().copied().collect();
                assert_eq!(distinct.len(), found.len(), "a repeat");
                assert!(before.is_subset(&distinct), "a gap");
            }
        });
    });
}

#[test]
fn who_was_there_before_terms_were_kept_is_found() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            let tenant = Tenant { id: 1, name: "t".parse().unwrap(), monthly_user_limit: None, created_at_us: 1 };
            let sealer = Sealer::new(MasterKey::generate(), vec![]);
            crate::store::tenants::insert(tx.connection, &sealer, &tenant, "key").unwrap();
            add_user(tx, &user(1, "ada"));
            diesel::delete(schema::user_terms::table).execute(&mut *tx.connection).unwrap();
            assert_eq!(found(tx, "ada"), [0; 0]);
            terms::fill(tx.connection).unwrap();
            assert_eq!(found(tx, "ada"), [0; 0], "a database is filled once");
            diesel::delete(schema::deployment::table).execute(&mut *tx.connection).unwrap();
            terms::fill(tx.connection).unwrap();
            assert_eq!(found(tx, "ada"), [1]);
        });
    });
}

/// A wallet's entries, one a minute from the first on: of five one is a bonus, by the app 9 or by the operator by turns.
fn post(tx: &mut Tx<'_>, account_id: i64, count: i64, first_us: i64) {
    for n in 0..count {
        let now_us = first_us + n * 60 * SECOND_US;
        let (app_id, transaction_id) = (if n % 2 == 0 { 9 } else { 0 }, system::ordered_uuid(now_us));
        let reference = Some(format!("{account_id}-{n}"));
        let command = if n % 5 == 0 {
            let (kind, payment_id) = (AddKind::Bonus, None);
            let amount = Amount::from_micros(1_000_000_000).unwrap();
            Command::Add(Add {
                account_id,
                app_id,
                transaction_id,
                amount,
                kind,
                description: None,
                reference,
                payment_id,
            })
        } else {
            let charge = Charge::Amount(Amount::ONE);
            Command::Deduct(Deduct { account_id, app_id, transaction_id, charge, description: None, reference })
        };
        let outcome = execute(tx, &command, now_us).unwrap();
        let action = if n % 5 == 0 { Action::CreditsAdded } else { Action::CreditsDeducted };
        let event = Event { user_id: Some(account_id), ..Event::new(action, Actor::App(app_id), 1, now_us) };
        tx.append_posted(outcome.entry(), event).unwrap();
    }
}

#[test]
fn transactions_are_listed_of_a_user_and_of_all_newest_first() {
    const START: i64 = 1_700_000_000 * SECOND_US;
    on_each_database(|place| {
        Store::new(place()).commit(1, |tx| {
            for id in [1, 2] {
                add_user(tx, &user(id, &format!("u{id}")));
                post(tx, id, 40, START + id * SECOND_US);
            }
            tx.flush().unwrap();
            let list = |tx: &mut Tx<'_>, meant: &Entries| -> Vec<(i64, i64)> {
                let page = |tx: &mut Tx<'_>, asked: &Asked| lists::credits::list(tx, meant, &[0, 9], asked).unwrap();
                all(tx, 7, page, |_, _| {}).iter().map(|entry| (entry.account_id, entry.sequence)).collect()
            };
            let mut expected = vec![];
            for sequence in (1..=40).rev() {
                expected.extend([(2, sequence), (1, sequence)]);
            }
            let all = Entries::default();
            assert_eq!(list(tx, &all), expected);
            for account_id in [None, Some(2)] {
                let of = |is_meant: &dyn Fn(i64) -> bool| -> Vec<(i64, i64)> {
                    let mine = expected.iter().filter(|(id, _)| account_id.is_none_or(|account_id| *id == account_id));
                    mine.filter(|(_, sequence)| is_meant(sequence - 1)).copied().collect()
                };
                let meant = Entries { account_id, ..all.clone() };
                assert_eq!(list(tx, &meant), of(&|_| true));
                let bonuses = Entries { kind: Some(EntryKind::Bonus), ..meant.clone() };
                assert_eq!(list(tx, &bonuses), of(&|n| n % 5 == 0));
                let deductions = Entries { kind: Some(EntryKind::Deduction), app_id: Some(9), ..meant.clone() };
                assert_eq!(list(tx, &deductions), of(&|n| n % 5 != 0 && n % 2 == 0));
                let time = |minute: i64| Some(START + minute * 60 * SECOND_US);
                let timed = Entries { from_us: time(5), to_us: time(20), ..meant.clone() };
                assert_eq!(list(tx, &timed), of(&|n| (5..20).contains(&n)));
                let timed = Entries { from_us: Some(time(5).unwrap() + 2 * SECOND_US), ..meant.clone() };
                assert_eq!(list(tx, &timed).last(), of(&|n| n >= 5).iter().rfind(|(id, n)| *id == 2 || *n > 6));
                let referred = Entries { reference: Some("2-7".to_owned()), ..meant };
                assert_eq!(list(tx, &referred), [(2, 8)]);
                assert_eq!(list(tx, &Entries { account_id: Some(1), ..referred }), [(0, 0); 0]);
            }
            let one = lists::credits::list(tx, &all, &[], &FIRST).unwrap().items.remove(0);
            assert_eq!(lists::credits::find(tx, one.transaction_id).unwrap(), Some(one));
            assert_eq!(lists::credits::find(tx, Uuid::nil()).unwrap(), None);
        });
    });
}

#[test]
fn events_are_listed_by_action_actor_user_and_time() {
    const START: i64 = 1_700_000_000 * SECOND_US;
    on_each_database(|place| {
        Store::new(place()).commit(1, |tx| {
            add_user(tx, &user(1, "ada"));
            post(tx, 1, 40, START);
            for n in 0..40 {
                let action = [Action::UserCreated, Action::UserUpdated, Action::AppCreated, Action::FlagApplied][n % 4];
                let actor = Actor::Operator(if n % 3 == 0 { "ada" } else { "bob" }.to_owned());
                let at_us = START + (40 + i64::try_from(n).unwrap()) * 60 * SECOND_US;
                let user_id = (n % 2 == 0).then_some(1);
                tx.append(Event { user_id, app_id: Some(9), ..Event::new(action, actor, 1, at_us) }).unwrap();
            }
            let list = |tx: &mut Tx<'_>, meant: &Events| -> Vec<i64> {
                let page = |tx: &mut Tx<'_>, asked: &Asked| lists::audit::list(tx, meant, asked).unwrap();
                all(tx, 7, page, |_, _| {}).iter().map(|record| record.id - 1).collect()
            };
            let of = |is_meant: &dyn Fn(i64) -> bool| (0..80).rev().filter(|n| is_meant(*n)).collect::<Vec<i64>>();
            let all = Events::default();
            assert_eq!(list(tx, &all), of(&|_| true));
            let action = |prefix: &str| Events { action: Some(prefix.to_owned()), ..Events::default() };
            assert_eq!(list(tx, &action("user.")), of(&|n| n >= 40 && n % 4 < 2));
            assert_eq!(list(tx, &action("user.updated")), of(&|n| n >= 40 && n % 4 == 1));
            assert_eq!(list(tx, &action("credits.")), of(&|n| n < 40));
            assert_eq!(list(tx, &action("credits.added")), of(&|n| n < 40 && n % 5 == 0));
            assert_eq!(list(tx, &action("nothing")), [0; 0]);
            let by = |actor: &str| Events { actor: Some(actor.to_owned()), ..Events::default() };
            assert_eq!(list(tx, &by("operator ada")), of(&|n| n >= 40 && (n - 40) % 3 == 0));
            assert_eq!(list(tx, &by("app 9")), of(&|n| n < 40 && n % 2 == 0));
            assert_eq!(list(tx, &Events { user_id: Some(1), ..all.clone() }), of(&|n| n < 40 || n % 2 == 0));
            assert_eq!(list(tx, &Events { user_id: Some(1), ..action("user.") }), of(&|n| n >= 40 && n % 4 == 0));
            assert_eq!(list(tx, &Events { app_id: Some(9), ..all.clone() }), of(&|n| n >= 40));
            let time = |minute: i64| Some(START + minute * 60 * SECOND_US);
            let timed = Events { from_us: time(30), to_us: time(50), ..all };
            assert_eq!(list(tx, &timed), of(&|n| (30..50).contains(&n)));
            assert_eq!(
                list(tx, &Events { user_id: Some(1), ..timed }),
                of(&|n| (30..40).contains(&n) || (40..50).contains(&n) && n % 2 == 0)
            );
        });
    });
}

fn add_payment(tx: &mut Tx<'_>, n: i64, account_id: i64) {
    let payment = Payment {
        id: system::uuid(),
        account_id,
        app_id: 9,
        amount: Amount::ONE,
        currency: "EUR".parse().unwrap(),
        credits: None,
        status: if n % 2 == 0 { PaymentStatus::Pending } else { PaymentStatus::Succeeded },
        external_id: Some(format!("pay-{n}")),
        credited: None,
        // Two of a time.
        created_at_us: n / 2,
        updated_at_us: n,
    };
    tx.insert_payment(&payment).unwrap();
}

#[test]
fn payments_apps_groups_and_sessions_page_in_their_order() {
    on_each_database(|place| {
        Store::new(place()).commit(1, |tx| {
            add_user(tx, &user(1, "ada"));
            for n in 0..30 {
                add_payment(tx, n, 1 + n % 3);
                add_app(tx, 100 + n, ["b", "a", "c"][usize::try_from(n).unwrap() % 3]);
                let group = Group {
                    id: n,
                    tenant_id: 1,
                    name: format!("g{:02}", n * 7 % 30).parse().unwrap(),
                    created_at_us: 1,
                };
                assert_eq!(tx.insert_group(&group).unwrap(), Write::Done);
                let session = Session {
                    id: system::uuid(),
                    sub: Uuid::from_u128(1),
                    aud: Uuid::from_u128(9),
                    created_at_s: n / 2,
                    expires_at_s: 1000,
                    revoked_at_s: (n % 3 == 0).then_some(5),
                };
                let token = TokenHash::from_bytes([u8::try_from(n).unwrap(); 32]);
                Sessions::insert(tx, &session, &token).unwrap();
            }
            let payments = |tx: &mut Tx<'_>, meant: &Payments| -> Vec<i64> {
                let page = |tx: &mut Tx<'_>, asked: &Asked| lists::payments::list(tx, meant, &[9], asked).unwrap();
                all(tx, 4, page, |_, _| {}).iter().map(|payment| payment.updated_at_us).collect()
            };
            let sorted = |mut found: Vec<i64>| {
                assert!(found.windows(2).all(|pair| pair[0] / 2 >= pair[1] / 2), "newest first: {found:?}");
                found.sort_unstable();
                found
            };
            let of = |is_meant: &dyn Fn(i64) -> bool| (0..30).filter(|n| is_meant(*n)).collect::<Vec<i64>>();
            let all_of_them = Payments::default();
            assert_eq!(sorted(payments(tx, &all_of_them)), of(&|_| true));
            let mine = Payments { account_id: Some(2), ..all_of_them.clone() };
            assert_eq!(sorted(payments(tx, &mine)), of(&|n| n % 3 == 1));
            let open = Payments { status: Some(PaymentStatus::Pending), from_us: Some(3), to_us: Some(9), ..mine };
            assert_eq!(sorted(payments(tx, &open)), of(&|n| n % 3 == 1 && n % 2 == 0 && (6..18).contains(&n)));
            let one = Payments { external_id: Some("pay-7".to_owned()), ..all_of_them };
            assert_eq!(payments(tx, &one), [7]);

            let apps = all(tx, 4, |tx, asked| lists::apps::list(tx, asked).unwrap(), |_, _| {});
            let apps: Vec<(String, i64)> = apps.into_iter().map(|app| (app.name.into(), app.id)).collect();
            assert!(apps.len() == 30 && apps.is_sorted(), "{apps:?}");
            assert_eq!(lists::apps::by_name(tx, "a").unwrap().len(), 2);

            let groups = all(tx, 4, |tx, asked| lists::groups::list(tx, asked).unwrap(), |_, _| {});
            let groups: Vec<String> = groups.into_iter().map(|counted| counted.group.name.into()).collect();
            assert!(groups.len() == 30 && groups.is_sorted(), "{groups:?}");

            let sub = Uuid::from_u128(1);
            let sessions = all(tx, 4, |tx, asked| lists::sessions::list(tx, sub, 10, asked).unwrap(), |_, _| {});
            let begun: Vec<i64> = sessions.iter().map(|session| session.created_at_s).collect();
            assert!(begun.len() == 20 && begun.iter().rev().is_sorted(), "{begun:?}");
            assert!(lists::sessions::list(tx, sub, 1000, &FIRST).unwrap().items.is_empty(), "they have expired");
        });
    });
}
