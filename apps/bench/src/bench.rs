//! What the rows share: the folder, the servers that run, how long to measure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;

use crate::deployment::{CONNECTIONS, Deployment};
use crate::load;
use crate::measure::Extent;
use crate::postgres::Postgres;
use crate::reference::ceiling::{self, Ceiling};
use crate::server::{Database, Engine, Installation};
use crate::stored::{self, Loaded};

/// A run. Servers start when the first row asks for them, and end with it; the private PostgreSQL ends after them.
pub(crate) struct Bench {
    /// How long, how often, how many users.
    pub(crate) extent: Extent,
    binary: PathBuf,
    deployments: BTreeMap<Engine, Rc<Deployment>>,
    many_rows: Option<Rc<Deployment>>,
    ceiling: Option<Rc<Ceiling>>,
    postgres: Option<Postgres>,
    folder: tempfile::TempDir,
    references: u64,
}

impl Bench {
    pub(crate) fn new(binary: PathBuf, extent: Extent) -> anyhow::Result<Self> {
        let parent = databases_folder()?;
        remove_abandoned(&parent)?;
        let prefix = format!("run-{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?;
        let deployments = BTreeMap::new();
        Ok(Self { extent, binary, deployments, many_rows: None, ceiling: None, postgres: None, folder, references: 0 })
    }

    /// The databases are under it: on the disk that has the target folder, which is no memory file system.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An installation on an empty database of its own, migrated.
    pub(crate) fn installation(&mut self, engine: Engine, name: &str) -> anyhow::Result<Installation> {
        let name = format!("{name}-{}", engine.name());
        let folder = self.folder().join(&name);
        let database = match engine {
            Engine::Sqlite => Database::Sqlite(folder.join("osaycore.db")),
            Engine::Postgres => Database::Postgres(self.postgres()?.create_database(&name)?),
        };
        Installation::create(self.binary.clone(), folder, database)
    }

    /// The server under load, with its users.
    pub(crate) fn deployment(&mut self, engine: Engine) -> anyhow::Result<Rc<Deployment>> {
        if let Some(deployment) = self.deployments.get(&engine) {
            return Ok(Rc::clone(deployment));
        }
        let users = self.extent.users;
        let made = Rc::new(Deployment::create(self.installation(engine, "server")?, users, users)?);
        self.deployments.insert(engine, Rc::clone(&made));
        Ok(made)
    }

    /// A server with so many users, of whom those under load have that many deductions behind them: one each that it
    /// made itself, and others like these.
    pub(crate) fn with_history(
        &mut self,
        engine: Engine,
        name: &str,
        users: usize,
        entries: u64,
    ) -> anyhow::Result<(Deployment, Loaded)> {
        let active = self.extent.users;
        let made = Deployment::create(self.installation(engine, name)?, users, active)?;
        let first = made.target.deductions(active, self.references(active));
        load::each(made.target.address, CONNECTIONS, first)?;
        let others = usize::try_from(entries)?.saturating_sub(active);
        let references = self.references(others);
        made.stopped_for(|installation| stored::fill(installation, references))
    }

    /// A server with the users under load, each with enough entries to fill a page.
    pub(crate) fn few_rows(&mut self) -> anyhow::Result<Deployment> {
        let users = self.extent.users;
        let entries = u64::try_from(users)?.saturating_mul(60);
        Ok(self.with_history(Engine::Sqlite, "few-rows", users, entries)?.0)
    }

    /// A server with a million users and entries; made once.
    pub(crate) fn many_rows(&mut self) -> anyhow::Result<Rc<Deployment>> {
        if let Some(made) = &self.many_rows {
            return Ok(Rc::clone(made));
        }
        let rows = self.extent.many_rows;
        let (made, _) = self.with_history(Engine::Sqlite, "many-rows", usize::try_from(rows)?, rows)?;
        Ok(Rc::clone(self.many_rows.insert(Rc::new(made))))
    }

    fn postgres(&mut self) -> anyhow::Result<&Postgres> {
        let started = match self.postgres.take() {
            Some(postgres) => postgres,
            // Root's cluster runs as another user, who may not reach the target folder.
            None => Postgres::start(&[databases_folder()?, std::env::temp_dir()])?,
        };
        Ok(self.postgres.insert(started))
    }

    /// The protocol ceiling, with as many users.
    pub(crate) fn ceiling(&mut self) -> anyhow::Result<Rc<Ceiling>> {
        if let Some(ceiling) = &self.ceiling {
            return Ok(Rc::clone(ceiling));
        }
        let made = Rc::new(ceiling::start(self.extent.users)?);
        Ok(Rc::clone(self.ceiling.insert(made)))
    }

    /// Numbers of `count` requests that no request of this run had before.
    pub(crate) fn references(&mut self, count: usize) -> std::ops::Range<u64> {
        let first = self.references;
        self.references = first.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        first..self.references
    }
}

/// `target/bench`.
fn databases_folder() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let target = executable.ancestors().nth(2).context("where is the target folder?")?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// A run that was interrupted leaves its folder behind, with gigabytes of row 11.
fn remove_abandoned(parent: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        if process_of(&entry.file_name().to_string_lossy()).is_some_and(|process| !is_running(process)) {
            std::fs::remove_dir_all(entry.path()).with_context(|| entry.path().display().to_string())?;
        }
    }
    Ok(())
}

/// `run-4711-aBcDeF` → 4711
fn process_of(name: &str) -> Option<u32> {
    name.strip_prefix("run-")?.split('-').next()?.parse().ok()
}

fn is_running(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_of_ended_runs_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let own = format!("run-{}-a", std::process::id());
        // No process has the greatest number.
        let names = [own.as_str(), "run-4294967295-a", "run-x-a", "other"];
        for name in names {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        remove_abandoned(parent.path()).unwrap();
        assert_eq!(names.map(|name| parent.path().join(name).exists()), [true, false, true, true]);
    }
}
