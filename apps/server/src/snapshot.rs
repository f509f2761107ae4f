//! What changes rarely and is read on every request, compiled in memory: apps, their secrets and evaluation keys, token
//! keys, flags, revocations. Replaced within a second of any change, by whatever process on this database.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use governor::clock::DefaultClock;
use osaycore_directory::App;
use osaycore_jwt::{Claims, KeyRing, Revocations, revocation};
use osaycore_signing::{SigningKey, oasis, v1};
use tokio::sync::watch;
use uuid::Uuid;

use crate::admin::eval_keys::hash;
use crate::admin::providers::provider as of_stored;
use crate::background;
use crate::error::{ApiError, Code};
use crate::limit::{Limiter, Share};
use crate::noted::Noted;
use crate::oauth::flow::Client;
use crate::oauth::http::Outgoing;
use crate::oauth::provider::Provider;
use crate::sealing::Sealer;
use crate::served_flags::{Compiled, ServedFlags};
use crate::store::admin_tokens::AdminToken;
use crate::store::apps::{self, AppSecret, SecretKind};
use crate::store::assignments::Sticky;
use crate::store::db::{Database, StoreError};
use crate::store::flags::EVERY_APP;
use crate::store::migrations::{Standing, standing_now};
use crate::store::tx::Tx;
use crate::store::{admin_tokens, eval_keys, flags, jwt_keys, providers, tenants, versions};
use crate::streams::channel;
use crate::system;

/// How often the versions are looked at; a change is seen at most so much later.
const POLL: Duration = Duration::from_millis(250);
/// The rest of the second is for looking and reading, and for a machine that has more to do.
const _: () = assert!(POLL.as_millis() * 4 <= 1000);

/// Requests a second that a token of the admin API may make.
const REQUESTS_OF_A_TOKEN: u32 = 100;

/// An app as requests need it.
pub(crate) struct ServedApp {
    pub(crate) app: Arc<App>,
    pub(crate) secrets: Vec<v1::Secret>,
    /// Those of the secrets and application keys that were replaced.
    retiring: Vec<Retiring>,
    /// What requests of the one-time passcode API are verified with.
    pub(crate) oasis: oasis::Keys,
    /// The tenant's, of distinct users that pass a second factor in a month.
    pub(crate) monthly_user_limit: Option<i64>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) flags: Arc<ServedFlags>,
    /// Those of the flags whose answers are kept.
    pub(crate) sticky: Arc<Sticky>,
    /// Where who signs hears of changes of the flags: that of the newest secret; empty without any.
    pub(crate) channel: Arc<str>,
}

impl ServedApp {
    /// Accepts one request within the app's rate limit; else 429, with when to try again.
    pub(crate) fn within_limit(&self) -> Result<(), ApiError> {
        within(&self.limiter)
    }
}

/// A secret that was replaced and still works. Whether somebody uses it is written down.
pub(crate) struct Retiring {
    kind: SecretKind,
    /// Which of the secrets of its kind it is.
    index: usize,
    pub(crate) id: i64,
    noted: Arc<Noted>,
}

impl ServedApp {
    /// The secret of this kind and place among the app's, where it was replaced and its use is to be noted.
    pub(crate) fn retiring_to_note(&self, kind: SecretKind, index: usize, now_us: i64) -> Option<&Retiring> {
        let mut all = self.retiring.iter();
        let used = all.find(|retiring| (retiring.kind, retiring.index) == (kind, index))?;
        used.noted.is_due(now_us).then_some(used)
    }
}

fn within(limiter: &Limiter) -> Result<(), ApiError> {
    let refused = |wait: Duration| ApiError::from(Code::RateLimited).retry_after(wait.as_secs().saturating_add(1));
    limiter.check().map_err(refused)
}

/// What an evaluation key opens.
#[derive(Clone)]
pub(crate) struct Evaluations {
    pub(crate) served: Arc<ServedApp>,
    pub(crate) channel: Arc<str>,
}

