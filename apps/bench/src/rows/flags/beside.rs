//! Rows 7 and 8: our engine beside those of others.
//!
//! Ours has the features by its import from Unleash's format, Unleash's engine as they are: the same strategies in the
//! same order with the same hash. The two must agree on every feature for a thousand users before the clock starts.

use std::hint::black_box;

use anyhow::Context as _;
use osaycore_flags::{FlagSet, Reason, import};

use super::features::{User, client_features, name};
use super::others::{Eppo, LaunchDarkly, Unleash};
use super::{NOW_US, compiled};
use crate::bench::Bench;
use crate::measure::{Figure, in_process};
use crate::rows::Measured;

const USERS: usize = 1_000;
const FEATURES: usize = 100;

/// Row 7: the first of the features.
pub(in crate::rows) fn one_flag(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (set, unleash) = agreeing(1)?;
    let key = name(0);
    // For information: the same rules, written as these engines want them. They hash otherwise, so that the user must be
    // in the percentage of all.
    let others = |user: &User| anyhow::Ok((LaunchDarkly::new(&key, user)?, Eppo::new(&key, user)?));
    let taken = by_the_fifth(&set).find_map(|user| {
        let others = others(&user);
        others.map(|(one, other)| (one.is_on() && other.is_on(&key)).then_some((user, one, other))).transpose()
    });
    let (user, launchdarkly, eppo) = taken.context("the fifth rule takes a user everywhere")??;
    let ours = || set.evaluate(black_box(&key), black_box(&user), NOW_US).is_some_and(|it| it.enabled);
    let asked = Unleash::context(&user);
    let (figure, reference) =
        in_process(&bench.extent, ours, || unleash.is_enabled(black_box(&key), black_box(&asked)));
    let beside_launchdarkly = in_process(&bench.extent, ours, || launchdarkly.is_on());
    let beside_eppo = in_process(&bench.extent, ours, || eppo.is_on(black_box(&key)));
    let note = format!(
        "by turns with us, launchdarkly-server-sdk-evaluation {}, eppo_core {}",
        beside(&beside_launchdarkly),
        beside(&beside_eppo),
    );
    Ok(Measured { ours: figure, reference: Some(reference), note: Some(note) })
}

/// Row 8. Theirs gathers names and answers in a map, ours gives them one by one.
pub(in crate::rows) fn every_flag(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (set, unleash) = agreeing(FEATURES)?;
    let user = by_the_fifth(&set).next().context("the fifth rule of the first feature takes a user")?;
    let ours = || {
        let mut on = 0_usize;
        for (key, answer) in set.evaluate_all(black_box(&user), NOW_US) {
            black_box(key);
            on = on.saturating_add(usize::from(black_box(answer).enabled));
        }
        on
    };
    let asked = Unleash::context(&user);
    let (figure, reference) = in_process(&bench.extent, ours, || unleash.resolve_all(black_box(&asked)));
    let gathered = || set.evaluate_all(black_box(&user), NOW_US).collect::<Vec<_>>();
    let (gathered, _) = in_process(&bench.extent, gathered, || ());
    let note = format!("{} of {FEATURES} are on; ours gathered in a list {:.1} µs", ours(), gathered.value / 1_000.0);
    Ok(Measured { ours: figure, reference: Some(reference), note: Some(note) })
}

/// Users who fail the first four rules of the first feature and are in the percentage of the fifth.
fn by_the_fifth(set: &FlagSet) -> impl Iterator<Item = User> {
    let reason = |user: &User| set.evaluate(&name(0), user, NOW_US).map(|answer| answer.reason);
    (0..USERS).map(User::new).filter(move |user| reason(user) == Some(Reason::Split))
}

fn beside((ours, theirs): &(Figure, Figure)) -> String {
    format!("{:.0} ns ({:.1} ×)", theirs.value, theirs.value / ours.value)
}

/// Both engines with the same features, after they gave the same answers.
fn agreeing(count: usize) -> anyhow::Result<(FlagSet, Unleash)> {
    let features = client_features(count);
    let import = import::unleash(&features.to_string())?;
    anyhow::ensure!(import.notes.is_empty(), "everything carries over: {:?}", import.notes);
    let set = compiled(&serde_json::to_value(&import.file)?)?;
    let unleash = Unleash::new(features)?;
    for number in 0..USERS {
        let user = User::new(number);
        let theirs = unleash.enabled(&Unleash::context(&user))?;
        let ours = set.evaluate_all(&user, NOW_US).map(|(key, answer)| (key.to_owned(), answer.enabled)).collect();
        anyhow::ensure!(theirs == ours, "they do not agree on user {number}");
    }
    Ok((set, unleash))
}
