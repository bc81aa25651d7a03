//! The smallest part of a plan that still breaks.

use super::Plan;
use super::many::outcome;

/// Rounds after which it is small enough.
const ROUNDS_MAX: usize = 20;

/// Leaves out one part after another, as long as something does not hold; what that is may change
/// on the way. Returns the plan and its sentence, or `None` if all held from the start.
pub fn shrink(plan: &Plan) -> Option<(Plan, String)> {
    let mut broken = outcome(plan).broken?;
    let mut smallest = plan.clone();
    for _ in 0..ROUNDS_MAX {
        let numbers: Vec<usize> = smallest.parts.iter().map(|(number, _)| *number).collect();
        let mut shrank = false;
        // From the end: what comes late hangs on what came before.
        for number in numbers.into_iter().rev() {
            let smaller = smallest.clone().without(&[number]);
            if let Some(still) = outcome(&smaller).broken {
                (smallest, broken, shrank) = (smaller, still, true);
            }
        }
        if !shrank {
            break;
        }
    }
    Some((smallest, broken))
}
