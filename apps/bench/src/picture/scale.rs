//! Where a value lies on an axis, and which values are written beside it.

/// An axis of a panel: values between two bounds, evenly or by their logarithms, onto pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) kind: Kind,
    pub(super) least: f64,
    pub(super) most: f64,
    /// Where `least` lies.
    pub(super) start: f64,
    /// Where `most` lies; on a vertical axis it is above.
    pub(super) end: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Linear,
    Logarithmic,
}

impl Scale {
    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let of = |value: f64| match self.kind {
            Kind::Linear => value,
            Kind::Logarithmic => value.log2(),
        };
        let share = (of(value) - of(self.least)) / (of(self.most) - of(self.least));
        self.start + share * (self.end - self.start)
    }
}

/// From 0 in steps of 1, 2 or 5 times a power of ten, up to the first that is not below `most`: as many as are read
/// with ease.
pub(super) fn even_ticks(most: f64) -> Vec<f64> {
    const STEPS: f64 = 6.0;
    let least_step = most.max(1.0) / STEPS;
    let decade = 10_f64.powf(least_step.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().map(|times| times * decade).find(|step| *step >= least_step);
    let step = step.unwrap_or(10.0 * decade);
    let mut ticks = vec![0.0];
    let mut next = 0.0;
    while next < most {
        next += step;
        ticks.push(next);
    }
    ticks
}

/// 1, 2 and 5 times powers of ten: from the last that is not above `least` to the first that is not below `most`.
pub(super) fn logarithmic_ticks(least: f64, most: f64) -> Vec<f64> {
    let first = 10_f64.powf(least.log10().floor());
    let mut ticks = Vec::new();
    let mut decade = first;
    while ticks.last().is_none_or(|last| *last < most) {
        for tick in [1.0, 2.0, 5.0].map(|times| times * decade) {
            if ticks.last().is_none_or(|last| *last < most) {
                ticks.push(tick);
            }
        }
        decade *= 10.0;
    }
    while ticks.get(1).is_some_and(|second| *second <= least) {
        ticks.remove(0);
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_lie_at_the_ends() {
        let axis = |kind, least, most| Scale { kind, least, most, start: 300.0, end: 100.0 };
        for (scale, value, pixel) in [
            (axis(Kind::Linear, 0.0, 10.0), 0.0, 300.0),
            (axis(Kind::Linear, 0.0, 10.0), 2.5, 250.0),
            (axis(Kind::Linear, 0.0, 10.0), 10.0, 100.0),
            (axis(Kind::Logarithmic, 1.0, 16.0), 1.0, 300.0),
            (axis(Kind::Logarithmic, 1.0, 16.0), 4.0, 200.0),
            (axis(Kind::Logarithmic, 1.0, 16.0), 16.0, 100.0),
        ] {
            assert!((scale.at(value) - pixel).abs() < 1e-9, "{scale:?} {value}");
        }
    }

    #[test]
    fn even_ticks_are_round_and_cover_all() {
        assert_eq!(even_ticks(12_000.0), [0.0, 2_000.0, 4_000.0, 6_000.0, 8_000.0, 10_000.0, 12_000.0]);
        assert_eq!(even_ticks(12_001.0), [0.0, 5_000.0, 10_000.0, 15_000.0]);
        assert_eq!(even_ticks(900.0), [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
        assert_eq!(even_ticks(0.0), [0.0]);
    }

    #[test]
    fn logarithmic_ticks_cover_all() {
        assert_eq!(logarithmic_ticks(150.0, 4_000.0), [100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0]);
        assert_eq!(logarithmic_ticks(600.0, 10_000.0), [500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0]);
        assert_eq!(logarithmic_ticks(200.0, 201.0), [200.0, 500.0]);
    }
}