/// A token of the admin API as requests need it.
pub(crate) struct ServedToken {
    pub(crate) token: AdminToken,
    limiter: Arc<Limiter>,
    noted: Arc<Noted>,
}

impl ServedToken {
    /// Accepts one request within the token's rate limit; else 429, with when to try again.
    pub(crate) fn within_limit(&self) -> Result<(), ApiError> {
        within(&self.limiter)
    }

    /// Whether this use is to be noted: one in a minute.
    pub(crate) fn is_to_be_noted(&self, now_us: i64) -> bool {
        self.noted.is_due(now_us)
    }

    /// With what was counted of it so far.
    fn new(token: AdminToken, share: Share, before: Option<&Configuration>) -> Self {
        let per_second = share.of_limit(REQUESTS_OF_A_TOKEN, token.id);
        let before = before.and_then(|before| before.by_admin_token.get(&token.token_hash));
        let limiter = limiter_after(before.map(|served| &served.limiter), per_second);
        let new = || Arc::new(Noted::new(token.last_used_at_us));
        let noted = before.map_or_else(new, |served| Arc::clone(&served.noted));
        Self { token, limiter, noted }
    }
}

/// One consistent state of the configuration.
pub(crate) struct Configuration {
    version: i64,
    share: Share,
    by_api_key: HashMap<String, Arc<ServedApp>>,
    by_id: HashMap<i64, Arc<ServedApp>>,
    by_eval_key: HashMap<[u8; 32], Evaluations>,
    by_channel: HashMap<Arc<str>, Arc<ServedApp>>,
    by_admin_token: HashMap<[u8; 32], Arc<ServedToken>>,
    /// By tenant and name.
    providers: HashMap<(i64, String), Arc<ServedProvider>>,
    pub(crate) ring: KeyRing,
}

/// A provider that people sign in by, with the client that asks it: one that reaches private addresses, or one that does
/// not.
pub(crate) struct ServedProvider {
    pub(crate) provider: Provider,
    pub(crate) client: Arc<Client>,
}

impl Configuration {
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

    /// Its sets of flags, by their versions.
    fn compiled(&self) -> Compiled {
        let sets = self.by_id.values().map(|served| &served.flags);
        sets.map(|flags| (flags.version.clone(), Arc::clone(flags))).collect()
    }

    /// The public id of an app; none for what an operator did.
    pub(crate) fn app_uuid(&self, app_id: i64) -> Option<Uuid> {
        self.by_id.get(&app_id).map(|served| served.app.uuid)
    }
}

/// Revoked tokens, by tenant.
#[derive(Default)]
pub(crate) struct Revoked {
    version: i64,
    tenants: HashMap<i64, Revocations>,
}

impl Revoked {
    pub(crate) fn contains(&self, tenant_id: i64, claims: &Claims) -> bool {
        self.tenants.get(&tenant_id).is_some_and(|revocations| revocations.is_revoked(claims))
    }
}

/// The clients of providers: they keep what issuers say of themselves, whatever becomes of the configuration.
struct Clients {
    public: Arc<Client>,
    private: Arc<Client>,
}

impl Clients {
    fn new() -> Self {
        let client = |allow_private| Arc::new(Client::new(Outgoing::new(allow_private)));
        Self { public: client(false), private: client(true) }
    }
}

/// The snapshots of a running server.
pub(crate) struct Snapshots {
    database: Database,
    server: Uuid,
    reload: Box<dyn Fn() -> anyhow::Result<Sealer> + Send + Sync>,
    sealer: ArcSwap<Sealer>,
    configuration: ArcSwap<Configuration>,
    revoked: ArcSwap<Revoked>,
    /// When the versions were looked at last.
    fresh: watch::Sender<Instant>,
    /// Told of every other configuration.
    changed: watch::Sender<()>,
    clients: Clients,
    /// One at a time: what is stored last was also read last.
    refreshing: Mutex<()>,
}

