//! What is kept of logins: providers, flows, and codes that are taken once.

use osaycore_directory::{App, AppSettings, Login, NewUser, Profile, ProviderName, Role, Storage as _, Tenant, Write};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Store, on_each_database};
use crate::sealing::{MasterKey, Sealer};
use crate::store::db::StoreError;
use crate::store::flows::{self, Flow, ResponseMode};
use crate::store::providers::{self, ProviderKind, StoredProvider};
use crate::store::sign_in_codes::{self, SignInCode};
use crate::store::tx::Tx;
use crate::store::{tenants, versions};
use crate::system;

const APP: i64 = 1001;
const USER: i64 = 7;

fn set_up(tx: &mut Tx<'_>) {
    let app = App {
        id: APP,
        uuid: system::uuid(),
        tenant_id: tx.tenant_id(),
        name: "app".parse().unwrap(),
        api_key: format!("key {}", tx.tenant_id()),
        scopes: osaycore_directory::AppScopes::default(),
        disabled: false,
        settings: AppSettings::default(),
        created_at_us: 1,
    };
    tx.insert_app(&app).unwrap();
    let user = NewUser {
        id: USER,
        uuid: system::uuid(),
        tenant_id: tx.tenant_id(),
        directory: None,
        username: "ada".parse().unwrap(),
        email: None,
        display_name: None,
        role: Role::default(),
    };
    assert_eq!(tx.insert_user(&user.into_user(1)).unwrap(), Write::Done);
}

fn flow(state_hash: u8, expires_at_us: i64) -> Flow {
    Flow {
        state_hash: [state_hash; 32],
        app_id: APP,
        provider: "google".parse().unwrap(),
        redirect_uri: "https://app.example/done".parse().unwrap(),
        response_mode: ResponseMode::WebMessage,
        link_user_id: Some(USER),
        cookie_hash: None,
        kept: Zeroizing::new(b"nonce and verifier".to_vec()),
        expires_at_us,
    }
}

const SESSION: Uuid = Uuid::from_u128(5);

fn code(code_hash: u8, expires_at_us: i64) -> SignInCode {
    let login = Login {
        provider: "google".parse().unwrap(),
        issuer: "https://idp.example".parse().unwrap(),
        subject: "ada-1".parse().unwrap(),
        profile: Profile {
            email: Some("ada@example.com".parse().unwrap()),
            email_verified: true,
            display_name: Some("Ada".parse().unwrap()),
            avatar_url: None,
        },
    };
    SignInCode {
        code_hash: [code_hash; 32],
        app_id: APP,
        user_id: USER,
        link: Some(login),
        session_id: None,
        expires_at_us,
    }
}

/// All of it, to compare.
fn shown(flow: &Flow) -> String {
    let Flow { state_hash, app_id, provider, redirect_uri, response_mode, .. } = flow;
    let Flow { link_user_id, cookie_hash, kept, expires_at_us, .. } = flow;
    format!(
        "{state_hash:?} {app_id} {provider} {redirect_uri} {response_mode:?} {link_user_id:?} {cookie_hash:?} \
         {kept:?} {expires_at_us}"
    )
}

