//! Rows 15 and 16: the console where much is stored.

use crate::bench::Bench;
use crate::load::{Exhausted, closed_loop};
use crate::measure::{Extent, Figure, Unit, float};
use crate::report;
use crate::rows::Measured;
use crate::visitor::Visitor;

/// Each list by its first page, by filters that choose an index and one that does not, and by a page far behind.
const LISTS: &[(&str, usize)] = &[
    ("/console/users", 0),
    ("/console/users", DEEP),
    ("/console/users?search=user-9", 0),
    ("/console/credits", 0),
    ("/console/credits", DEEP),
    ("/console/credits?kind=BONUS", 0),
    ("/console/credits?user=user-0", 0),
    ("/console/audit", 0),
    ("/console/audit", DEEP),
    ("/console/audit?action=user.created", 0),
    ("/console/audit?user=user-0", 0),
];
/// Pages before the one that is far behind: of 50 rows each.
const DEEP: usize = 100;

/// Row 15. The figures are those of the list that grew by most.
pub(super) fn lists(bench: &mut Bench) -> anyhow::Result<Measured> {
    let (few, many) = (bench.few_rows()?, bench.many_rows()?);
    let (mut here, mut there) = (Visitor::of(&many, "lists")?, Visitor::of(&few, "lists")?);
    let extent = Extent { round: bench.extent.round / 4, warm_up: bench.extent.warm_up / 4, ..bench.extent };
    let (mut worst, mut told): (Option<(f64, Measured)>, Vec<String>) = (None, Vec::new());
    for &(list, pages) in LISTS {
        let (ours, theirs) = (here.behind(list, pages)?, there.behind(list, pages)?);
        let (ours, reference) = extent.by_turns(
            |limit| closed_loop(many.process.address, 1, here.request(&ours), Exhausted::Repeat, limit),
            |limit| closed_loop(few.process.address, 1, there.request(&theirs), Exhausted::Repeat, limit),
        )?;
        let (ours, reference) = (Figure::median_latency(&ours)?, Figure::median_latency(&reference)?);
        let ratio = ours.value / reference.value;
        let place = if pages == 0 { String::new() } else { format!(", page {}", DEEP.saturating_add(1)) };
        told.push(format!("{list}{place} {:.1} ms ({ratio:.2})", ours.value / 1_000.0));
        if worst.as_ref().is_none_or(|(most, _)| ratio > *most) {
            worst = Some((ratio, Measured { ours, reference: Some(reference), note: None }));
        }
    }
    let (_, worst) = worst.ok_or_else(|| anyhow::anyhow!("no lists"))?;
    let rows = report::thousands(float(bench.extent.many_rows));
    Ok(Measured { note: Some(format!("{rows} users and as many entries; {}", told.join("; "))), ..worst })
}

/// Row 16: from asking to the last byte of the overview, its style and its script, one after the other.
pub(super) fn first_screen(bench: &mut Bench) -> anyhow::Result<Measured> {
    let many = bench.many_rows()?;
    let mut visitor = Visitor::of(&many, "overview")?;
    let page = visitor.page("/console")?;
    let assets: Vec<&str> = page.split('"').filter(|text| text.starts_with("/console/assets/")).collect();
    anyhow::ensure!(assets.len() == 2, "the overview loads {assets:?}");
    let mut bytes = page.len();
    for asset in &assets {
        bytes = bytes.saturating_add(visitor.page(asset)?.len());
    }
    let extent = bench.extent;
    let paths: Vec<&str> = std::iter::once("/console").chain(assets.iter().copied()).collect();
    let mut times = Vec::with_capacity(extent.rounds);
    for _ in 0..extent.rounds {
        let mut sum = 0.0;
        for path in &paths {
            let sample =
                closed_loop(many.process.address, 1, visitor.request(path), Exhausted::Repeat, extent.round / 4)?;
            sum += Figure::median_latency(&[sample])?.value / 1_000.0;
        }
        times.push(sum);
    }
    let note = format!("{:.1} kB in {} answers, not compressed", float(u64::try_from(bytes)?) / 1_000.0, paths.len());
    Ok(Measured { ours: Figure::median(Unit::Milliseconds, times), reference: None, note: Some(note) })
}
