//! Plans from numbers: that they hold is tried with thousands of them by `cargo xtask test`, step
//! `world`; here only what they are.

use pinhole_tests::world::plan::{Plan, What, play, shrink};

#[test]
fn plans_hold_all_kinds_of_things() {
    let plans: Vec<Plan> = (0..2_000).map(Plan::draw).collect();
    let parts = || plans.iter().flat_map(|plan| &plan.parts).map(|(_, part)| &part.what);
    let faults: std::collections::BTreeSet<String> = parts()
        .filter_map(|what| match what {
            What::Fault(fault) => Some(format!("{fault:?}")),
            What::Viewer(..) | What::Attack(..) => None,
        })
        .map(|text| text.split(['(', ' ']).next().unwrap().to_owned())
        .collect();
    let attacks = parts().filter(|what| matches!(what, What::Attack(..))).count();
    let viewers = parts().filter(|what| matches!(what, What::Viewer(..))).count();

    assert_eq!(faults.len(), 12, "{faults:?}");
    assert!(attacks > 300 && viewers > 3_000, "{attacks} attacks, {viewers} viewers");
    assert!(plans.iter().any(|plan| plan.end.as_secs() > 600), "long ones");
}

#[test]
fn parts_can_be_left_out_and_the_command_says_which() {
    let plan = (0..).map(Plan::draw).find(|plan| plan.parts.len() > 3).unwrap();
    let all = plan.parts.len();

    let smaller = plan.clone().without(&[1, 2]);

    assert_eq!(smaller.parts.len(), all - 2);
    let command = format!("cargo xtask world --seed {} --without 1,2", plan.seed);
    assert_eq!(smaller.command(all), command);
    assert_eq!(plan.command(all), format!("cargo xtask world --seed {}", plan.seed));
}

#[test]
fn a_world_that_holds_has_a_tally_and_nothing_to_shrink() {
    let plan = Plan::draw(3);
    let tally = play(&plan);

    assert!(tally.viewers > 0 && tally.datagrams > 0 && tally.time >= plan.end, "{tally:?}");
    assert!(shrink(&plan).is_none());
}

/// Seeds in which something did not hold once (docs/world.md says what); as plans are drawn today, some of them
/// are other worlds than then.
#[test]
fn worlds_that_failed_once_hold() {
    for seed in [34, 699, 7_363, 15_892, 18_098, 30_708, 46_236, 157_094, 211_037, 229_420, 529_597]
    {
        play(&Plan::draw(seed));
    }
}