impl Snapshots {
    /// Reads everything once. `database` is for the snapshots alone, so that they wait for no request's reading; `reload`
    /// reads the master key again, when a rotation by another process asks for it.
    pub(crate) fn load(
        database: Database,
        server: Uuid,
        reload: impl Fn() -> anyhow::Result<Sealer> + Send + Sync + 'static,
    ) -> anyhow::Result<Arc<Self>> {
        let sealer = reload()?;
        let (looked, clients) = (system::monotonic(), Clients::new());
        let configuration = read_configuration(&database, &sealer, server, &clients, None)?;
        let revoked = read_revoked(&database)?;
        Ok(Arc::new(Self {
            database,
            server,
            reload: Box::new(reload),
            sealer: ArcSwap::from_pointee(sealer),
            configuration: ArcSwap::from_pointee(configuration),
            revoked: ArcSwap::from_pointee(revoked),
            fresh: watch::Sender::new(looked),
            changed: watch::Sender::new(()),
            clients,
            refreshing: Mutex::default(),
        }))
    }

    pub(crate) fn configuration(&self) -> arc_swap::Guard<Arc<Configuration>> {
        self.configuration.load()
    }

    pub(crate) fn revoked(&self) -> arc_swap::Guard<Arc<Revoked>> {
        self.revoked.load()
    }

    /// How many servers there are on this database, with this one.
    pub(crate) fn servers(&self) -> u32 {
        self.configuration.load().share.servers()
    }

    /// How old the snapshots may be: whatever was committed longer ago is in them.
    pub(crate) fn age(&self) -> Duration {
        self.fresh.borrow().elapsed()
    }

    /// Returns once everything that was committed before the call is in the snapshots.
    pub(crate) async fn caught_up(&self) {
        let since = system::monotonic();
        // The sender is ours: it is not gone.
        let _ = self.fresh.subscribe().wait_for(|looked| *looked >= since).await;
    }

    /// Changes with every other configuration from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How the database's schema stands to ours, asked over the snapshots' own connection.
    pub(crate) fn standing(&self) -> Result<Standing, StoreError> {
        standing_now(&self.database)
    }

    /// Works with the master key that what is stored is sealed under at this moment of the transaction: read again where
    /// a rotation has ended since. A rotation locks every tenant, so none begins before the transaction ends. Whoever has
    /// not been given the new key seals nothing under the old one.
    pub(crate) fn with_sealer<T, E: From<StoreError>>(
        &self,
        tx: &mut Tx<'_>,
        work: impl FnOnce(&mut Tx<'_>, &Sealer) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut sealer = self.sealer.load_full();
        if let Err(stale) = jwt_keys::prove(tx.connection(), &sealer) {
            let StoreError::Sealing(_) = stale else { return Err(stale.into()) };
            // That the key cannot be read either is this work's fault, and nobody else's.
            sealer = Arc::new((self.reload)().map_err(|_| stale)?);
            jwt_keys::prove(tx.connection(), &sealer)?;
            self.sealer.store(Arc::clone(&sealer));
        }
        work(tx, &sealer)
    }

    /// Looks at the versions and reads again what has moved.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        let _one = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = system::monotonic();
        let ((configuration, revoked), share) = self.database.read(|connection| {
            Ok::<_, StoreError>((
                versions::current(connection)?,
                background::share(connection, self.server, system::now_us())?,
            ))
        })?;
        let current = self.configuration.load();
        if (current.version, current.share) != (configuration, share) {
            let next = match read_configuration(
                &self.database,
                &self.sealer.load(),
                self.server,
                &self.clients,
                Some(&current),
            ) {
                Err(StoreError::Sealing(_)) => {
                    let sealer = (self.reload)().map_err(|error| StoreError::Connection(format!("{error:#}")))?;
                    let next = read_configuration(&self.database, &sealer, self.server, &self.clients, Some(&current))?;
                    self.sealer.store(Arc::new(sealer));
                    next
                }
                read => read?,
            };
            self.configuration.store(Arc::new(next));
            self.changed.send_replace(());
        }
        if self.revoked.load().version != revoked {
            self.revoked.store(Arc::new(read_revoked(&self.database)?));
        }
        self.fresh.send_replace(looked);
        Ok(())
    }

