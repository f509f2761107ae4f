//! The command line: one file per noun (contract, "The command line").

mod admin;
mod admin_token;
mod app;
mod audit;
mod backup;
mod credits;
mod eval_key;
mod flag;
mod group;
mod key;
mod otp;
mod output;
mod permit;
mod provider;
mod quickstart;
mod session;
mod settings;
mod signed_in;
mod tenant;
mod user;
mod user_view;
mod yaml;

use std::process::ExitCode;

use anyhow::bail;
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use osaycore_directory::Name;

use crate::config::{Config, Layer};
use crate::routes::description;
use crate::{logging, server};
use output::Output;
use session::{Migrate, Session};

/// OsayCore: users, credits, feature flags and second factors for your apps, in one server.
#[derive(Parser)]
#[command(name = "osaycore", version, propagate_version = true, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Tenant to work on [default: default]
    #[arg(long, global = true, value_name = "NAME")]
    tenant: Option<Name>,
    /// Print one JSON object or array and nothing else
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten, next_help_heading = "Settings")]
    settings: Layer,
}

#[derive(Subcommand)]
enum Command {
    /// Print the effective configuration, secrets masked
    Config,
    /// Try it: migrate, create demo data, print keys and a signed curl, serve
    Quickstart(quickstart::Quickstart),
    /// Serve
    Serve,
    /// Bring the database up to date
    Migrate,
    /// Customers of this deployment
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Programs that call the API
    #[command(subcommand)]
    App(app::App),
    /// People with a wallet
    #[command(subcommand)]
    User(user::User),
    /// Sets of users that apps can be restricted to
    #[command(subcommand)]
    Group(group::Group),
    /// Wallets
    #[command(subcommand)]
    Credits(credits::Credits),
    /// Second factors
    #[command(subcommand)]
    Otp(otp::Otp),
    /// Feature flags
    #[command(subcommand)]
    Flag(flag::Flag),
    /// Providers that people sign in by
    #[command(subcommand)]
    Provider(provider::Provider),
    /// Tokens of the admin API
    #[command(subcommand)]
    AdminToken(admin_token::AdminToken),
    /// The audit trail
    #[command(subcommand)]
    Audit(audit::Audit),
    /// People who may sign in to the console
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Master key and token keys
    #[command(subcommand)]
    Key(key::Key),
    /// Copy the SQLite database while it is in use
    Backup(backup::Backup),
    /// Put a backup in the place of the SQLite database
    Restore(backup::Restore),
    /// Print the API as OpenAPI 3.1
    Openapi,
    /// Print a shell completion script
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Wrong usage that only shows when the command runs: exit 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(&'static str);

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let url_by_flag = matches
        .subcommand()
        .is_some_and(|(_, matches)| matches.value_source("database_url") == Some(ValueSource::CommandLine));
    let unchecked = matches!(arguments.command, Command::Credits(credits::Credits::Verify));
    match dispatch(arguments, url_by_flag) {
        Ok(code) => code,
        Err(error) => {
            output::tell(&format!("error: {error:#}"));
            match error.downcast_ref::<Usage>() {
                Some(_) => ExitCode::from(2),
                None if unchecked => ExitCode::from(credits::COULD_NOT_CHECK),
                None => ExitCode::FAILURE,
            }
        }
    }
}

/// `url_by_flag`: whether the database URL stands on the command line itself, not in the environment.
fn dispatch(arguments: Arguments, url_by_flag: bool) -> anyhow::Result<ExitCode> {
    let Arguments { command, tenant, json, settings } = arguments;
    let output = Output { json };
    if let Command::Completions { shell } = command {
        // Into memory first: the generator panics where it cannot write.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "osaycore", &mut script);
        output::print_bytes(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Openapi = command {
        output::print_bytes(description::text().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(settings)?;
    let serves = matches!(command, Command::Serve | Command::Quickstart(_));
    if serves {
        check_listen(&config.listen)?;
    }
    let open = |config: Config| {
        let migrate = if serves { Migrate::Embedded } else { Migrate::EmbeddedAloud };
        Session::open(config, tenant.clone(), output, migrate).map(|opened| opened.0)
    };
    match command {
        Command::Completions { .. } | Command::Openapi => Ok(()),
        Command::Config => show_config(&config, output),
        Command::Quickstart(quickstart) => quickstart.run(config, url_by_flag, open, output),
        Command::Serve => {
            logging::start(config.log_format);
            drop(open(config.clone())?);
            serve(config, |_| {})
        }
        Command::Migrate => migrate(Session::open(config, tenant, output, Migrate::Any)?.1, output),
        Command::Tenant(tenant) => tenant.run(&open(config)?),
        Command::App(app) => app.run(&open(config)?),
        Command::User(user) => user.run(&open(config)?),
        Command::Group(group) => group.run(&open(config)?),
        Command::Credits(credits) => return credits.run(&open(config)?),
        Command::Otp(otp) => otp.run(&open(config)?),
        Command::Flag(flag) => flag.run(&open(config)?),
        Command::Provider(provider) => provider.run(&open(config)?),
        Command::AdminToken(admin_token) => admin_token.run(&open(config)?),
        Command::Audit(audit) => audit.run(&open(config)?),
        Command::Admin(admin) => admin.run(&open(config)?),
        Command::Key(key) => key.run(&open(config)?),
        Command::Backup(backup) => backup.run(&open(config)?),
        Command::Restore(restore) => restore.run(config, open, output),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Told before a database is made for a server that cannot start.
fn check_listen(listen: &str) -> anyhow::Result<()> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    if listen.rsplit_once(':').is_some_and(|(address, port)| !address.is_empty() && is_port(port)) {
        return Ok(());
    }
    let port = listen.trim_start_matches(':');
    let example = if is_port(port) { port } else { "8080" };
    bail!("--listen {listen:?}: use ADDRESS:PORT, as in 127.0.0.1:{example}");
}

fn serve(config: Config, ready: impl FnOnce(std::net::SocketAddr)) -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(server::serve(config, ready))
}

fn show_config(config: &Config, output: Output) -> anyhow::Result<()> {
    let masked = config.masked();
    output.show(&toml::from_str::<toml::Table>(&masked)?, || masked.clone())
}

fn migrate(steps: usize, output: Output) -> anyhow::Result<()> {
    output.show(&serde_json::json!({ "steps": steps }), || match steps {
        0 => "the database is up to date".to_owned(),
        steps => format!("{steps} migration steps done"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }
}
