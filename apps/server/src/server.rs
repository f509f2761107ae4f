//! Serving: what the handlers share, and how the server starts and stops.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use anyhow::Context as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use osaycore_directory::{App, Storage as _, User, UserRef, parse_uuid, user_by_api_id};
use osaycore_jwt::Algorithm;
use osaycore_ledger::{Account, Storage as _};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::admin::{keys, users};
use crate::background::{self, Background};
use crate::config::Config;
use crate::console;
use crate::error::{ApiError, Code, Failure};
use crate::extract::request_id;
use crate::group_commit::{ANSWERED_WITHIN, Writer};
use crate::mail::Mailer;
use crate::metrics::{Metrics, Now};
use crate::passwords::Passwords;
use crate::refusals::Refusals;
use crate::requests::Requests;
use crate::routes;
use crate::snapshot::Snapshots;
use crate::store::db::{AnyConnection, Database};
use crate::store::members::{Member, Members};
use crate::store::migrations::{Standing, standing};
use crate::store::tx::Tx;
use crate::store::{ledger, outbox};
use crate::streams::Streams;
use crate::{system, traces};

/// Connections that read; each is used by one request at a time.
const READERS: u32 = 8;
/// Requests that may wait for them; one more is answered 503.
const WAITING_READS: usize = 1024;
/// How long the threads may take to end, once nothing comes any more.
const ENDING: Duration = Duration::from_secs(5);
/// How long a request has to send its head, and a stopping server to answer what it has accepted.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const SHUTDOWN_S: u64 = 30;
/// Attempts to sign in to the console that one address has in a minute, and those that it has saved up.
const SIGN_INS_A_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
const SIGN_INS_AT_ONCE: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// How often counted refusals and requests are written, limiters forget addresses that went quiet, and the outbox is looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// What the handlers share.
pub(crate) struct State {
    pub(crate) database: Database,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) members: Arc<Members>,
    /// Places for those who wait for a database off the event loop.
    reads: Arc<Semaphore>,
    pub(crate) writer: Writer,
    pub(crate) refusals: Refusals,
    pub(crate) requests: Requests,
    pub(crate) metrics: Metrics,
    pub(crate) address_limiter: DefaultKeyedRateLimiter<IpAddr>,
    /// Attempts to sign in to the console.
    pub(crate) sign_in_limiter: DefaultKeyedRateLimiter<IpAddr>,
    pub(crate) passwords: Passwords,
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// How far a request's timestamp may be from the clock.
    pub(crate) window_s: i64,
    /// How the outside reaches this server, once the address is bound.
    public_url: OnceLock<String>,
    /// There is a mail server to send by.
    sends_mail: bool,
    background: Vec<Background>,
    draining: AtomicBool,
    pub(crate) streams: Streams,
}

