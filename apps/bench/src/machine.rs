//! Where it was measured: ratios travel between machines, figures do not.

use std::path::Path;

use serde::Serialize;

/// As much as it takes to judge a figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Device and file system of the databases.
    pub(crate) disk: String,
}

/// What the system says of itself; a dash where it says nothing.
pub(crate) fn describe(folder: &Path) -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let unknown = || "-".to_owned();
    let memory = value(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let memory_kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
    Machine {
        cpu: value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_gib: memory_kib >> 20,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        disk: disk(&read("/proc/mounts"), folder).unwrap_or_else(unknown),
    }
}

/// Whether the folder is on a file system in memory, where nothing is durable.
pub(crate) fn is_memory(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    disk(&mounts, &folder).is_some_and(|disk| disk.ends_with(", tmpfs") || disk.ends_with(", ramfs"))
}

/// The mount that is nearest to the folder: `device, file system`.
fn disk(mounts: &str, folder: &Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
            folder.starts_with(point).then(|| (point.len(), format!("{device}, {kind}")))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, disk)| disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_is_the_disk() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        assert_eq!(disk(mounts, Path::new("/srv/a")).as_deref(), Some("/dev/vda, ext4"));
        assert_eq!(disk(mounts, Path::new("/tmp/a")).as_deref(), Some("tmpfs, tmpfs"));
    }
}
