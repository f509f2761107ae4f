//! Configuration: flags, then environment, then file, then defaults (contract, "The command line").

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::sealing::{MasterKey, Sealer};
use crate::store::url::{DatabaseUrl, masked};
use crate::traces::Collector;

/// The share of requests that is traced, unless it is set.
const TRACE_SAMPLE: f64 = 0.01;

/// One layer of settings: the flags with their environment, or the file. What is unset falls to the next layer.
#[derive(Clone, Debug, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Layer {
    /// Configuration file (TOML; the members are these flags with underscores)
    #[arg(long, global = true, env = "OSAYCORE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Address to serve on; port 0 takes any free one [default: 127.0.0.1:8080]
    #[arg(long, global = true, env = "OSAYCORE_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// `sqlite://FILE` or `postgres://…` [default: `sqlite://osaycore.db`]
    #[arg(long, global = true, env = "OSAYCORE_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// File with the master key, 64 hexadecimal digits [default: beside the SQLite file]
    #[arg(long, global = true, env = "OSAYCORE_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// How the outside reaches this server [default: the bound address]
    #[arg(long, global = true, env = "OSAYCORE_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Mail server: smtp:// or smtps://
    #[arg(long, global = true, env = "OSAYCORE_SMTP_URL", hide_env_values = true, value_name = "URL")]
    smtp_url: Option<String>,
    /// Sender of mail
    #[arg(long, global = true, env = "OSAYCORE_MAIL_FROM", value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// `text` or `json` [default: text on a terminal]
    #[arg(long, global = true, env = "OSAYCORE_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Seconds that a signed request may be early or late [default: 300]
    #[arg(long, global = true, env = "OSAYCORE_SIGNATURE_WINDOW_SECONDS", value_name = "N", value_parser = clap::value_parser!(i64).range(1..=3600))]
    signature_window_seconds: Option<i64>,
    /// Requests a second from one client address [default: 50000]
    #[arg(long, global = true, env = "OSAYCORE_ADDRESS_REQUESTS_PER_SECOND", value_name = "N")]
    address_requests_per_second: Option<u32>,
    /// Second address for /metrics alone; it is then gone from the first
    #[arg(long, global = true, env = "OSAYCORE_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// Where an OTLP receiver listens for HTTP: traces go there
    #[arg(long, global = true, env = "OSAYCORE_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// Share of requests that is traced, 0 to 1, where the caller has not decided [default: 0.01]
    #[arg(long, global = true, env = "OSAYCORE_TRACE_SAMPLE", value_name = "RATIO")]
    trace_sample: Option<f64>,
    /// Proxies whose X-Forwarded-For is believed; repeat for several
    #[arg(
        long = "trusted-proxy",
        global = true,
        env = "OSAYCORE_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "IP"
    )]
    trusted_proxies: Option<Vec<IpAddr>>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The effective configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) database_url: DatabaseUrl,
    pub(crate) master_key: Option<MasterKey>,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) public_url: Option<String>,
    pub(crate) smtp_url: Option<String>,
    pub(crate) mail_from: Option<String>,
    pub(crate) log_format: Option<LogFormat>,
    pub(crate) signature_window_s: i64,
    pub(crate) address_requests_per_second: u32,
    pub(crate) metrics_listen: Option<String>,
    /// Where traces go; nowhere without one.
    pub(crate) collector: Option<Collector>,
    pub(crate) trusted_proxies: Vec<IpAddr>,
}