#[test]
fn a_flow_and_a_code_are_taken_once_and_only_in_their_tenant() {
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let mut store = Store::new(place());
        let bare =
            Flow { link_user_id: None, cookie_hash: Some([9; 32]), response_mode: ResponseMode::Query, ..flow(2, 60) };
        store.commit(1, |tx| {
            set_up(tx);
            flows::put(tx, &sealer, &flow(1, 50)).unwrap();
            flows::put(tx, &sealer, &bare).unwrap();
            sign_in_codes::put(tx, &code(1, 50)).unwrap();
        });
        store.commit(2, |tx| {
            assert!(flows::find(tx, &sealer, &[1; 32]).unwrap().is_none());
            assert!(!flows::set_cookie_hash(tx, &[1; 32], &[3; 32]).unwrap());
            assert!(!flows::remove(tx, &[1; 32]).unwrap());
            assert_eq!(sign_in_codes::find(tx, APP, &[1; 32]).unwrap(), None);
            assert!(!sign_in_codes::exchange(tx, &[1; 32], SESSION).unwrap());
        });
        store.commit(1, |tx| {
            let found = flows::find(tx, &sealer, &[1; 32]).unwrap().unwrap();
            assert_eq!(shown(&found), shown(&flow(1, 50)));
            assert!(flows::set_cookie_hash(tx, &[1; 32], &[3; 32]).unwrap());
            assert!(!flows::set_cookie_hash(tx, &[1; 32], &[4; 32]).unwrap(), "another browser");
            assert!(!flows::set_cookie_hash(tx, &[5; 32], &[4; 32]).unwrap(), "no such flow");
            assert_eq!(sign_in_codes::find(tx, APP + 1, &[1; 32]).unwrap(), None, "another app's");
        });
        // What is undone was not taken.
        let undone: Result<(), String> = store.run(1, |tx| {
            assert!(flows::remove(tx, &[1; 32]).unwrap());
            Err("undone".to_owned())
        });
        undone.unwrap_err();
        store.commit(1, |tx| {
            let found = flows::find(tx, &sealer, &[1; 32]).unwrap().unwrap();
            assert_eq!(shown(&found), shown(&Flow { cookie_hash: Some([3; 32]), ..flow(1, 50) }));
            assert!(flows::remove(tx, &[1; 32]).unwrap());
            assert!(!flows::remove(tx, &[1; 32]).unwrap(), "in the same transaction");
            assert_eq!(sign_in_codes::find(tx, APP, &[1; 32]).unwrap(), Some(code(1, 50)));
            assert!(sign_in_codes::exchange(tx, &[1; 32], SESSION).unwrap());
        });
        store.commit(1, |tx| {
            assert!(!flows::remove(tx, &[1; 32]).unwrap(), "and after it");
            assert!(flows::find(tx, &sealer, &[1; 32]).unwrap().is_none());
            assert!(!sign_in_codes::exchange(tx, &[1; 32], Uuid::from_u128(6)).unwrap());
            let exchanged = SignInCode { session_id: Some(SESSION), ..code(1, 50) };
            assert_eq!(sign_in_codes::find(tx, APP, &[1; 32]).unwrap(), Some(exchanged), "for whom it was");
            assert_eq!(shown(&flows::find(tx, &sealer, &[2; 32]).unwrap().unwrap()), shown(&bare));
        });
    });
}

#[test]
fn of_many_who_take_a_code_at_once_one_gets_it() {
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            set_up(tx);
            sign_in_codes::put(tx, &code(1, 50)).unwrap();
        });
        let database = super::Database::open(&store.place.url, 1).unwrap();
        let taken: usize = std::thread::scope(|scope| {
            let take = || {
                let mut writer = database.writer();
                let take = |tx: &mut Tx<'_>| sign_in_codes::exchange(tx, &[1; 32], SESSION);
                usize::from(super::transact::<_, StoreError>(&mut writer, 1, take).unwrap())
            };
            let tries: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            tries.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
    });
}

#[test]
fn flows_and_codes_are_forgotten_when_they_have_expired() {
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            set_up(tx);
            let tenant = Tenant { id: 1, name: "one".parse().unwrap(), monthly_user_limit: None, created_at_us: 1 };
            tenants::insert(tx.connection(), &sealer, &tenant, "key").unwrap();
            for (hash, expires_at_us) in [(1, 50), (2, 51), (3, 49), (4, 48)] {
                flows::put(tx, &sealer, &flow(hash, expires_at_us)).unwrap();
                sign_in_codes::put(tx, &code(hash, expires_at_us)).unwrap();
            }
        });
        let mut connection = store.connection();
        for (now_us, expected) in [(47, &[][..]), (48, &[1]), (50, &[1])] {
            assert_eq!(flows::tenants_with_old(&mut connection, now_us, 9).unwrap(), expected, "{now_us}");
            assert_eq!(sign_in_codes::tenants_with_old(&mut connection, now_us, 9).unwrap(), expected, "{now_us}");
        }
        store.commit(2, |tx| {
            flows::forget(tx, 50, 9).unwrap();
            sign_in_codes::forget(tx, 50, 9).unwrap();
        });
        let left = |tx: &mut Tx<'_>| -> Vec<u8> {
            (1..5).filter(|hash| flows::find(tx, &sealer, &[*hash; 32]).unwrap().is_some()).collect()
        };
        assert_eq!(store.commit(1, |tx| left(tx).len()), 4, "another tenant's stay");
        store.commit(1, |tx| flows::forget(tx, 50, 2).unwrap());
        assert_eq!(store.commit(1, |tx| left(tx).len()), 2, "at most two");
        store.commit(1, |tx| {
            flows::forget(tx, 50, 9).unwrap();
            sign_in_codes::forget(tx, 50, 9).unwrap();
            assert_eq!(left(tx), [2]);
            let left: Vec<u8> =
                (1..5).filter(|hash| sign_in_codes::find(tx, APP, &[*hash; 32]).unwrap().is_some()).collect();
            assert_eq!(left, [2]);
        });
    });
}

