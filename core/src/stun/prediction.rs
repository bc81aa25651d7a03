//! The next port of a NAT that counts: several ports in a row, one step apart.

/// The largest step that is taken for counting rather than chance. A random pair of steps agrees
/// within it once in about 64 thousand.
const STEP_MAX: i32 = 16;
/// Fewer ports prove nothing.
const PORTS_MIN: usize = 3;

/// The constant step between `ports`, which one socket was mapped to on its first datagram to each
/// of several destinations, in that order. `None` with fewer than three, if they are all the same
/// (then there is nothing to predict), or if the steps differ or are large. Counting wraps around
/// at the end of the port range only in NATs that use all of it, and is not followed.
pub(crate) fn port_step(ports: &[u16]) -> Option<i32> {
    if ports.len() < PORTS_MIN {
        return None;
    }
    let mut steps = ports.windows(2).map(|pair| i32::from(pair[1]) - i32::from(pair[0]));
    let first = steps.next()?;
    let is_counting = first != 0 && first.abs() <= STEP_MAX && steps.all(|step| step == first);
    is_counting.then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_constant_small_and_not_zero() {
        for (ports, step) in [
            (&[4000, 4001, 4002][..], Some(1)),
            (&[4000, 4002, 4004, 4006], Some(2)),
            (&[4000, 3999, 3998], Some(-1)),
            (&[4000, 4016, 4032], Some(16)),
            (&[4000, 4017, 4034], None),
            (&[4000, 3980, 3960], None),
            (&[4000, 4001], None),
            (&[], None),
            (&[4000, 4000, 4000], None),
            (&[4000, 4001, 4003], None),
            (&[4000, 4001, 4002, 4001], None),
            (&[65_534, 65_535, 0], None),
            (&[0, 65_535, 0], None),
        ] {
            assert_eq!(port_step(ports), step, "{ports:?}");
        }
    }
}
