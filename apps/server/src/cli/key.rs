//! `osaycore key`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use osaycore_jwt::Algorithm;

use super::output::{optional, table, tell, timestamp};
use super::session::Session;
use crate::admin::keys;
use crate::config::write_key_file;
use crate::sealing::{MasterKey, Sealer};
use crate::store::jwt_keys;

#[derive(Subcommand)]
pub(super) enum Key {
    /// Replace a key; what is in use goes on working
    #[command(subcommand)]
    Rotate(Rotate),
    /// Refuse every token of a key from now on: it leaked
    Drop {
        /// The key, as `key list` names it; not the one that issues
        kid: String,
    },
    /// List the keys that sign user tokens
    List,
}

#[derive(Subcommand)]
pub(super) enum Rotate {
    /// Seal every secret under a new master key
    Master {
        /// Where to write the new key, when the present one comes from the environment
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
    },
    /// Sign user tokens with a new key; tokens of the old one are good until they expire
    Jwt {
        /// `HS256`, `EdDSA` or `RS256` [default: as before]
        #[arg(long, value_parser = algorithm)]
        algorithm: Option<Algorithm>,
        /// Seconds that it is published before it issues [default: 5, and 600 where others verify by the public key]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=604_800))]
        lead_seconds: Option<i64>,
    },
}

impl Key {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Rotate(Rotate::Jwt { algorithm, lead_seconds }) => {
                let made = keys::Made::new(match algorithm {
                    Some(algorithm) => algorithm,
                    None => session.read(keys::current_algorithm)?,
                })?;
                let kid =
                    session.write_sealed(|tx, by, sealer| keys::rotate_jwt(tx, sealer, by, &made, lead_seconds))?;
                session.output.show(&serde_json::json!({ "kid": kid }), || format!("kid  {kid}"))
            }
            Self::Rotate(Rotate::Master { new_key_file }) => {
                match (&session.config.master_key, session.config.key_file(), new_key_file) {
                    (Some(old), _, Some(file)) => from_environment(session, old, &file),
                    (Some(_), _, None) => bail!(
                        "the master key comes from OSAYCORE_MASTER_KEY: say with --new-key-file FILE where to write \
                         the new one"
                    ),
                    (None, Some(file), None) => in_file(session, &file),
                    (None, Some(file), Some(_)) => {
                        bail!("the master key is in {}, which is rewritten: leave --new-key-file out", file.display())
                    }
                    (None, None, _) => bail!("there is no master key"),
                }
            }
            Self::Drop { kid } => {
                session.write(|tx, by| keys::drop_jwt(tx, by, &kid))?;
                session.output.show(&serde_json::json!({ "dropped": kid }), || format!("dropped {kid}"))
            }
            Self::List => list(session),
        }
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::named(name).ok_or_else(|| "HS256, EdDSA or RS256".to_owned())
}

/// The file has both keys while secrets are sealed anew, so that nobody is without the right one at any moment.
fn in_file(session: &Session, file: &Path) -> anyhow::Result<()> {
    let new = MasterKey::generate();
    let mut both = vec![new.clone()];
    both.extend(read(file)?);
    write_key_file(file, &both)?;
    let sealed = reseal(session, &new, both.get(1..).unwrap_or_default())?;
    write_key_file(file, std::slice::from_ref(&new))?;
    session.output.show(&serde_json::json!({ "resealed": sealed }), || {
        format!("{sealed} secrets are sealed under the new key in {}", file.display())
    })?;
    session
        .output
        .note("a backup made before needs the key of its time; running servers read the file again by themselves");
    Ok(())
}

fn from_environment(session: &Session, old: &MasterKey, file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        bail!("{} is there already: choose a new name", file.display());
    }
    let new = MasterKey::generate();
    write_key_file(file, std::slice::from_ref(&new))?;
    let sealed = reseal(session, &new, std::slice::from_ref(old))?;
    let answer = serde_json::json!({ "resealed": sealed, "new_key_file": file.display().to_string() });
    session.output.show(&answer, || format!("{sealed} secrets are sealed under the new key in {}", file.display()))?;
    tell(&format!(
        "now unset OSAYCORE_MASTER_KEY, set OSAYCORE_MASTER_KEY_FILE={} (or OSAYCORE_MASTER_KEY to its content), and \
         restart every server now: they go on with what they have read and see no change until then, and second factors \
         do not work meanwhile",
        file.display()
    ));
    Ok(())
}

fn reseal(session: &Session, new: &MasterKey, old: &[MasterKey]) -> anyhow::Result<usize> {
    let sealer = Sealer::new(new.clone(), old.to_vec());
    session.write_locked(|connection, by| keys::reseal(connection, &sealer, by))
}

fn read(file: &Path) -> anyhow::Result<Vec<MasterKey>> {
    let text = zeroize::Zeroizing::new(
        std::fs::read_to_string(file).with_context(|| format!("master key file {}", file.display()))?,
    );
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(MasterKey::from_hex).collect::<Result<_, _>>()?)
}

fn list(session: &Session) -> anyhow::Result<()> {
    let keys = session.database.read(jwt_keys::list)?;
    session.output.show(&keys, || {
        let cells = |key: &jwt_keys::KeyInfo| {
            vec![
                key.kid.clone(),
                key.algorithm.clone(),
                key.state.clone(),
                timestamp(key.created_at_us),
                timestamp(key.active_from_us),
                optional(key.drop_after_us.map(timestamp)),
            ]
        };
        table(
            &["kid", "algorithm", "state", "created", "active from", "dropped"],
            &keys.iter().map(cells).collect::<Vec<_>>(),
        )
    })
}
