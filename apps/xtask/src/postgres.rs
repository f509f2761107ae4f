//! A private PostgreSQL: a new cluster in a temporary folder, gone with the value that stands for it.
//!
//! A shell of its own process group, the keeper, makes the cluster, starts it and then reads from a
//! pipe whose other end this program holds. However this program ends (normally, by Ctrl-C, by a
//! SIGKILL), the system closes that end; the keeper then stops the cluster and removes the folder.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The oldest PostgreSQL that the tests are run on.
pub const OLDEST: u32 = 15;

/// How one comes by it, and by libpq.
pub const INSTALL: &str = "Debian 12, Ubuntu 24.04 or newer: apt-get install -y postgresql libpq-dev; \
     Fedora: dnf install postgresql-server postgresql-contrib libpq-devel; macOS: brew install postgresql@17; \
     others: https://www.postgresql.org/download/";

/// The superuser of the cluster; no password.
const USER: &str = "postgres";

/// `$1` is the folder, `$2` the port of the primary of which this becomes a standby; behind them come ports, of which the
/// first that is free is taken and printed. Then orders are read, each one of the functions, and answered.
/// fsync stays on, as where acknowledged means durable; only initdb need not wait for the disk. The
/// socket is named from the data folder, so that no quoting is needed and its path stays short. In a
/// folder of root's an unprivileged keeper can remove everything but its own, which is then empty.
const KEEPER: &str = r#"
folder=$1; primary=$2; shift 2
data=$folder/data
make() {
    if [ -n "$primary" ]
    then
        pg_basebackup --host=127.0.0.1 --port="$primary" --username="$USER" --pgdata="$data" \
            --write-recovery-conf --checkpoint=fast --no-sync
    else
        initdb --pgdata="$data" --username="$USER" --auth=trust --encoding=UTF8 --locale=C --no-sync
    fi </dev/null >"$folder/log" 2>&1
}
start() {
    options="-p $port -k .. -c listen_addresses=127.0.0.1 -c max_connections=300 -c fsync=on"
    pg_ctl --pgdata="$data" --log="$folder/log" --options="$options" --silent start </dev/null 2>/dev/null
}
# Its memory is given back when the last of its processes is gone.
restart() {
    for _ in 1 2 3 4 5 6 7 8 9; do start && return; sleep 1; done
    return 1
}
# All at once, and no farewell: stopped, the first does not see the others go. Without its files the next start does not
# ask whether it lives, as a dead process that nobody has waited for seems to.
crash() {
    read -r postmaster <"$data/postmaster.pid" && kill -STOP "$postmaster" || return
    ps -A -o ppid= -o pid= | while read -r parent child
    do [ "$parent" != "$postmaster" ] || kill -KILL "$child"
    done
    kill -KILL "$postmaster" && rm "$data/postmaster.pid" "$folder/.s.PGSQL.$port.lock"
}
promote() {
    pg_ctl --pgdata="$data" --silent promote </dev/null
}
end() {
    pg_ctl --pgdata="$data" --mode=immediate --silent stop 2>/dev/null
    cd / && rm -rf "$folder" 2>/dev/null
}
trap end EXIT
trap 'exit 1' HUP INT TERM PIPE
if make
then
    for port do
        if start
        then
            echo "$port" 2>/dev/null
            while read -r order; do "$order" && echo done || echo failed; done
            exit 0
        fi
    done
fi
cat "$folder/log" >&2
exit 1
"#;

/// A running cluster; dropping it stops it and removes its folder.
#[derive(Debug)]
pub struct Cluster {
    keeper: Child,
    /// Closed by the system when this program ends.
    lifeline: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    programs: PathBuf,
    folder: PathBuf,
    port: String,
    url: String,
}

impl Cluster {
    /// Makes and starts one in the folder for temporary files: see [`Cluster::start_in`].
    ///
    /// # Errors
    /// As there.
    pub fn start() -> Result<Self, String> {
        Self::start_in(&env::temp_dir())
    }

    /// Makes and starts one in a new folder under `parent`, on a free port of 127.0.0.1; as an
    /// unprivileged user where this is root, because PostgreSQL refuses to run as root.
    ///
    /// # Errors
    /// No server programs of at least [`OLDEST`], no unprivileged user or none who can reach the
    /// folder, or the cluster did not start: its own words are on the standard error.
    pub fn start_in(parent: &Path) -> Result<Self, String> {
        Self::make(parent, "")
    }

