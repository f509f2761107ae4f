//! `osaycore backup` and `osaycore restore`: SQLite only.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};

use super::output::{Output, spinner, tell};
use super::session::Session;
use crate::config::Config;
use crate::store::backup;
use crate::store::db::Database;
use crate::store::migrations::{self, Standing};

/// How every SQLite file begins.
const HEADER: &[u8] = b"SQLite format 3\0";

#[derive(Args)]
pub(super) struct Backup {
    /// Where to write it; replaced if it is a SQLite file
    file: PathBuf,
}

#[derive(Args)]
pub(super) struct Restore {
    /// A file that `osaycore backup` wrote
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let source = sqlite_file(&session.config)?;
        if same_file(&source, &self.file) {
            bail!("{} is the database itself", self.file.display());
        }
        if self.file.exists() && !is_replaceable(&self.file)? {
            bail!("{} is there and no SQLite file: choose another name", self.file.display());
        }
        let working = spinner("copying");
        let temporary = Temporary::beside(&self.file, ".backup")?;
        backup::copy_into(&session.database, &temporary.path)?;
        backup::check(&temporary.path).context("the copy is not sound; is the database?")?;
        temporary.put_in_place(&self.file)?;
        working.finish_and_clear();
        audit(session, Action::BackupCreated, &self.file)?;
        let bytes = fs::metadata(&self.file)?.len();
        let answer = serde_json::json!({ "file": self.file.display().to_string(), "bytes": bytes });
        session.output.show(&answer, || format!("{} ({bytes} bytes)", self.file.display()))?;
        session.output.note(&match session.config.key_file() {
            Some(key) if session.config.master_key.is_none() => {
                format!("the secrets in it are sealed; the master key is not in it: keep {} elsewhere", key.display())
            }
            _ => "the secrets in it are sealed; the master key is not in it: keep that elsewhere".to_owned(),
        });
        Ok(())
    }
}

impl Restore {
    pub(super) fn run(
        self,
        config: Config,
        open: impl FnOnce(Config) -> anyhow::Result<Session>,
        output: Output,
    ) -> anyhow::Result<()> {
        let target = sqlite_file(&config)?;
        if same_file(&target, &self.file) {
            bail!("{} is the database itself", self.file.display());
        }
        let working = spinner("checking");
        let temporary = Temporary::beside(&target, ".restore")?;
        let mut from = File::open(&self.file).with_context(|| format!("reading {}", self.file.display()))?;
        std::io::copy(&mut from, &mut OpenOptions::new().write(true).open(&temporary.path)?)?;
        check_copy(&temporary.path).with_context(|| format!("{} is not restored", self.file.display()))?;
        // Held until the new file is in place: nobody begins to use the old one meanwhile.
        let lock = if target.exists() && fs::metadata(&target)?.len() > 0 { lock_out(&target)? } else { None };
        for suffix in ["-wal", "-shm", "-journal"] {
            remove(&with_suffix(&target, suffix))?;
        }
        temporary.put_in_place(&target)?;
        drop(lock);
        working.finish_and_clear();
        let answer = serde_json::json!({ "file": self.file.display().to_string(), "restored": true });
        output.show(&answer, || format!("{} is in the place of {}", self.file.display(), target.display()))?;
        // Without its master key the database is restored all the same; what to do is said.
        let usable = open(config).and_then(|session| {
            session.read(|tx| Ok(crate::store::jwt_keys::ring(tx.connection(), &session.sealer()?).map(drop)?))?;
            audit(&session, Action::BackupRestored, &self.file)
        });
        if let Err(error) = usable {
            tell(&format!("warning: the database is restored, but cannot be used yet: {error:#}"));
        }
        Ok(())
    }
}

/// Sound, ours, and not newer than this program.
fn check_copy(path: &Path) -> anyhow::Result<()> {
    if !is_replaceable(path)? || fs::metadata(path)?.len() == 0 {
        bail!("it is no SQLite database");
    }
    backup::check(path)?;
    let steps = Temporary::beside(path, ".steps")?;
    backup::copy_steps(path, &steps.path)?;
    let url = format!("sqlite://{}", steps.path.display()).parse().map_err(anyhow::Error::msg)?;
    if let Standing::Ahead(step) = migrations::standing(&Database::open(&url, 1)?)? {
        bail!("it has migration step {step:?}, which this program does not know: use a newer osaycore");
    }
    Ok(())
}

/// The lock of the database that is replaced. One that is damaged cannot be locked, and is what backups are for.
fn lock_out(target: &Path) -> anyhow::Result<Option<backup::Exclusive>> {
    match backup::lock(target) {
        Ok(Some(lock)) => Ok(Some(lock)),
        Ok(None) => bail!("{} is in use: stop the server and every other osaycore first", target.display()),
        Err(_) => Ok(None),
    }
}

fn sqlite_file(config: &Config) -> anyhow::Result<PathBuf> {
    let path = config.database_url.sqlite_file().map(Path::to_path_buf);
    path.context("this is for SQLite; PostgreSQL has pg_dump and pg_restore")
}

fn audit(session: &Session, action: Action, file: &Path) -> anyhow::Result<()> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    session.write(|tx, by| {
        let mut event = by.event(action, None);
        event.target = Some(Target::new(TargetKind::Backup, name.clone()));
        event.after = Details::new().with(Field::FileName, name.as_str());
        tx.append(event)?;
        Ok(())
    })
}

/// Empty, or a SQLite file.
fn is_replaceable(path: &Path) -> anyhow::Result<bool> {
    let mut begin = Vec::new();
    let length = u64::try_from(HEADER.len())?;
    File::open(path)?.take(length).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin == HEADER)
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A file on its way to another name, mode 0600; removed if it does not get there.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// An empty file in the folder of `target`, so that renaming is one step.
    fn beside(target: &Path, suffix: &str) -> anyhow::Result<Self> {
        let path = with_suffix(target, &format!("{suffix}-{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { path })
    }

    /// Renames it once its bytes are on the disk.
    fn put_in_place(self, target: &Path) -> anyhow::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, target).with_context(|| format!("writing {}", target.display()))?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // What is not there need not be removed; what cannot be is not worth failing for.
            let _ = fs::remove_file(with_suffix(&self.path, suffix));
        }
    }
}
