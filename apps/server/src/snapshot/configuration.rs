//! One consistent state of the configuration: looked up, and read from the database.

use std::collections::HashMap;
use std::sync::Arc;

use osaycore_jwt::KeyRing;
use osaycore_signing::{SigningKey, oasis, v1};
use uuid::Uuid;

use super::served::{Evaluations, Retiring, ServedApp, ServedProvider, ServedToken, limiter};
use crate::admin::eval_keys::hash;
use crate::admin::providers::provider as of_stored;
use crate::background;
use crate::limit::Share;
use crate::oauth::flow::Client;
use crate::oauth::http::Outgoing;
use crate::sealing::Sealer;
use crate::served_flags::{Compiled, ServedFlags};
use crate::store::apps::{self, SecretKind};
use crate::store::db::{AnyConnection, Database, StoreError};
use crate::store::flags::{EVERY_APP, TenantFlags};
use crate::store::{admin_tokens, eval_keys, flags, jwt_keys, providers, tenants, versions};
use crate::streams::channel;
use crate::system;

/// One consistent state of the configuration.
pub(crate) struct Configuration {
    pub(super) version: i64,
    pub(super) share: Share,
    by_api_key: HashMap<String, Arc<ServedApp>>,
    pub(super) by_id: HashMap<i64, Arc<ServedApp>>,
    by_eval_key: HashMap<[u8; 32], Evaluations>,
    by_channel: HashMap<Arc<str>, Arc<ServedApp>>,
    pub(super) by_admin_token: HashMap<[u8; 32], Arc<ServedToken>>,
    /// By tenant and name.
    providers: HashMap<(i64, String), Arc<ServedProvider>>,
    pub(crate) ring: KeyRing,
}

impl Configuration {
    /// Reads it; `before` is what was read before it, whose counts and compiled flags go on.
    pub(super) fn read(
        database: &Database,
        sealer: &Sealer,
        server: Uuid,
        clients: &Clients,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        database.read(|connection| {
            let (version, _) = versions::current(connection)?;
            let share = background::share(connection, server, system::now_us())?;
            let mut next = Self {
                version,
                share,
                by_api_key: HashMap::new(),
                by_id: HashMap::new(),
                by_eval_key: HashMap::new(),
                by_channel: HashMap::new(),
                by_admin_token: HashMap::new(),
                providers: served_providers(connection, sealer, clients)?,
                ring: jwt_keys::ring(connection, sealer)?,
            };
            next.read_apps(connection, sealer, before)?;
            for key in eval_keys::all(connection)? {
                let served = next.by_id.get(&key.app_id).ok_or(StoreError::Corrupt("evaluation key of no app"))?;
                let opens = Evaluations { served: Arc::clone(served), channel: channel(&key.key_hash) };
                next.by_channel.insert(Arc::clone(&opens.channel), Arc::clone(served));
                next.by_eval_key.insert(key.key_hash, opens);
            }
            for token in admin_tokens::all(connection)? {
                next.by_admin_token.insert(token.token_hash, Arc::new(ServedToken::new(token, share, before)));
            }
            Ok(next)
        })
    }

    fn read_apps(
        &mut self,
        connection: &mut AnyConnection,
        sealer: &Sealer,
        before: Option<&Self>,
    ) -> Result<(), StoreError> {
        let mut keys = keys(connection, sealer, before)?;
        let mut compiled: Compiled = before.map(Self::compiled).unwrap_or_default();
        let of_tenants = of_tenants(connection, sealer, &mut compiled)?;
        for app in apps::all(connection)? {
            let of_tenant = of_tenants.get(&app.tenant_id).ok_or(StoreError::Corrupt("app of no tenant"))?;
            let Keys { secrets, channels, application_keys, retiring } = keys.remove(&app.id).unwrap_or_default();
            let flags = if of_tenant.flags.has_own(app.id) {
                ServedFlags::of_app(&of_tenant.flags, (app.id, app.name.as_str()), &mut compiled)?
            } else {
                Arc::clone(&of_tenant.of_every_app)
            };
            let served = Arc::new(ServedApp {
                secrets,
                retiring,
                oasis: oasis::Keys { api_key: of_tenant.api_key.clone(), application_keys },
                monthly_user_limit: of_tenant.monthly_user_limit,
                limiter: limiter(&app, self.share, before),
                sticky: Arc::new(of_tenant.flags.sticky(app.id, &flags.set)),
                flags,
                channel: channels.first().cloned().unwrap_or_default(),
                app: Arc::new(app),
            });
            self.by_channel.extend(channels.into_iter().map(|channel| (channel, Arc::clone(&served))));
            self.by_api_key.insert(served.app.api_key.clone(), Arc::clone(&served));
            self.by_id.insert(served.app.id, served);
        }
        Ok(())
    }

    /// The app of an API key, disabled or not.
    pub(crate) fn app(&self, api_key: &str) -> Option<&Arc<ServedApp>> {
        self.by_api_key.get(api_key)
    }

