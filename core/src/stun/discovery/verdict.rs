//! From findings to behaviours: RFC 5780 §4.3 and §4.4, without believing in silence that may have
//! other reasons.

use std::net::SocketAddr;

use super::plan::Plan;
use super::probe::Finding;
use super::report::{
    FilteringBehaviour, MappingBehaviour, NatReport, Observation, Test, Unanswered,
};
use crate::stun::port_step;

pub(super) fn report(plan: &Plan) -> NatReport {
    let mapped = plan.observations();
    let ports: Vec<u16> = mapped.iter().map(|seen| seen.mapped.port()).collect();
    let local = plan.local();
    NatReport {
        mapping: mapping(local, &mapped),
        filtering: filtering(plan),
        hairpin: hairpin(plan),
        port_preserved: (!ports.is_empty()).then(|| ports.iter().all(|at| *at == local.port())),
        port_step: port_step(&ports),
        mapped,
        unanswered: unanswered(plan),
    }
}

/// `None` if it cannot be told: nobody answered, or all that did is one address.
pub(super) fn mapping(local: SocketAddr, seen: &[Observation]) -> Option<MappingBehaviour> {
    let first = seen.first()?;
    if seen.iter().all(|one| one.mapped == local) {
        return Some(MappingBehaviour::None);
    }
    if seen.iter().all(|one| one.mapped == first.mapped) {
        let has_two = seen.iter().any(|one| one.destination.ip() != first.destination.ip());
        return has_two.then_some(MappingBehaviour::EndpointIndependent);
    }
    let mut pairs = seen.iter().enumerate().flat_map(|(index, one)| {
        let same_ip = move |other: &&Observation| other.destination.ip() == one.destination.ip();
        seen[index + 1..].iter().filter(same_ip).map(move |other| (one, other))
    });
    let has_pair = pairs.clone().next().is_some();
    Some(if has_pair && pairs.all(|(one, other)| one.mapped == other.mapped) {
        MappingBehaviour::AddressDependent
    } else {
        MappingBehaviour::AddressAndPortDependent
    })
}

fn filtering(plan: &Plan) -> FilteringBehaviour {
    let finding = |test| plan.finding(test);
    let answered = |test| matches!(finding(test), Some(Finding::Answered(_)));
    let silent = |test| finding(test) == Some(Finding::Silent);
    if answered(Test::AnswerFromOtherAddress) {
        return FilteringBehaviour::EndpointIndependent;
    }
    // The other address speaks: it was heard when asked directly, and, where our mapping allows
    // that to be tried, when the server was asked to speak from there.
    let can_speak =
        answered(Test::OtherPort) && (answered(Test::Control) || !plan.has_one_mapping());
    if !can_speak || !silent(Test::AnswerFromOtherAddress) {
        FilteringBehaviour::Unknown
    } else if answered(Test::AnswerFromOtherPort) {
        FilteringBehaviour::AddressDependent
    } else if silent(Test::AnswerFromOtherPort) {
        FilteringBehaviour::AddressAndPortDependent
    } else {
        FilteringBehaviour::Unknown
    }
}

fn hairpin(plan: &Plan) -> Option<bool> {
    let findings = [Test::HairpinFromMain, Test::HairpinToMain].map(|test| plan.finding(test));
    let [Some(one), Some(other)] = findings else { return None };
    Some(one == Finding::Heard || other == Finding::Heard)
}

fn unanswered(plan: &Plan) -> Vec<(Test, Unanswered)> {
    let why = |test| match plan.finding(test) {
        Some(Finding::Answered(_) | Finding::Heard) => None,
        Some(Finding::Refused(code)) => Some(Unanswered::Refused(code)),
        Some(Finding::Overlooked) => Some(Unanswered::Overlooked),
        Some(Finding::Silent) => Some(Unanswered::Silent),
        None => Some(Unanswered::NotAsked),
    };
    plan.tests().into_iter().filter_map(|test| Some((test, why(test)?))).collect()
}