impl State {
    /// Reads the tenant's rows in one consistent snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        tenant_id: i64,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.ask(move |database| database.read(|connection| work(&mut Tx::new(connection, tenant_id)))).await
    }

    /// The same for what may look at many rows: off the event loop, wherever the database is.
    pub(crate) async fn read_aside<T: Send + 'static>(
        &self,
        tenant_id: i64,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.ask_aside(move |database| database.read(|connection| work(&mut Tx::new(connection, tenant_id)))).await
    }

    /// A token key of the tenant's choice, or of the algorithm that issues now. Made off the event loop and outside of any
    /// transaction, as a key pair takes its time.
    pub(crate) async fn make_token_key(
        &self,
        tenant_id: i64,
        algorithm: Option<Algorithm>,
    ) -> Result<keys::Made, ApiError> {
        let algorithm = match algorithm {
            Some(algorithm) => algorithm,
            None => self.read(tenant_id, keys::current_algorithm).await?,
        };
        Ok(web::block(move || keys::Made::new(algorithm)).await.map_err(|_| Code::Unavailable)??)
    }

    /// Asks the database: off the event loop where it is elsewhere; here where it is a file, as a few look-ups in a page
    /// cache cost less than handing them over.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        if self.database.is_embedded() {
            return Ok(work(&self.database)?);
        }
        self.ask_aside(work).await
    }

    async fn ask_aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        // Whoever gave up waiting still has a place until the database has answered, so that no more pile up.
        let place = Arc::clone(&self.reads).try_acquire_owned().map_err(|_| Code::Unavailable)?;
        let (database, since, carried) = (self.database.clone(), system::monotonic(), traces::current());
        let asked = web::block(move || {
            let (_place, _entered) = (place, carried.enter());
            if since.elapsed() > ANSWERED_WITHIN {
                return Err(Failure::from(Code::Unavailable));
            }
            work(&database)
        });
        let asked = tokio::time::timeout(ANSWERED_WITHIN, asked).await;
        Ok(asked.map_err(|_| Code::Unavailable)?.map_err(|_| Code::Unavailable)??)
    }

    /// The bearer of an app's token and the wallet, of one snapshot: 404 if gone, 403 if not active. What is known of the
    /// user is not read again while it is true.
    pub(crate) async fn wallet(&self, app: &Arc<App>, uuid: Uuid) -> Result<(Arc<Member>, Account), ApiError> {
        if let Some((member, account)) = self.kept_wallet(app, uuid).await? {
            users::must_be_active(&member.user)?;
            return Ok((member, account));
        }
        self.read_member(app, uuid, |tx, member| Ok(tx.account(member.user.id)?.ok_or(Code::UserNotFound)?)).await
    }

    /// What is known of a user already, while it is true, and the wallet.
    async fn kept_wallet(&self, app: &App, uuid: Uuid) -> Result<Option<(Arc<Member>, Account)>, ApiError> {
        let tenant_id = app.tenant_id;
        let Some(member) = self.members.kept(tenant_id, app.id, uuid) else { return Ok(None) };
        let known = Arc::clone(&member);
        let glance = move |connection: &mut AnyConnection| ledger::account_under(connection, tenant_id, &known);
        let account = self.ask(move |database| Ok(database.glance(glance)?)).await?;
        Ok(account.map(|account| (member, account)))
    }

    /// The user, active or not, whom an app means by a UUID or by its own id, and the wallet, of one snapshot; none:
    /// somebody who is not known here.
    pub(crate) async fn somebody(&self, app: &App, id: &str) -> Result<Option<(Arc<Member>, Account)>, ApiError> {
        if let Some(uuid) = parse_uuid(id)
            && let Some(known) = self.kept_wallet(app, uuid).await?
        {
            return Ok(Some(known));
        }
        let (app_id, id, members) = (app.id, id.to_owned(), Arc::clone(&self.members));
        self.read(app.tenant_id, move |tx| {
            let Some(user) = user_by_api_id(tx, app_id, &id)? else { return Ok(None) };
            let Some(member) = members.find(tx, app_id, user.uuid)? else { return Ok(None) };
            let account = tx.account(user.id)?.unwrap_or_else(|| Account::new(user.id));
            Ok(Some((member, account)))
        })
        .await
    }

    /// Reads for the bearer of an app's token, in the same snapshot: 404 if gone, 403 if not active.
    pub(crate) async fn read_member<T: Send + 'static>(
        &self,
        app: &Arc<App>,
        uuid: Uuid,
        mut work: impl FnMut(&mut Tx<'_>, &Member) -> Result<T, Failure> + Send + 'static,
    ) -> Result<(Arc<Member>, T), ApiError> {
        let (app_id, members) = (app.id, Arc::clone(&self.members));
        self.read(app.tenant_id, move |tx| {
            let member = members.find(tx, app_id, uuid)?.ok_or(Code::UserNotFound)?;
            users::must_be_active(&member.user)?;
            let value = work(tx, &member)?;
            Ok((member, value))
        })
        .await
    }

    /// The user of a token: 404 if gone, 403 if not active.
    pub(crate) fn active_user(tx: &mut Tx<'_>, uuid: Uuid) -> Result<User, Failure> {
        users::active(tx.user(&UserRef::Uuid(uuid))?)
    }

    /// Sees a change of our own at once; others see it within a second.
    pub(crate) async fn refresh(&self) {
        let snapshots = Arc::clone(&self.snapshots);
        let refreshed = tokio::time::timeout(ANSWERED_WITHIN, web::block(move || snapshots.refresh())).await;
        if !matches!(refreshed, Ok(Ok(Ok(())))) {
            tracing::warn!("the snapshot is refreshed later");
        }
    }

    /// How the outside reaches this server; 503 while nothing is bound.
    pub(crate) fn public_url(&self) -> Result<&str, ApiError> {
        Ok(self.public_url.get().map(String::as_str).ok_or(Code::Unavailable)?)
    }

    /// Where the links of a mail begin: 503 without a mail server.
    pub(crate) fn mail_base(&self) -> Result<String, ApiError> {
        if !self.sends_mail {
            return Err(Code::MailNotConfigured.into());
        }
        self.public_url().map(str::to_owned)
    }

    /// What the metrics tell of this moment.
    pub(crate) fn measured(&self) -> Now {
        let (busy_readers, idle_readers) = self.database.readers();
        Now {
            queue: self.writer.waiting(),
            snapshot_age: self.snapshots.age(),
            servers: self.snapshots.servers(),
            listeners: self.streams.count(),
            reads: WAITING_READS.saturating_sub(self.reads.available_permits()),
            busy_readers,
            idle_readers,
        }
    }

    /// Whether the server is stopping.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Serves until SIGTERM or SIGINT, then answers what it has accepted. `ready` is told the bound address.
