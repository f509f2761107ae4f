//! Structured logs on standard error: text on a terminal, JSON otherwise.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// actix tells of every malformed request, which anybody can send, and of its own start.
const DEFAULT: &str = "info,actix_http=off,actix_server=warn";

/// Starts logging. `OSAYCORE_LOG` filters, as tracing's `EnvFilter` reads it; `info` by default, but for the framework's own.
pub(crate) fn start(format: Option<LogFormat>) {
    let filter = EnvFilter::try_from_env("OSAYCORE_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    // What cannot be written would be told there: `eprintln!` panics where nobody reads any more.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let terminal = std::io::stderr().is_terminal();
    // Set twice, as in a test that serves twice, the first stays.
    let _ = match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => builder.with_ansi(terminal).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
}
