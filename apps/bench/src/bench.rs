//! What the rows share: the folder, the servers that run, how long to measure.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;

use crate::deployment::Deployment;
use crate::measure::Extent;
use crate::reference::ceiling::{self, Ceiling};
use crate::server::Installation;

/// A run. Servers start when the first row asks for them, and end with it.
pub(crate) struct Bench {
    /// How long, how often, how many users.
    pub(crate) extent: Extent,
    binary: PathBuf,
    folder: tempfile::TempDir,
    deployment: Option<Rc<Deployment>>,
    ceiling: Option<Rc<Ceiling>>,
    references: u64,
}

impl Bench {
    pub(crate) fn new(binary: PathBuf, extent: Extent) -> anyhow::Result<Self> {
        let folder = private_folder()?;
        Ok(Self { extent, binary, folder, deployment: None, ceiling: None, references: 0 })
    }

    /// The databases are under it: on the disk that has the target folder, which is no memory file system.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder in which `osaycore` has no database yet.
    pub(crate) fn installation(&self, name: &str) -> anyhow::Result<Installation> {
        Installation::create(self.binary.clone(), self.folder().join(name))
    }

    /// The server under load, with its users.
    pub(crate) fn deployment(&mut self) -> anyhow::Result<Rc<Deployment>> {
        if let Some(deployment) = &self.deployment {
            return Ok(Rc::clone(deployment));
        }
        let users = self.extent.users;
        let made = Rc::new(Deployment::create(self.installation("server")?, users, users)?);
        Ok(Rc::clone(self.deployment.insert(made)))
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

/// `target/bench/…`, gone at the end.
fn private_folder() -> anyhow::Result<tempfile::TempDir> {
    let executable = std::env::current_exe()?;
    let target = executable.ancestors().nth(2).context("where is the target folder?")?;
    let parent = target.join("bench");
    std::fs::create_dir_all(&parent).with_context(|| parent.display().to_string())?;
    tempfile::tempdir_in(&parent).with_context(|| parent.display().to_string())
}