    /// The app of a numeric id, disabled or not.
    pub(crate) fn app_by_id(&self, app_id: i64) -> Option<&Arc<ServedApp>> {
        self.by_id.get(&app_id)
    }

    /// What an evaluation key opens, also of a disabled app.
    pub(crate) fn evaluations(&self, eval_key: &str) -> Option<&Evaluations> {
        self.by_eval_key.get(&hash(eval_key))
    }

    /// The token of the admin API, expired or not. It is found by its hash, which tells nothing of it.
    pub(crate) fn admin_token(&self, token: &str) -> Option<&Arc<ServedToken>> {
        self.by_admin_token.get(&hash(token))
    }

    /// The app of a channel, disabled or not.
    pub(crate) fn app_of_channel(&self, channel: &str) -> Option<&Arc<ServedApp>> {
        self.by_channel.get(channel)
    }

    /// The provider of this name.
    pub(crate) fn provider(&self, tenant_id: i64, name: &str) -> Option<Arc<ServedProvider>> {
        self.providers.get(&(tenant_id, name.to_owned())).cloned()
    }

    /// Its sets of flags, by their sources.
    fn compiled(&self) -> Compiled {
        let sets = self.by_id.values().map(|served| &served.flags);
        sets.map(|flags| (flags.source.clone(), Arc::clone(flags))).collect()
    }

    /// The public id of an app; none for what an operator did.
    pub(crate) fn app_uuid(&self, app_id: i64) -> Option<Uuid> {
        self.by_id.get(&app_id).map(|served| served.app.uuid)
    }
}

/// The clients of providers: they keep what issuers say of themselves, whatever becomes of the configuration.
pub(super) struct Clients {
    public: Arc<Client>,
    private: Arc<Client>,
}

impl Clients {
    pub(super) fn new() -> Self {
        let client = |allow_private| Arc::new(Client::new(Outgoing::new(allow_private)));
        Self { public: client(false), private: client(true) }
    }
}

/// What an app's callers sign with, of one kind each.
#[derive(Default)]
struct Keys {
    secrets: Vec<v1::Secret>,
    /// Of each secret.
    channels: Vec<Arc<str>>,
    application_keys: Vec<oasis::ApplicationKey>,
    retiring: Vec<Retiring>,
}

/// What the apps of a tenant have in common.
struct OfTenant {
    flags: TenantFlags,
    of_every_app: Arc<ServedFlags>,
    api_key: SigningKey,
    monthly_user_limit: Option<i64>,
}

/// By app.
fn keys(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    before: Option<&Configuration>,
) -> Result<HashMap<i64, Keys>, StoreError> {
    let mut all: HashMap<i64, Keys> = HashMap::new();
    for secret in apps::secrets(connection, sealer, system::now_us())? {
        let expires_at_s = secret.expires_at_us.map(|us| us.div_euclid(1_000_000));
        let of_app = all.entry(secret.app_id).or_default();
        if secret.expires_at_us.is_some() {
            let index = match secret.kind {
                SecretKind::Signing => of_app.secrets.len(),
                SecretKind::Oasis => of_app.application_keys.len(),
            };
            of_app.retiring.push(Retiring::new(&secret, index, before));
        }
        match secret.kind {
            SecretKind::Signing => {
                let key = SigningKey::new(&secret.secret);
                of_app.channels.push(channel(&secret.secret));
                of_app.secrets.push(v1::Secret { key, expires_at_s });
            }
            SecretKind::Oasis => {
                of_app.application_keys.push(oasis::ApplicationKey::new(&secret.secret, expires_at_s));
            }
        }
    }
    Ok(all)
}

/// By id.
fn of_tenants(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    compiled: &mut Compiled,
) -> Result<HashMap<i64, OfTenant>, StoreError> {
    let mut all = HashMap::new();
    for tenant in tenants::list(connection)? {
        let api_key = SigningKey::new(&tenants::api_key(connection, sealer, tenant.id)?);
        let flags = flags::load(connection, tenant.id)?;
        let of_every_app =
            ServedFlags::of_app(&flags, (EVERY_APP, &format!("every app of tenant {}", tenant.name)), compiled)?;
        let monthly_user_limit = tenant.monthly_user_limit;
        all.insert(tenant.id, OfTenant { flags, of_every_app, api_key, monthly_user_limit });
    }
    Ok(all)
}

/// By tenant and name.
fn served_providers(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    clients: &Clients,
) -> Result<HashMap<(i64, String), Arc<ServedProvider>>, StoreError> {
    let mut all = HashMap::new();
    for (tenant_id, stored) in providers::list(connection, sealer)? {
        let client = Arc::clone(if stored.private_network { &clients.private } else { &clients.public });
        // What cannot be read is refused when it is set.
        let provider = of_stored(&stored).map_err(|_| StoreError::Corrupt("provider"))?;
        all.insert((tenant_id, stored.name.into()), Arc::new(ServedProvider { provider, client }));
    }
    Ok(all)
}