fn provider(name: &str, kind: ProviderKind) -> StoredProvider {
    StoredProvider {
        name: name.parse().unwrap(),
        kind,
        client_id: "client".to_owned(),
        client_secret: Zeroizing::new("s€cret".to_owned()),
        scopes: "openid email".to_owned(),
        private_network: true,
        created_at_us: 5,
        updated_at_us: 6,
    }
}

fn told(provider: &StoredProvider) -> String {
    let StoredProvider { name, kind, client_id, client_secret, scopes, private_network, created_at_us, updated_at_us } =
        provider;
    format!(
        "{name} {kind:?} {client_id} {} {scopes} {private_network} {created_at_us} {updated_at_us}",
        client_secret.as_str()
    )
}

#[test]
fn providers_come_back_as_written_and_every_change_is_told() {
    let sealer = Sealer::new(MasterKey::generate(), vec![]);
    on_each_database(|place| {
        let mut store = Store::new(place());
        let version = |store: &mut Store| store.commit(1, |tx| versions::current(tx.connection()).unwrap().0);
        let before = version(&mut store);
        let google = provider("google", ProviderKind::OpenId { issuer: "https://accounts.example".to_owned() });
        let github = provider("github", ProviderKind::GitHub);
        store.commit(1, |tx| {
            for provider in [&google, &github] {
                providers::put(tx, &sealer, provider).unwrap();
            }
        });
        store.commit(2, |tx| providers::put(tx, &sealer, &github).unwrap());
        assert_eq!(version(&mut store), before + 3);
        let moved = StoredProvider { kind: ProviderKind::GitHub, created_at_us: 8, updated_at_us: 9, ..google.clone() };
        let replaced = StoredProvider { created_at_us: 5, ..moved.clone() };
        store.commit(1, |tx| {
            assert_eq!(find(tx, &sealer, &google.name).unwrap().as_ref().map(told), Some(told(&google)));
            providers::put(tx, &sealer, &moved).unwrap();
        });
        let all = providers::list(&mut store.connection(), &sealer).unwrap();
        let all: Vec<_> = all.iter().map(|(tenant_id, provider)| (*tenant_id, told(provider))).collect();
        assert_eq!(all, [(1, told(&github)), (1, told(&replaced)), (2, told(&github))]);
        store.commit(1, |tx| {
            assert!(providers::remove(tx, &github.name).unwrap());
            assert!(!providers::remove(tx, &github.name).unwrap(), "there is none");
            assert!(find(tx, &sealer, &github.name).unwrap().is_none());
        });
        assert_eq!(version(&mut store), before + 5, "what changed nothing is not told");
        assert_eq!(providers::list(&mut store.connection(), &sealer).unwrap().len(), 2);
    });
}

#[test]
fn a_new_master_key_opens_the_flows_that_are_under_way() {
    let [old, new] = [MasterKey::generate(), MasterKey::generate()];
    let sealer = Sealer::new(old.clone(), vec![]);
    on_each_database(|place| {
        let mut store = Store::new(place());
        store.commit(1, |tx| {
            set_up(tx);
            flows::put(tx, &sealer, &flow(1, 50)).unwrap();
            providers::put(tx, &sealer, &provider("github", ProviderKind::GitHub)).unwrap();
        });
        let both = Sealer::new(new.clone(), vec![old.clone()]);
        store.commit(1, |tx| {
            assert_eq!(flows::reseal(tx.connection(), &both).unwrap(), 1);
            assert_eq!(providers::reseal(tx.connection(), &both).unwrap(), 1);
        });
        let sealer = Sealer::new(new.clone(), vec![]);
        store.commit(1, |tx| {
            assert!(find(tx, &sealer, &"github".parse().unwrap()).unwrap().is_some());
            assert_eq!(shown(&flows::find(tx, &sealer, &[1; 32]).unwrap().unwrap()), shown(&flow(1, 50)));
        });
    });
}

/// The provider of this name among those of the first tenant.
fn find(tx: &mut Tx<'_>, sealer: &Sealer, name: &ProviderName) -> Result<Option<StoredProvider>, StoreError> {
    let all = providers::list(tx.connection(), sealer)?;
    Ok(all.into_iter().find(|(tenant_id, provider)| *tenant_id == 1 && provider.name == *name).map(|(_, it)| it))
}