    /// Makes one that streams from this, the primary, until it is promoted.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn standby(&self) -> Result<Self, String> {
        Self::make(self.folder.parent().unwrap_or(Path::new("/")), &self.port)
    }

    /// Ends every process of it by SIGKILL.
    ///
    /// # Errors
    /// It was not running.
    pub fn crash(&mut self) -> Result<(), String> {
        self.order("crash")
    }

    /// Starts it again on its port; it has recovered by then.
    ///
    /// # Errors
    /// It did not start: why is in the `log`.
    pub fn restart(&mut self) -> Result<(), String> {
        self.order("restart")
    }

    /// Makes a primary of a standby.
    ///
    /// # Errors
    /// It is none.
    pub fn promote(&mut self) -> Result<(), String> {
        self.order("promote")
    }

    /// `postgres://user@127.0.0.1:port`, without the name of a database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of the programs that it runs, of its version.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where its data and its `log` lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until the keeper ends, which is when somebody ends it: on Ctrl-C this program goes first.
    pub fn wait(&mut self) {
        let _ = io::copy(&mut self.output, &mut io::sink());
    }

    fn make(parent: &Path, primary: &str) -> Result<Self, String> {
        let programs = programs().ok_or_else(|| format!("PostgreSQL {OLDEST} or newer is missing; {INSTALL}"))?;
        let ports = free_ports().map_err(|error| format!("no free port: {error}"))?;
        // Two clusters of one process differ in their ports.
        let name = ports.first().map(|port| format!("osaycore-postgres-{}-{port}", std::process::id()));
        let folder = parent.join(name.unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&folder).arg(primary);
        command.args(ports.iter().map(u16::to_string));
        command.env("PATH", with_front(&programs)?).env("LC_ALL", "C").env("USER", USER);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let spawned = make_folder(&folder, &mut command).and_then(|()| command.current_dir(&folder).spawn());
        let mut keeper = spawned.map_err(|error| {
            // Still empty; or not ours, and then not empty.
            let _ = fs::remove_dir(&folder);
            format!("{}: {error}; TMPDIR names another place (root's must be open to others)", folder.display())
        })?;
        let lifeline = keeper.stdin.take();
        let output = keeper.stdout.take().ok_or("the keeper has no output")?;
        let (port, url) = Default::default();
        let mut cluster = Self { keeper, lifeline, output: BufReader::new(output), programs, folder, port, url };
        let started = cluster.line();
        cluster.port = started.ok_or_else(|| format!("PostgreSQL of {} did not start", cluster.programs.display()))?;
        cluster.url = format!("postgres://{USER}@{}", cluster.address());
        Ok(cluster)
    }

    fn order(&mut self, order: &str) -> Result<(), String> {
        let given = self.lifeline.as_mut().is_some_and(|keeper| writeln!(keeper, "{order}").is_ok());
        match self.line() {
            Some(answer) if given && answer == "done" => Ok(()),
            _ => Err(format!("{order}: PostgreSQL in {} did not", self.folder.display())),
        }
    }

    /// What the keeper says next.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.lifeline = None;
        let _ = self.keeper.wait();
        // What the keeper may not remove is empty; mostly there is nothing left.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The folder of `initdb`, `pg_ctl` and `postgres` of at least [`OLDEST`]: from the `PATH`, else the
/// newest of those that packages of Debian and Red Hat keep off it.
pub fn programs() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| ["initdb", "pg_ctl"].iter().all(|name| folder.join(name).is_file());
    let versioned = |folder: &PathBuf| Some((version(folder)?, folder.clone()));
    let new_enough = |found: &(u32, PathBuf)| found.0 >= OLDEST;
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter(complete).filter_map(|folder| versioned(&folder)).find(new_enough);
    let off_path = || {
        let parents = ["/usr/lib/postgresql", "/usr"].into_iter().filter_map(|parent| fs::read_dir(parent).ok());
        let folders = parents.flatten().flatten().map(|entry| entry.path().join("bin"));
        folders.filter(complete).filter_map(|folder| versioned(&folder)).filter(new_enough).max()
    };
    on_path.or_else(off_path).map(|(_, folder)| folder)
}

fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → 15
fn major(line: &str) -> Option<u32> {
    let (_, version) = line.split_once("(PostgreSQL) ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Three, all different: between here and the start somebody else may take one.
fn free_ports() -> io::Result<Vec<u16>> {
    let listeners: io::Result<Vec<TcpListener>> = (0..3).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    listeners?.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// `PATH` with the folder in front.
pub(crate) fn with_front(folder: &Path) -> Result<OsString, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).map_err(|error| format!("PATH: {error}"))
}

/// Makes the folder, which must be new, for its owner alone; sets the command to run as that owner,
/// in a process group that a Ctrl-C of the terminal does not reach.
#[cfg(unix)]
fn make_folder(folder: &Path, command: &mut Command) -> io::Result<()> {
    use std::os::unix::{fs::DirBuilderExt as _, process::CommandExt as _};
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    command.process_group(0);
    if id(&["-u"]) != Some(0) {
        return Ok(());
    }
    // Debian's package makes the first; the second is everywhere.
    let ids = ["postgres", "nobody"].iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)));
    let (user, group) = ids.ok_or_else(|| io::Error::other("root without a user postgres or nobody to run it as"))?;
    command.uid(user).gid(group);
    std::os::unix::fs::chown(folder, Some(user), Some(group))
}

#[cfg(not(unix))]
fn make_folder(_: &Path, _: &mut Command) -> io::Result<()> {
    Err(io::Error::other("a private PostgreSQL needs a Unix; leave these tests out by --no-postgres"))
}

/// What `id` answers, where it answers a number.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Whether this runs as root.
pub(crate) fn is_root() -> bool {
    id(&["-u"]) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (line, wanted) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres (PostgreSQL) devel", None),
            ("", None),
        ] {
            assert_eq!(major(line), wanted, "{line}");
        }
    }

    #[test]
    fn ports_differ() {
        let mut ports = free_ports().unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 3);
    }
}
