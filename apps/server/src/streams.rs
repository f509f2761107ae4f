//! Who listens for changes of flags: channels that tell nothing else, and how many may listen at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

/// The most listeners of a server; each holds a connection.
const MOST: usize = 1_000;
/// The most of one app, so that none keeps the others out.
const MOST_OF_AN_APP: usize = MOST / 2;

/// The name of a channel, made of the secret or the hash of the evaluation key that its listener was let in by: it goes
/// into a URL, so nothing follows from it, and it ends with what it was made of.
pub(crate) fn channel(credential: &[u8]) -> Arc<str> {
    let digest = Sha256::new().chain_update(b"osaycore: changes of flags\0").chain_update(credential).finalize();
    hex::encode(digest).into()
}

/// The listeners of this server.
pub(crate) struct Streams {
    places: Arc<Places>,
    stopping: watch::Sender<bool>,
}

type Places = Mutex<HashMap<i64, usize>>;

/// A listener's place, free again when it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    app_id: i64,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self { places: Arc::default(), stopping: watch::Sender::new(false) }
    }

    /// A place for one more listener of the app; none while all are taken.
    pub(crate) fn enter(&self, app_id: i64) -> Option<Place> {
        let mut taken = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= MOST {
            return None;
        }
        let of_app = taken.entry(app_id).or_default();
        if *of_app >= MOST_OF_AN_APP {
            return None;
        }
        *of_app = of_app.saturating_add(1);
        Some(Place { places: Arc::clone(&self.places), app_id })
    }

    /// How many listen.
    pub(crate) fn count(&self) -> usize {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Becomes true when the server stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Ends all of them, those that come now as well.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_app) = taken.get_mut(&self.app_id) {
            *of_app = of_app.saturating_sub(1);
        }
        taken.retain(|_, count| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_free_again() {
        let streams = Streams::new();
        let enter = |app_id| std::iter::from_fn(|| streams.enter(app_id)).take(2 * MOST).collect::<Vec<_>>();
        let first = enter(1);
        assert_eq!(first.len(), MOST_OF_AN_APP);
        let second = enter(2);
        assert_eq!(first.len() + second.len(), MOST);
        assert!(streams.enter(3).is_none());
        drop(first);
        assert_eq!(enter(3).len(), MOST_OF_AN_APP);
        drop(second);
        assert!(streams.places.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn a_channel_is_of_its_credential() {
        assert_eq!(channel(b"a"), channel(b"a"));
        assert_ne!(channel(b"a"), channel(b"b"));
        assert_ne!(*channel(b"a"), *hex::encode(Sha256::digest(b"a")), "it is not what is kept of a key");
    }
}