impl Config {
    /// The effective configuration under `flags`.
    pub(crate) fn load(flags: Layer) -> anyhow::Result<Self> {
        let file = match &flags.config {
            Some(path) => read_layer(path)?,
            None => Layer::default(),
        };
        let text = |flag: Option<String>, file: Option<String>, variable: &str| {
            let flag = flag.filter(|value| !value.is_empty());
            Ok::<_, anyhow::Error>(match flag {
                Some(value) => Some(value),
                None => secret_file(variable)?.or(file),
            })
        };
        let database_url = text(flags.database_url, file.database_url, "OSAYCORE_DATABASE_URL")?
            .unwrap_or_else(|| "sqlite://osaycore.db".to_owned())
            .parse()
            .map_err(anyhow::Error::msg)?;
        let master_key = match (&flags.master_key_file, variable("OSAYCORE_MASTER_KEY")) {
            (None, Some(hex)) => Some(MasterKey::from_hex(&hex).context("OSAYCORE_MASTER_KEY")?),
            _ => None,
        };
        let sample = flags.trace_sample.or(file.trace_sample).unwrap_or(TRACE_SAMPLE);
        if !(0.0..=1.0).contains(&sample) {
            bail!("--trace-sample {sample}: use a ratio from 0 to 1");
        }
        let endpoint = text(flags.otlp_endpoint, file.otlp_endpoint, "OSAYCORE_OTLP_ENDPOINT")?;
        Ok(Self {
            collector: endpoint.map(|endpoint| Collector { endpoint, sample }),
            listen: flags.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            database_url,
            master_key,
            master_key_file: flags.master_key_file.or(file.master_key_file),
            public_url: text(flags.public_url, file.public_url, "OSAYCORE_PUBLIC_URL")?
                .map(|url| url.trim_end_matches('/').to_owned()),
            smtp_url: text(flags.smtp_url, file.smtp_url, "OSAYCORE_SMTP_URL")?,
            mail_from: flags.mail_from.or(file.mail_from),
            log_format: flags.log_format.or(file.log_format),
            signature_window_s: flags
                .signature_window_seconds
                .or(file.signature_window_seconds)
                .unwrap_or(osaycore_signing::v1::WINDOW_S),
            address_requests_per_second: flags
                .address_requests_per_second
                .or(file.address_requests_per_second)
                .unwrap_or(50_000)
                .max(1),
            metrics_listen: flags.metrics_listen.or(file.metrics_listen),
            trusted_proxies: flags.trusted_proxies.or(file.trusted_proxies).unwrap_or_default(),
        })
    }

    /// As a configuration file would say it, secrets masked.
    pub(crate) fn masked(&self) -> String {
        let mut lines = vec![
            setting("listen", Some(&self.listen)),
            setting("database_url", Some(&self.database_url.to_string())),
            setting("master_key_file", self.key_file().map(|path| path.display().to_string()).as_ref()),
            setting("public_url", self.public_url.as_ref()),
            setting("smtp_url", self.smtp_url.as_deref().map(masked).as_ref()),
            setting("mail_from", self.mail_from.as_ref()),
        ];
        if let Some(format) = self.log_format {
            lines.push(format!("log_format = {:?}", format!("{format:?}").to_lowercase()));
        }
        lines.push(format!("signature_window_seconds = {}", self.signature_window_s));
        lines.push(format!("address_requests_per_second = {}", self.address_requests_per_second));
        lines.push(setting("metrics_listen", self.metrics_listen.as_ref()));
        let (endpoint, sample) = self.collector.as_ref().map(|it| (masked(&it.endpoint), it.sample)).unzip();
        lines.push(setting("otlp_endpoint", endpoint.as_ref()));
        lines.push(sample.map_or_else(|| "# trace_sample =".to_owned(), |sample| format!("trace_sample = {sample:?}")));
        let proxies: Vec<String> = self.trusted_proxies.iter().map(|proxy| format!("\"{proxy}\"")).collect();
        lines.push(format!("trusted_proxies = [{}]", proxies.join(", ")));
        lines.join("\n")
    }

    /// Where the master key's file is, if it is not in the environment.
    pub(crate) fn key_file(&self) -> Option<PathBuf> {
        self.master_key_file.clone().or_else(|| {
            let mut name = self.database_url.sqlite_file()?.as_os_str().to_owned();
            name.push(".key");
            Some(PathBuf::from(name))
        })
    }

    /// The master keys, from the environment or the key file; the file beside a SQLite database is made if it is
    /// not there.
    pub(crate) fn sealer(&self) -> anyhow::Result<Sealer> {
        if let Some(key) = &self.master_key {
            return Ok(Sealer::new(key.clone(), vec![]));
        }
        let path = self.key_path()?;
        if !path.exists() && self.master_key_file.is_none() {
            write_key_file(&path, &[MasterKey::generate()])?;
        }
        read_key_file(&path)
    }

    /// The same for whoever finds a database that has secrets: a key file that is not there is not made.
    pub(crate) fn present_sealer(&self) -> anyhow::Result<Sealer> {
        match &self.master_key {
            Some(key) => Ok(Sealer::new(key.clone(), vec![])),
            None => read_key_file(&self.key_path()?),
        }
    }

