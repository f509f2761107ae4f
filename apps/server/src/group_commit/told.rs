//! What the work of a request has found, for its answer alone.

use std::sync::{Arc, Mutex};

use super::Work;
use crate::admin::By;
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;

/// What work has found, once it is committed. It is not kept with the signature, as an outcome is: there may be a secret
/// in it.
pub(crate) struct Told<T>(Arc<Mutex<Option<T>>>);

impl<T> Told<T> {
    /// Of two equal requests whose COMMIT was not answered one is told; the other was made before.
    pub(crate) fn take(self) -> Result<T, ApiError> {
        self.0.lock().ok().and_then(|mut found| found.take()).ok_or_else(|| Code::ReplayedRequest.into())
    }
}

/// Work that says what the guard is to keep, and what it has found.
pub(crate) fn telling<T: Send + 'static>(
    mut work: impl FnMut(&mut Tx<'_>, &By) -> Result<(&'static [u8], T), Failure> + Send + 'static,
) -> (Work, Told<T>) {
    let told = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&told);
    let call = move |tx: &mut Tx<'_>, by: &By| {
        let (outcome, found) = work(tx, by)?;
        if let Ok(mut tell) = tell.lock() {
            *tell = Some(found);
        }
        Ok(outcome.to_vec())
    };
    (Work::Call(Box::new(call)), Told(told))
}
