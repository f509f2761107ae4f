//! The rate limit of an app: one for all servers together, of which each serves its share.
//!
//! An app may save up a second's worth of requests: after a pause that many are accepted at once, and then as many as its
//! limit each second. The shares add up, so both hold over all servers as they would with one.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// Which part of every limit is this server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// From 0, in an order that all servers have.
    position: u32,
    servers: u32,
}

impl Share {
    /// That of `server` among those that give a sign of life. It is there itself, if its own is late.
    pub(crate) fn of(server: &str, living: &[String]) -> Self {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        match living.iter().position(|name| name == server) {
            Some(position) => Self { position: count(position), servers: count(living.len()) },
            None => Self { position: count(living.len()), servers: count(living.len()).saturating_add(1) },
        }
    }

    /// How many servers share.
    pub(crate) fn servers(self) -> u32 {
        self.servers
    }

    /// Its part of an app's limit: at least one, and over all servers the limit itself. The remainder goes to other
    /// servers for another app.
    pub(crate) fn of_limit(self, limit: u32, app_id: i64) -> NonZeroU32 {
        let servers = self.servers.max(1);
        let turn = i64::from(self.position).wrapping_add(app_id).rem_euclid(i64::from(servers));
        let one_more = turn < i64::from(limit % servers);
        NonZeroU32::new((limit / servers).saturating_add(u32::from(one_more))).unwrap_or(NonZeroU32::MIN)
    }
}

/// What has been accepted of an app, here.
pub(crate) struct Limiter<C: Clock = DefaultClock> {
    per_second: NonZeroU32,
    accepted: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
}

impl<C: Clock> Limiter<C> {
    /// With a second's worth saved up.
    pub(crate) fn new(per_second: NonZeroU32, clock: C) -> Self {
        let accepted = RateLimiter::direct_with_clock(Quota::per_second(per_second), clock);
        Self { per_second, accepted: accepted.with_middleware() }
    }

    /// The same app with another limit, or another share of it: what it has saved up stays in proportion. So a server
    /// that comes or goes lets no app have more at the others.
    pub(crate) fn succeeding(before: &Self, per_second: NonZeroU32, clock: C) -> Self {
        let next = Self::new(per_second, clock);
        let saved = before.accepted.check().map_or(0, |state| state.remaining_burst_capacity().saturating_add(1));
        let kept = u64::from(saved).saturating_mul(per_second.get().into()) / u64::from(before.per_second.get());
        let spent = per_second.get().saturating_sub(u32::try_from(kept).unwrap_or(u32::MAX));
        if let Some(spent) = NonZeroU32::new(spent) {
            // It has just been made with room for so many.
            let _ = next.accepted.check_n(spent);
        }
        next
    }

    pub(crate) fn per_second(&self) -> NonZeroU32 {
        self.per_second
    }

    /// Accepts one request, or says how long to wait.
    pub(crate) fn check(&self) -> Result<(), Duration> {
        let refused = |until: governor::NotUntil<C::Instant>| until.wait_time_from(self.accepted.clock().now());
        self.accepted.check().map(drop).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn living(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn limiter(per_second: u32, clock: &FakeRelativeClock) -> Limiter<FakeRelativeClock> {
        Limiter::new(NonZeroU32::new(per_second).unwrap(), clock.clone())
    }

    /// How many of very many requests at this moment are accepted.
    fn accepted(limiter: &Limiter<FakeRelativeClock>) -> usize {
        (0..100_000).take_while(|_| limiter.check().is_ok()).count()
    }

    #[test]
    fn the_shares_of_a_limit_add_up_to_it() {
        for servers in 1..=7_u32 {
            let names: Vec<String> = (0..servers).map(|server| server.to_string()).collect();
            for (limit, app_id) in [(servers, 1001), (10, 1001), (10, 1002), (10_000, 1003), (1_000_000, -5)] {
                let parts: Vec<u32> =
                    names.iter().map(|name| Share::of(name, &names).of_limit(limit, app_id).get()).collect();
                assert_eq!(parts.iter().sum::<u32>(), limit, "{limit} over {servers}: {parts:?}");
                assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1, "{parts:?}");
            }
        }
        let first = |app_id| Share::of("a", &living(&["a", "b"])).of_limit(3, app_id).get();
        assert_eq!((first(1002), first(1003)), (2, 1), "the remainder is not always the same server's");
    }

    #[test]
    fn a_server_has_at_least_one_and_counts_itself() {
        assert_eq!(Share::of("c", &living(&["a", "b", "c"])).of_limit(1, 0).get(), 1);
        assert_eq!(Share::of("c", &living(&["a", "b"])), Share { position: 2, servers: 3 });
        assert_eq!(Share::of("c", &[]).of_limit(7, 0).get(), 7);
    }

    #[test]
    fn the_whole_limit_is_served_and_not_more_whatever_comes_and_goes() {
        const LIMIT: u32 = 30;
        let clock = FakeRelativeClock::default();
        let mut servers = vec![limiter(LIMIT, &clock)];
        let mut total = accepted(&servers[0]);
        assert_eq!(total, 30, "a second's worth is saved up");
        for (second, count) in [1, 2, 3, 2, 1, 5, 1].into_iter().enumerate() {
            let share = NonZeroU32::new(LIMIT / count).unwrap();
            let before = servers[0].per_second();
            servers = (0..count).map(|_| Limiter::succeeding(&servers[0], share, clock.clone())).collect();
            assert_eq!(servers.iter().map(accepted).sum::<usize>(), 0, "{before} → {share}: nothing was saved up");
            clock.advance(Duration::from_secs(1));
            total += servers.iter().map(accepted).sum::<usize>();
            assert_eq!(total, 30 * (second + 2), "{count} servers");
        }
    }

    #[test]
    fn what_is_saved_up_stays_in_proportion() {
        let clock = FakeRelativeClock::default();
        let before = limiter(100, &clock);
        for _ in 0..60 {
            before.check().unwrap();
        }
        let (half, twice) = (NonZeroU32::new(50).unwrap(), NonZeroU32::new(200).unwrap());
        let halved = Limiter::succeeding(&before, half, clock.clone());
        assert_eq!(accepted(&halved), 20);
        assert!(halved.check().unwrap_err() <= Duration::from_millis(20));
        assert_eq!(accepted(&Limiter::succeeding(&limiter(100, &clock), twice, clock)), 200);
    }
}
