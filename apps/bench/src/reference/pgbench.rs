//! Raw PostgreSQL: `pgbench` makes the same deduction as one statement, without HTTP, checks or audit.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::postgres::Database;
use crate::server::{self, Installation};

/// Clients of `pgbench`, each with a connection.
pub(crate) const CLIENTS: usize = 16;

/// The balance with its check, and the entry: one statement, one transaction, one commit.
const DEDUCTION: &str = r"\set account random(1, :users)
WITH charged AS (
    UPDATE accounts
    SET balance = balance - 10000, lifetime_spent = lifetime_spent + 10000, entries = entries + 1
    WHERE tenant_id = 1 AND id = :account AND balance - 10000 >= floor
    RETURNING id, balance, entries
)
INSERT INTO entries (tenant_id, account_id, sequence, transaction_id, app_id, kind, amount, balance_after,
    description, reference, created_at_us)
SELECT 1, id, entries, uuid_send(gen_random_uuid()), 1001, 'DEDUCTION', -10000, balance,
    'One unit of work', gen_random_uuid()::text, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM charged;
";

const ACCOUNTS: &str = "INSERT INTO accounts \
    (tenant_id, id, balance, lifetime_earned, lifetime_spent, floor, entries) \
    SELECT 1, id, 1000000000000, 1000000000000, 0, 0, 0 FROM generate_series(1, ";

/// Row 3's reference.
pub(crate) struct PgBench {
    database: Database,
    script: PathBuf,
    users: usize,
}

/// What a run of `pgbench` says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    per_second: f64,
    done: u64,
}

impl PgBench {
    /// On an installation of its own, so that tables and indexes are the migrations', with accounts that can pay.
    pub(crate) fn create(installation: &Installation, users: usize) -> anyhow::Result<Self> {
        let server::Database::Postgres(database) = installation.database() else {
            anyhow::bail!("pgbench needs PostgreSQL");
        };
        let script = installation.folder().join("deduction.sql");
        std::fs::write(&script, DEDUCTION)?;
        database.run(&[&format!("{ACCOUNTS}{users}) AS id"), "VACUUM (ANALYZE)", "CHECKPOINT"])?;
        Ok(Self { database: database.clone(), script, users })
    }

    /// Deductions for `limit`, which `pgbench` takes in whole seconds; → how many a second, without the time it took
    /// to connect. Every one must have made its entry.
    pub(crate) fn deductions(&self, limit: Duration) -> anyhow::Result<f64> {
        let before = self.entries()?;
        let output = self.database.pgbench(arguments(&self.script, self.users, limit))?;
        let run = parse(&output).with_context(|| format!("pgbench printed: {output}"))?;
        let made = self.entries()?.saturating_sub(before);
        anyhow::ensure!(made == run.done, "pgbench counts {} deductions and made {made} entries", run.done);
        Ok(run.per_second)
    }

    /// `15.18 (Debian 15.18-0+deb12u1)`, of the server.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        Ok(self.database.run(&["SHOW server_version"])?.trim().to_owned())
    }

    fn entries(&self) -> anyhow::Result<u64> {
        Ok(self.database.run(&["SELECT count(*) FROM entries"])?.trim().parse()?)
    }
}

fn arguments(script: &Path, users: usize, limit: Duration) -> Vec<String> {
    let seconds = limit.as_secs().saturating_add(u64::from(limit.subsec_nanos() > 0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(CLIENTS);
    vec![
        "--no-vacuum".to_owned(),
        "--protocol=prepared".to_owned(),
        format!("--client={CLIENTS}"),
        format!("--jobs={threads}"),
        format!("--time={seconds}"),
        format!("--define=users={users}"),
        format!("--file={}", script.display()),
    ]
}

/// Reads `number of transactions actually processed: 4412` and `tps = 882.123456 (without initial connection time)`.
fn parse(output: &str) -> Option<Run> {
    let after = |name: &str| output.lines().find_map(|line| line.strip_prefix(name));
    let per_second = after("tps = ")?.split(' ').next()?.parse().ok()?;
    let done = after("number of transactions actually processed: ")?.split('/').next()?.trim().parse().ok()?;
    Some(Run { per_second, done })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_figures_are_read() {
        let output = "pgbench (15.18)\ntransaction type: deduction.sql\nnumber of clients: 16\nduration: 1 s\n\
            number of transactions actually processed: 4412\nnumber of failed transactions: 0 (0.000%)\n\
            latency average = 3.625 ms\ninitial connection time = 20.306 ms\n\
            tps = 4413.250000 (without initial connection time)\n";
        assert_eq!(parse(output), Some(Run { per_second: 4413.25, done: 4412 }));
        assert_eq!(parse("pgbench (15.18)\n"), None);
        assert_eq!(parse("tps = none\nnumber of transactions actually processed: 1\n"), None);
    }

    #[test]
    fn part_of_a_second_becomes_a_whole_one() {
        let time = |limit| arguments(Path::new("a"), 1, limit).into_iter().find(|it| it.starts_with("--time="));
        assert_eq!(time(Duration::from_millis(500)).unwrap(), "--time=1");
        assert_eq!(time(Duration::from_millis(1_500)).unwrap(), "--time=2");
        assert_eq!(time(Duration::from_secs(5)).unwrap(), "--time=5");
    }
}
