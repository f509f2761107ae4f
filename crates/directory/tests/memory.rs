//! The storage suite on memory, and what memory says to a caller's mistakes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use osaycore_directory::{
    App, AppScopes, AppSettings, Group, NewUser, Permit, Role, Storage,
    contract::{self, Fixture},
    memory::{Error, Memory},
};
use uuid::Uuid;

struct Tenants(BTreeMap<i64, Memory>);

impl Fixture for Tenants {
    type Storage<'a> = Memory;

    fn transact<R>(&mut self, tenant_id: i64, work: impl FnOnce(&mut Memory) -> R) -> R {
        work(self.0.get_mut(&tenant_id).unwrap())
    }
}

#[test]
fn memory_keeps_the_contract() {
    contract::run(|| Tenants([1, 2].map(|tenant_id| (tenant_id, Memory::new(tenant_id))).into()));
}

#[test]
fn mistakes_of_the_caller_are_errors() {
    let app = App {
        id: 1001,
        uuid: Uuid::from_u128(1),
        tenant_id: 1,
        name: "App".parse().unwrap(),
        api_key: "key".to_owned(),
        scopes: AppScopes::default(),
        disabled: false,
        settings: AppSettings::default(),
        created_at_us: 0,
    };
    let user = NewUser {
        id: 1,
        uuid: Uuid::from_u128(2),
        tenant_id: 1,
        directory: None,
        username: "ada".parse().unwrap(),
        email: None,
        display_name: None,
        role: Role::default(),
    }
    .into_user(0);
    let group = Group { id: 1, tenant_id: 1, name: "staff".parse().unwrap(), created_at_us: 0 };

    let mut foreign = Memory::new(2);
    assert_eq!(foreign.insert_app(&app), Err(Error::Unknown));
    assert_eq!(foreign.insert_user(&user), Err(Error::Unknown));
    assert_eq!(foreign.insert_group(&group), Err(Error::Unknown));

    let mut storage = Memory::new(1);
    assert_eq!(storage.update_app(&app), Err(Error::Unknown));
    assert_eq!(storage.update_user(&user), Err(Error::Unknown));
    storage.insert_app(&app).unwrap();
    assert_eq!(storage.put_permit(&Permit::new(1, 1001)), Err(Error::Unknown));
    assert_eq!(storage.allow_app(1, 1001), Err(Error::Unknown));
    assert_eq!(storage.insert_user(&user), Ok(osaycore_directory::Write::Done));
    assert_eq!(storage.add_member(1, 1), Err(Error::Unknown));
    assert_eq!(storage.insert_user(&user), Err(Error::Repeated));
    let same_key = App { id: 1002, uuid: Uuid::from_u128(3), ..app.clone() };
    assert_eq!(storage.insert_app(&same_key), Err(Error::Repeated));
}