pub(crate) async fn serve(config: Config, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let database = Database::open(&config.database_url, READERS)?;
    match standing(&database)? {
        Standing::Current => {}
        Standing::Behind(steps) => {
            anyhow::bail!("the database lacks {steps} migration steps: run `osaycore migrate` first")
        }
        Standing::Ahead(step) => {
            anyhow::bail!("the database has step {step:?}, which this program does not know: use a newer osaycore")
        }
    }
    let kind = if database.is_embedded() { "sqlite" } else { "postgresql" };
    let metrics = Metrics::new(kind, system::now_us());
    let traces = traces::start(config.collector.as_ref(), &metrics)?;
    // Known to the others before it takes its share; and whatever happens, not for longer than it is there.
    let (server, tasks) = (system::uuid(), background::tasks(config.signature_window_s));
    let (background, background_thread) = Background::start(database.clone(), metrics.clone(), server, tasks)?;
    let served = serve_as(server, &config, database, metrics, background.clone(), ready).await;
    background.stop();
    let left = tokio::time::timeout(ENDING, ended(background_thread)).await;
    // The last, as everything before may be traced. An error tells that it panicked.
    let _ = web::block(move || traces.finish()).await;
    served?;
    left.context("the leases could not be released; they run out")??;
    tracing::info!("stopped");
    Ok(())
}

/// Serves under the name that the other servers know it by.
async fn serve_as(
    server: Uuid,
    config: &Config,
    database: Database,
    metrics: Metrics,
    background: Background,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let sealer = {
        let config = config.clone();
        move || config.present_sealer()
    };
    let snapshots = Snapshots::load(database.with_own_readers(1)?, server, sealer)?;
    snapshots.keep_fresh()?;
    let members = Arc::new(Members::new());
    let (writer, writer_thread) = Writer::start(&database, Arc::clone(&members), metrics.clone())?;
    let mailer = Mailer::of(config)?;
    let (sends_mail, mut background) = (mailer.is_some(), vec![background]);
    if let Some(mailer) = mailer {
        let tasks = background::mail_tasks(Arc::clone(&snapshots), mailer, metrics.clone());
        // Not waited for in the end: what it is at is tried again.
        background.push(Background::start(database.clone(), metrics.clone(), server, tasks)?.0);
    }
    let per_second = NonZeroU32::new(config.address_requests_per_second).unwrap_or(NonZeroU32::MIN);
    let state = Data::new(State {
        database,
        snapshots,
        members,
        reads: Arc::new(Semaphore::new(WAITING_READS)),
        writer,
        refusals: Refusals::default(),
        requests: Requests::default(),
        metrics,
        address_limiter: RateLimiter::keyed(Quota::per_second(per_second)),
        sign_in_limiter: RateLimiter::keyed(Quota::per_minute(SIGN_INS_A_MINUTE).allow_burst(SIGN_INS_AT_ONCE)),
        passwords: Passwords::new(),
        trusted_proxies: config.trusted_proxies.clone(),
        window_s: config.signature_window_s,
        public_url: OnceLock::new(),
        sends_mail,
        background,
        draining: AtomicBool::new(false),
        streams: Streams::new(),
    });
    run(config, state.clone(), ready).await?;
    let ended = tokio::time::timeout(ENDING, async {
        state.refusals.write(&state.writer, system::now_us(), true).await;
        state.requests.write(&state.writer, system::now_us()).await;
        state.writer.stop().await;
        ended(writer_thread).await
    });
    let told =
        "the database does not answer a COMMIT, which may take effect yet: whoever sends the request again is told";
    ended.await.context(told)?
}