    /// Refreshes for as long as the server runs.
    pub(crate) fn keep_fresh(self: &Arc<Self>) -> std::io::Result<()> {
        let snapshots = Arc::downgrade(self);
        std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            while let Some(snapshots) = snapshots.upgrade() {
                if let Err(error) = snapshots.refresh() {
                    tracing::error!(%error, "the snapshot could not be refreshed; the last one stays in use");
                }
                drop(snapshots);
                std::thread::sleep(POLL);
            }
        })?;
        Ok(())
    }
}

fn read_configuration(
    database: &Database,
    sealer: &Sealer,
    server: Uuid,
    clients: &Clients,
    before: Option<&Configuration>,
) -> Result<Configuration, StoreError> {
    database.read(|connection| {
        let (version, _) = versions::current(connection)?;
        let share = background::share(connection, server, system::now_us())?;
        let ring = jwt_keys::ring(connection, sealer)?;
        let mut secrets: HashMap<i64, Vec<v1::Secret>> = HashMap::new();
        let mut channels: HashMap<i64, Vec<Arc<str>>> = HashMap::new();
        let mut application_keys: HashMap<i64, Vec<oasis::ApplicationKey>> = HashMap::new();
        let mut retiring: HashMap<i64, Vec<Retiring>> = HashMap::new();
        for secret in apps::secrets(connection, sealer, system::now_us())? {
            let expires_at_s = secret.expires_at_us.map(|us| us.div_euclid(1_000_000));
            if secret.expires_at_us.is_some() {
                let index = match secret.kind {
                    SecretKind::Signing => secrets.get(&secret.app_id).map_or(0, Vec::len),
                    SecretKind::Oasis => application_keys.get(&secret.app_id).map_or(0, Vec::len),
                };
                let of_app = retiring.entry(secret.app_id).or_default();
                of_app.push(Retiring::new(&secret, index, before));
            }
            match secret.kind {
                SecretKind::Signing => {
                    let key = SigningKey::new(&secret.secret);
                    channels.entry(secret.app_id).or_default().push(channel(&secret.secret));
                    secrets.entry(secret.app_id).or_default().push(v1::Secret { key, expires_at_s });
                }
                SecretKind::Oasis => {
                    let key = oasis::ApplicationKey::new(&secret.secret, expires_at_s);
                    application_keys.entry(secret.app_id).or_default().push(key);
                }
            }
        }
        let mut compiled: Compiled = before.map(Configuration::compiled).unwrap_or_default();
        let mut of_tenants = HashMap::new();
        for tenant in tenants::list(connection)? {
            let api_key = SigningKey::new(&tenants::api_key(connection, sealer, tenant.id)?);
            let flags = flags::load(connection, tenant.id)?;
            let of_every_app = ServedFlags::of_app(&flags, EVERY_APP, &mut compiled)?;
            of_tenants.insert(tenant.id, (flags, of_every_app, api_key, tenant.monthly_user_limit));
        }
        let (mut by_api_key, mut by_id, mut by_channel) = (HashMap::new(), HashMap::new(), HashMap::new());
        for app in apps::all(connection)? {
            let (flags, of_every_app, api_key, monthly_user_limit) =
                of_tenants.get(&app.tenant_id).ok_or(StoreError::Corrupt("app of no tenant"))?;
            let channels = channels.remove(&app.id).unwrap_or_default();
            let served_flags = if flags.has_own(app.id) {
                ServedFlags::of_app(flags, app.id, &mut compiled)?
            } else {
                Arc::clone(of_every_app)
            };
            let served = Arc::new(ServedApp {
                secrets: secrets.remove(&app.id).unwrap_or_default(),
                retiring: retiring.remove(&app.id).unwrap_or_default(),
                oasis: oasis::Keys {
                    api_key: api_key.clone(),
                    application_keys: application_keys.remove(&app.id).unwrap_or_default(),
                },
                monthly_user_limit: *monthly_user_limit,
                limiter: limiter(&app, share, before),
                sticky: Arc::new(flags.sticky(app.id, &served_flags.set)),
                flags: served_flags,
                channel: channels.first().cloned().unwrap_or_default(),
                app: Arc::new(app),
            });
            by_channel.extend(channels.into_iter().map(|channel| (channel, Arc::clone(&served))));
            by_api_key.insert(served.app.api_key.clone(), Arc::clone(&served));
            by_id.insert(served.app.id, served);
        }
        let mut by_eval_key = HashMap::new();
        for key in eval_keys::all(connection)? {
            let served = by_id.get(&key.app_id).ok_or(StoreError::Corrupt("evaluation key of no app"))?;
            let opens = Evaluations { served: Arc::clone(served), channel: channel(&key.key_hash) };
            by_channel.insert(Arc::clone(&opens.channel), Arc::clone(served));
            by_eval_key.insert(key.key_hash, opens);
        }
        let mut by_admin_token = HashMap::new();
        for token in admin_tokens::all(connection)? {
            by_admin_token.insert(token.token_hash, Arc::new(ServedToken::new(token, share, before)));
        }
        let mut served = HashMap::new();
        for (tenant_id, stored) in providers::list(connection, sealer)? {
            let client = Arc::clone(if stored.private_network { &clients.private } else { &clients.public });
            // What cannot be read is refused when it is set.
            let provider = of_stored(&stored).map_err(|_| StoreError::Corrupt("provider"))?;
            served.insert((tenant_id, stored.name.into()), Arc::new(ServedProvider { provider, client }));
        }
        Ok(Configuration {
            version,
            share,
            by_api_key,
            by_id,
            by_eval_key,
            by_channel,
            by_admin_token,
            providers: served,
            ring,
        })
    })
}

