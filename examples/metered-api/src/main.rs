//! `metered-api [ADDRESS]`: serves on 127.0.0.1:8089 unless told otherwise.

use std::time::{SystemTime, UNIX_EPOCH};

use metered_api::http::{Outside, Service};

fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8089".to_owned());
    let server = tiny_http::Server::http(&address).map_err(|error| anyhow::anyhow!("{address}: {error}"))?;
    eprintln!("listening on http://{}", server.server_addr());
    Service::new(Outside { now_us, id: uuid::Uuid::now_v7 })?.serve(&server);
    Ok(())
}

fn now_us() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}