/// Waits for a thread without holding up the event loop, so that waiting can be given up.
async fn ended(thread: JoinHandle<()>) -> anyhow::Result<()> {
    while !thread.is_finished() {
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
    thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))
}

async fn run(config: &Config, state: Data<State>, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let shared = state.clone();
    let own_metrics = config.metrics_listen.is_none();
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(shared.clone())
            .wrap(from_fn(request_id::layer))
            .configure(console::configure)
            .configure(|config| routes::configure(config, own_metrics))
    })
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(SHUTDOWN_S)
    .disable_signals()
    .bind(&config.listen)
    .with_context(|| format!("listening on {}; is another server running? choose --listen", config.listen))?;
    let address = server.addrs().first().copied().context("no address was bound")?;
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    if !address.ip().is_loopback() && !public_url.starts_with("https://") {
        tracing::warn!(public_url, "people are sent to a public URL without TLS: set --public-url to the https one");
    }
    let _ = state.public_url.set(public_url);
    let metrics_server = match &config.metrics_listen {
        Some(listen) => {
            let shared = state.clone();
            let server =
                HttpServer::new(move || actix_web::App::new().app_data(shared.clone()).configure(routes::metrics_only))
                    .workers(1)
                    .disable_signals()
                    .bind(listen)
                    .with_context(|| format!("listening on {listen} for metrics"))?
                    .run();
            Some(server)
        }
        None => None,
    };
    let metrics_handle = metrics_server.as_ref().map(actix_web::dev::Server::handle);
    let server = server.run();
    let handle = server.handle();
    let housekeeper = actix_web::rt::spawn(housekeeping(state.clone()));
    let stopped = stop_signal()?;
    actix_web::rt::spawn(async move {
        stopped.await;
        tracing::info!("stopping: accepted requests are answered first");
        state.draining.store(true, Ordering::Relaxed);
        state.streams.stop();
        state.background.iter().for_each(Background::stop);
        housekeeper.abort();
        drop(state);
        if let Some(handle) = metrics_handle {
            handle.stop(false).await;
        }
        handle.stop(true).await;
    });
    if let Some(server) = metrics_server {
        actix_web::rt::spawn(server);
    }
    ready(address);
    // Plain in every log format: scripts wait for this line.
    // Nobody to read it is no reason not to serve.
    let _ = writeln!(std::io::stderr(), "listening on http://{address}");
    server.await?;
    Ok(())
}

/// What is done now and then, for as long as the server runs.
async fn housekeeping(state: Data<State>) {
    let mut ticks = actix_web::rt::time::interval(HOUSEKEEPING);
    loop {
        ticks.tick().await;
        state.refusals.write(&state.writer, system::now_us(), false).await;
        state.requests.write(&state.writer, system::now_us()).await;
        state.address_limiter.retain_recent();
        state.sign_in_limiter.retain_recent();
        let database = state.database.clone();
        // Where the database is away the last that was seen stays; that it is away others tell.
        if let Ok(Ok(waiting)) = web::block(move || database.glance(outbox::waiting)).await {
            let age_us = waiting.oldest_us.map_or(0, |oldest_us| system::now_us().saturating_sub(oldest_us));
            state.metrics.outbox(waiting.count, age_us.max(0).div_euclid(1_000_000));
        }
    }
}

/// Ends with SIGTERM or SIGINT. The handlers are set when this is called, not when its answer is first awaited.
#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