impl Retiring {
    /// With what was noted of it so far.
    fn new(secret: &AppSecret, index: usize, before: Option<&Configuration>) -> Self {
        let known = before.and_then(|before| before.by_id.get(&secret.app_id));
        let known = known.and_then(|served| served.retiring.iter().find(|retiring| retiring.id == secret.id));
        let noted = known.map_or_else(|| Arc::new(Noted::new(None)), |known| Arc::clone(&known.noted));
        Self { kind: secret.kind, index, id: secret.id, noted }
    }
}

/// The app's limiter, with what it has counted so far; another one only where the limit or our share of it is another.
fn limiter(app: &App, share: Share, before: Option<&Configuration>) -> Arc<Limiter> {
    let before = before.and_then(|before| before.by_id.get(&app.id));
    limiter_after(before.map(|served| &served.limiter), share.of_limit(app.settings.requests_per_second, app.id))
}

fn limiter_after(before: Option<&Arc<Limiter>>, per_second: NonZeroU32) -> Arc<Limiter> {
    match before {
        Some(limiter) if limiter.per_second() == per_second => Arc::clone(limiter),
        Some(limiter) => Arc::new(Limiter::succeeding(limiter, per_second, DefaultClock::default())),
        None => Arc::new(Limiter::new(per_second, DefaultClock::default())),
    }
}

fn read_revoked(database: &Database) -> Result<Revoked, StoreError> {
    database.read(|connection| {
        let (_, version) = versions::current(connection)?;
        let mut by_tenant = HashMap::new();
        for tenant in tenants::list(connection)? {
            let revocations = revocation::Storage::revocations(&mut Tx::new(connection, tenant.id), system::now_s())?;
            by_tenant.insert(tenant.id, revocations.into_iter().collect());
        }
        Ok(Revoked { version, tenants: by_tenant })
    })
}