    fn key_path(&self) -> anyhow::Result<PathBuf> {
        self.key_file().context(
            "PostgreSQL needs a master key: set OSAYCORE_MASTER_KEY (64 hexadecimal digits, \
             `openssl rand -hex 32`) or --master-key-file",
        )
    }
}

/// The keys of a key file, one a line: the first seals, the others still open.
pub(crate) fn read_key_file(path: &Path) -> anyhow::Result<Sealer> {
    let text = std::fs::read_to_string(path).with_context(|| format!("master key file {}", path.display()))?;
    let mut keys = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(MasterKey::from_hex)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("master key file {}", path.display()))?;
    if keys.is_empty() {
        bail!("master key file {} is empty", path.display());
    }
    let current = keys.remove(0);
    Ok(Sealer::new(current, keys))
}

/// Replaces the key file in one step; mode 0600.
pub(crate) fn write_key_file(path: &Path, keys: &[MasterKey]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let temporary = path.with_extension("key.new");
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        for key in keys {
            writeln!(file, "{}", key.to_hex().as_str())?;
        }
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().with_context(|| format!("writing the master key file {}", path.display()))
}

fn read_layer(path: &Path) -> anyhow::Result<Layer> {
    let text = std::fs::read_to_string(path).with_context(|| format!("configuration file {}", path.display()))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        // The error's own text quotes the line, and with it whatever password is on it.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        anyhow::anyhow!("configuration file {}, line {line}: {}", path.display(), error.message())
    })
}

/// The content of the file that `NAME_FILE` names.
fn secret_file(name: &str) -> anyhow::Result<Option<String>> {
    variable(&format!("{name}_FILE"))
        .map(|path| {
            std::fs::read_to_string(&path)
                .map(|text| text.trim().to_owned())
                .with_context(|| format!("{name}_FILE: {path}"))
        })
        .transpose()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn setting(name: &str, value: Option<&String>) -> String {
    value.map_or_else(|| format!("# {name} ="), |value| format!("{name} = {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("osaycore.toml");
        std::fs::write(&path, "listen = \"0.0.0.0:1\"\npublic_url = \"https://x/\"\n").unwrap();
        let flags = Layer { config: Some(path.clone()), listen: Some("127.0.0.1:2".to_owned()), ..Layer::default() };
        let config = Config::load(flags).unwrap();
        assert_eq!(config.listen, "127.0.0.1:2");
        assert_eq!(config.public_url.as_deref(), Some("https://x"));
        assert_eq!(config.database_url, "sqlite://osaycore.db".parse().unwrap());
        std::fs::write(&path, "lisen = \"x\"").unwrap();
        let wrong = Config::load(Layer { config: Some(path), ..Layer::default() }).unwrap_err();
        assert!(format!("{wrong:#}").contains("lisen"), "{wrong:#}");
    }

    #[test]
    fn a_fault_in_the_file_is_told_without_the_line_it_is_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("osaycore.toml");
        for faulty in [
            "database_url = \"postgres://me:hidden@host/db",
            "database_url = postgres://me:hidden@host/db",
            "database_ulr = \"postgres://me:hidden@host/db\"",
            "smtp_url = [\"smtp://me:hidden@mail\"]",
        ] {
            std::fs::write(&path, format!("listen = \"127.0.0.1:2\"\n\n{faulty}\n")).unwrap();
            let error = Config::load(Layer { config: Some(path.clone()), ..Layer::default() }).unwrap_err();
            for shown in [format!("{error:#}"), format!("{error:?}")] {
                assert!(shown.contains("osaycore.toml, line 3: "), "{faulty}: {shown}");
                assert!(!shown.contains("hidden"), "{shown}");
            }
        }
    }

    #[test]
    fn a_key_file_keeps_the_old_key_during_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        write_key_file(&path, std::slice::from_ref(&old)).unwrap();
        let place = crate::sealing::Place { table: "t", row: "1", column: "c" };
        let sealed = read_key_file(&path).unwrap().seal(place, b"x").unwrap();
        write_key_file(&path, &[new, old]).unwrap();
        assert_eq!(read_key_file(&path).unwrap().open(place, &sealed).unwrap().as_slice(), b"x");
        std::fs::write(&path, "\n").unwrap();
        assert!(read_key_file(&path).is_err());
    }
}
