//! What refers to what: cycles, and how much work following the references is.

use alloc::{vec, vec::Vec};

/// References between things numbered from 0.
pub(crate) struct Graph {
    /// Evaluations that one evaluation of the thing takes, itself included; None in or behind a
    /// cycle.
    pub(crate) visits: Vec<Option<u64>>,
    /// Each cycle once, its first member repeated at the end.
    pub(crate) cycles: Vec<Vec<usize>>,
}

impl Graph {
    /// `edges[a]` holds `b` for every reference from `a` to `b`.
    pub(crate) fn new(edges: &[Vec<usize>]) -> Self {
        let mut visits: Vec<Option<u64>> = vec![None; edges.len()];
        let mut order = Vec::new();
        // Leaves first, then what refers only to what is done. No recursion: a long chain must
        // not overflow the stack before it is refused.
        let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
        let mut referrers: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
        for (from, targets) in edges.iter().enumerate() {
            for target in targets {
                if let Some(list) = referrers.get_mut(*target) {
                    list.push(from);
                }
            }
            if targets.is_empty() {
                order.push(from);
            }
        }
        while let Some(done) = order.pop() {
            let targets = edges.get(done).map(Vec::as_slice).unwrap_or_default();
            let below = targets.iter().filter_map(|target| visits.get(*target).copied().flatten());
            let total = below.fold(1_u64, u64::saturating_add);
            if let Some(slot) = visits.get_mut(done) {
                *slot = Some(total);
            }
            for referrer in referrers.get(done).into_iter().flatten() {
                if let Some(left) = waiting.get_mut(*referrer) {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        order.push(*referrer);
                    }
                }
            }
        }
        let cycles = cycles(edges, &visits);
        Self { visits, cycles }
    }
}

/// From each unfinished thing follow the first unfinished reference until a thing comes again.
fn cycles(edges: &[Vec<usize>], visits: &[Option<u64>]) -> Vec<Vec<usize>> {
    let unfinished = |at: &usize| visits.get(*at).is_some_and(Option::is_none);
    let mut seen = vec![false; edges.len()];
    let mut cycles = Vec::new();
    for start in (0..edges.len()).filter(unfinished) {
        let (mut path, mut next) = (Vec::new(), Some(start));
        while let Some(at) = next {
            if let Some(position) = path.iter().position(|passed| *passed == at) {
                let mut cycle: Vec<usize> = path.split_off(position);
                cycle.push(at);
                cycles.push(cycle);
                break;
            }
            match seen.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => break,
            }
            path.push(at);
            next = edges.get(at).and_then(|targets| targets.iter().copied().find(unfinished));
        }
    }
    cycles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_count_every_path() {
        // 3 → 1, 2; 1 → 0; 2 → 0.
        let graph = Graph::new(&[vec![], vec![0], vec![0], vec![1, 2]]);
        assert_eq!(graph.visits, [Some(1), Some(2), Some(2), Some(5)]);
        assert!(graph.cycles.is_empty());
    }

    #[test]
    fn each_cycle_once() {
        // 0 ⇄ 1, 2 → 0 (behind), 3 → 3, 4 free.
        let graph = Graph::new(&[vec![1], vec![0], vec![0], vec![3], vec![]]);
        assert_eq!(graph.cycles, [vec![0, 1, 0], vec![3, 3]]);
        assert_eq!(graph.visits, [None, None, None, None, Some(1)]);
    }
}
