//! What SQLite does for each list: it tells without any rows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, InstrumentationEvent};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use osaycore_directory::UserStatus;
use osaycore_ledger::{EntryKind, PaymentStatus};
use uuid::Uuid;

use super::super::{Place, Store};
use super::{FIRST, add_app, add_user, post, user};
use crate::store::db::AnyConnection;
use crate::store::flags;
use crate::store::lists::audit::Events;
use crate::store::lists::credits::Entries;
use crate::store::lists::payments::Payments;
use crate::store::lists::users::Users;
use crate::store::lists::{self, Asked};
use crate::store::tx::Tx;

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[test]
fn every_list_follows_an_index_and_sorts_nothing() {
    let mut store = Store::new(Place::sqlite());
    store.commit(1, |tx| {
        add_app(tx, 9, "shop");
        add_user(tx, &user(1, "ada"));
        post(tx, 1, 3, 0);
        tx.flush().unwrap();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        tx.connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                kept.lock().unwrap().push(query.to_string());
            }
        });
        every_list(tx, &FIRST);
        tx.connection.set_instrumentation(None::<Box<dyn diesel::connection::Instrumentation>>);
        let seen: BTreeSet<String> = seen.lock().unwrap().iter().map(|query| statement(query)).collect();
        assert!(seen.len() > 25, "the queries were not seen: {seen:#?}");
        let mut unused = BTreeSet::from([
            "apps_by_name",
            "audit_events_by_action",
            "entries_added",
            "entries_by_transaction",
            "group_members_by_group",
            "otp_attempts_locked",
            "payments_by_account",
            "payments_by_time",
            "sessions_of_user",
            "user_terms_by_term",
            "users_not_active",
        ]);
        for query in seen {
            let plan = plan(tx.connection, &query);
            let indexed = |step: &String| step.contains(" INDEX ") || step.contains("PRIMARY KEY");
            let looks = plan.iter().filter(|step| step.starts_with("SEARCH") || step.starts_with("SCAN"));
            assert!(looks.clone().count() > 0, "{query}: {plan:?}");
            for step in looks {
                assert!(step.starts_with("SEARCH") && indexed(step), "{query}: {step}");
            }
            assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{query}: {plan:?}");
            unused.retain(|index| !plan.iter().any(|step| step.contains(&format!(" {index} "))));
        }
        assert!(unused.is_empty(), "nothing uses {unused:?}");
    });
}

/// Each list, first and next pages, with each choice of what is meant.
fn every_list(tx: &mut Tx<'_>, first: &Asked) {
    let next = |key: &str| {
        use base64::Engine as _;
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key);
        [first.clone(), Asked { cursor: Some(cursor), ..first.clone() }]
    };
    let text = |text: &str| Some(text.to_owned());
    for asked in next(r#"["b",1]"#) {
        lists::apps::list(tx, &asked).unwrap();
    }
    lists::apps::by_name(tx, "a").unwrap();
    for asked in next(r#""b""#) {
        lists::groups::list(tx, &asked).unwrap();
        lists::flags::list(tx, 9, false, &asked).unwrap();
    }
    lists::groups::count(tx, 3).unwrap();
    flags::find(tx, 9, "a").unwrap();
    flags::load_of_app(tx, 9).unwrap();
    for asked in next("7") {
        lists::flags::versions(tx, 9, &asked).unwrap();
        let (user_id, action) = (Some(1), text("user."));
        for meant in [
            Events::default(),
            Events { action: action.clone(), ..Events::default() },
            Events { to_us: Some(5), from_us: Some(1), ..Events::default() },
            Events { user_id, ..Events::default() },
            Events { user_id, action, actor: text("operator ada"), app_id: Some(9), ..Events::default() },
        ] {
            lists::audit::list(tx, &meant, &asked).unwrap();
        }
    }
    let id = Uuid::from_u128(7);
    for asked in next(&format!(r#"[7,"{id}"]"#)) {
        lists::sessions::list(tx, id, 5, &asked).unwrap();
        for account_id in [None, Some(1)] {
            let meant = Payments { account_id, ..Payments::default() };
            lists::payments::list(tx, &meant, &[9], &asked).unwrap();
            let meant = Payments { from_us: Some(1), to_us: Some(9), status: Some(PaymentStatus::Failed), ..meant };
            lists::payments::list(tx, &meant, &[9], &asked).unwrap();
            let meant = Payments { external_id: text("x"), app_id: Some(9), ..meant };
            lists::payments::list(tx, &meant, &[9], &asked).unwrap();
        }
    }
    for (account_id, key) in [(None, format!(r#"{{"Transaction":"{id}"}}"#)), (Some(1), r#"{"Sequence":3}"#.to_owned())]
    {
        for asked in next(&key) {
            for kind in [None, Some(EntryKind::Deduction), Some(EntryKind::Bonus)] {
                let meant = Entries { account_id, kind, app_id: Some(9), ..Entries::default() };
                lists::credits::list(tx, &meant, &[0, 9], &asked).unwrap();
                let meant = Entries { from_us: Some(1), to_us: Some(i64::MAX / 2), ..meant };
                lists::credits::list(tx, &meant, &[0, 9], &asked).unwrap();
            }
        }
    }
    let referred = Entries { reference: text("x"), ..Entries::default() };
    lists::credits::list(tx, &referred, &[0, 9], first).unwrap();
    lists::credits::find(tx, id).unwrap();
    for (search, key) in [(None, r#"{"Id":7}"#), (text("a"), r#"{"Term":[[97],1]}"#), (text("7"), r#"{"Exact":7}"#)] {
        for asked in next(key) {
            for status in [None, Some(UserStatus::Active), Some(UserStatus::Disabled)] {
                for (group_id, locked_at_us) in [(None, None), (Some(3), None), (None, Some(5))] {
                    let meant = Users { search: search.clone(), status, group_id, locked_at_us, with_deleted: false };
                    lists::users::list(tx, &meant, &asked).unwrap();
                }
            }
        }
    }
}

/// The statement without the values that it was run with.
fn statement(query: &str) -> String {
    query.split(" -- binds").next().unwrap_or_default().to_owned()
}

fn plan(connection: &mut AnyConnection, query: &str) -> Vec<String> {
    let steps: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(connection).unwrap();
    steps.into_iter().map(|step| step.detail).collect()
}
