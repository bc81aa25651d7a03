//! STUN and TURN servers that are dead, or whose names do not resolve: nobody waits for them.

use std::time::{Duration, Instant};

use pinhole_tests::lab::ice::{STUN, TURN_UDP};
use pinhole_tests::lab::{
    Client, DEAD_SERVER, Lab, LabConfig, LabServer, LabViewer, ViewerOptions,
};

use crate::watched::Watched;

/// What a dead server may add to an answer.
const ADDED_MAX: Duration = Duration::from_millis(5);
/// Answers that are timed, of which the median counts: one alone says more of the machine.
const ANSWERS: usize = 31;

/// A name and the flags it stands for.
type Case = (&'static str, String);

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn an_answer_waits_for_no_server_that_is_dead_or_has_no_address() {
    let lab = lab();
    let offer = offer(&lab);
    // Medians of POST /whep on the server's host, from the moment at which HTTP listens: servers are asked meanwhile.
    // The program without any server is asked by turns, so that what else the machine does slows both.
    for (name, flags) in cases() {
        let without = LabServer::start(&lab, "").unwrap();
        let with = LabServer::start(&lab, &flags).unwrap();
        let times: Vec<[Duration; 2]> = (0..ANSWERS)
            .map(|_| [answer_time(&with, &offer), answer_time(&without, &offer)])
            .collect();
        let [with, without] = [0, 1].map(|which| median(times.iter().map(|time| time[which])));

        println!("answers with {name}: {with:?}; without {without:?}");
        assert!(with < without + ADDED_MAX, "{name}: {times:?}");
    }
}

#[test]
#[ignore = "needs root: cargo xtask test --only lab"]
fn candidates_of_the_living_server_arrive_beside_dead_ones() {
    let cases = cases();
    let play = |cases: &[Case]| {
        let lab = lab();
        for (name, flags) in cases {
            lab.flush().unwrap();
            let watched =
                Watched::begin(&lab, &format!("{flags} --ice-server {TURN_UDP}"), &[STUN]);
            println!("{name}: {}", watched.pair);
            let viewer = "host 10.20.0.2 or srflx|prflx 192.0.2.20";
            watched.expect(viewer, "relay|prflx 192.0.2.1:60001-60999", "relay_udp");
        }
    };
    let (one, other) = cases.split_at(2);
    std::thread::scope(|scope| {
        scope.spawn(|| play(one));
        scope.spawn(|| play(other));
    });
}

fn lab() -> Lab {
    Lab::up("sym", "port", &LabConfig { turn: true, ..LabConfig::default() }).unwrap()
}

/// Each alone, and all together.
fn cases() -> [Case; 4] {
    let stun = format!("--ice-server stun:{DEAD_SERVER}");
    let turn = format!(
        "--ice-server turn:{DEAD_SERVER}?transport=udp,lab,lab \
         --ice-server turn:{DEAD_SERVER}?transport=tcp,lab,lab \
         --ice-server turns:{DEAD_SERVER},lab,lab"
    );
    let name = "--ice-server stun:stun.invalid --ice-server turn:turn.invalid,lab,lab".to_owned();
    let all = format!("{stun} {turn} {name}");
    [
        ("a dead STUN server", stun),
        ("a dead TURN server", turn),
        ("a name without an address", name),
        ("all of them", all),
    ]
}

fn offer(lab: &Lab) -> String {
    let options = ViewerOptions { client: Client::Aiortc, ..ViewerOptions::default() };
    LabViewer::start(lab, &options).unwrap().offer().unwrap()
}

fn answer_time(server: &LabServer<'_>, offer: &str) -> Duration {
    let begin = Instant::now();
    let session = server.whep(offer).unwrap();
    let time = begin.elapsed();
    server.delete(&session.location).unwrap();
    time
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}
