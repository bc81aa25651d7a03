//! Faults planted one at a time: each gives its own verdict, and the log of the program, the page, the list of sessions,
//! the metrics and `pinhole doctor` agree on it.

mod addresses;
mod breaking;
mod healthy;
mod relays;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use pinhole_tests::doctor::{EXAMINE_LIMIT, Reflect, examine};
use pinhole_tests::lab::{Host, Lab, LabConfig, LabPage, LabServer, PageOptions, TURN_ADDRESS};

/// A browser that starts beside others, the six seconds before the first word, and a verdict that must hold twice.
const SHOWN_LIMIT: Duration = Duration::from_secs(60);
/// The endpoint gathers when it starts; a server that refuses is known by then, and one that is silent by the time at
/// which a viewer that came now hears its first word.
const GATHERING: Duration = Duration::from_millis(3_000);
/// Pictures are well under way.
const PLAYING: Duration = Duration::from_secs(2);
/// Plants that grow side by side.
const AT_ONCE: usize = 3;
/// The port that `fwd` forwards.
const FORWARDED: &str = "--udp-ports 5000 --map 5000/udp=192.0.2.10:30000";

/// Something that breaks, or is about to.
type Fault = fn(&Lab) -> Result<()>;

/// One fault.
#[derive(Clone)]
struct Plant {
    name: &'static str,
    nats: (&'static str, &'static str),
    config: LabConfig,
    flags: String,
    page: PageOptions,
    /// Whether the server and the doctor have a reflector.
    reflector: bool,
    /// Before anything starts.
    before: Fault,
    /// Once the server has gathered.
    gathered: Fault,
    /// Once pictures are there; without it none are expected.
    playing: Option<Fault>,
    /// Servers with the same flags that are there before.
    others: usize,
    verdict: &'static str,
    /// What the doctor says first; `None`: that nothing keeps a viewer from connecting.
    doctor: Option<&'static str>,
}

impl Plant {
    /// Without anything else the doctor says what the session says.
    fn new(
        name: &'static str,
        nats: (&'static str, &'static str),
        flags: &str,
        verdict: &'static str,
    ) -> Plant {
        let config = LabConfig { turn: flags.contains("192.0.2.1"), ..LabConfig::default() };
        Plant {
            name,
            nats,
            config,
            flags: flags.to_owned(),
            page: PageOptions::default(),
            reflector: false,
            before: |_| Ok(()),
            gathered: |_| Ok(()),
            playing: None,
            others: 0,
            verdict,
            doctor: Some(verdict),
        }
    }

    /// Plants it, and holds everybody to the verdict.
    fn grow(&self) -> Result<String> {
        let lab = Lab::up(self.nats.0, self.nats.1, &self.config)?;
        (self.before)(&lab)?;
        let mut flags = self.flags.clone();
        let mut reflect = None;
        if self.reflector {
            let started = lab.enter(Host::Internet, || self.reflect())?;
            flags += &format!(" --reflector {} --reflector-token north", started.address);
            reflect = Some(started);
        }
        let others: Result<Vec<_>> =
            (0..self.others).map(|_| LabServer::start(&lab, &flags)).collect();
        let others = others?;
        if !others.is_empty() {
            std::thread::sleep(GATHERING);
        }
        let examined = self.examine(&lab, &flags)?;
        lab.flush()?;
        let server = LabServer::start(&lab, &flags)?;
        std::thread::sleep(GATHERING);
        (self.gathered)(&lab)?;
        let mut page = LabPage::open(&lab, &server, &self.page)?;
        if let Some(fault) = self.playing {
            page.wait_for("pictures", SHOWN_LIMIT, |shown| shown.state == "playing")?;
            std::thread::sleep(PLAYING);
            fault(&lab)?;
        }
        let (code, sentence) = match page.wait_for_verdict(SHOWN_LIMIT) {
            Ok(verdict) => verdict,
            Err(error) => bail!("{error:#}\n{}", server.log()),
        };
        self.agree(&server, &code, &sentence)?;
        drop((reflect, others));
        Ok(format!("{}: [{}] {examined}", self.name, self.verdict))
    }

    fn reflect(&self) -> Result<Reflect> {
        let words = format!("--listen {TURN_ADDRESS}:0 --token north");
        match self.config.turn_ahead {
            Some(ahead) => Reflect::start_ahead(ahead, &words),
            None => Reflect::start(&words),
        }
    }

    /// Asks the doctor; in words what it said.
    fn examine(&self, lab: &Lab, flags: &str) -> Result<String> {
        let examined = lab.enter(Host::Server, || examine(&format!("--json {flags}")))?;
        ensure!(examined.took < EXAMINE_LIMIT, "the doctor took {:?}", examined.took);
        let json = examined.json()?;
        let codes: Vec<&str> = json["verdicts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it["code"].as_str())
            .collect();
        ensure!(
            codes.first().copied() == self.doctor,
            "the doctor says {codes:?}, not {:?}: {:#}",
            self.doctor,
            json["facts"]
        );
        Ok(format!("doctor {codes:?} in {:.1} s", examined.took.as_secs_f64()))
    }

    /// Page, log, list of sessions and metrics say the same.
    fn agree(&self, server: &LabServer<'_>, code: &str, sentence: &str) -> Result<()> {
        let told = told(server);
        let log = server.log();
        ensure!(code == self.verdict, "the page says {code}: {sentence}\n{log}");
        let in_log = told.iter().all(|line| line.contains(&format!(": [{code}] {sentence}")));
        ensure!(!told.is_empty() && in_log, "the log says {told:#?}\n{log}");
        let living = server.json("/api/sessions")?;
        let ended = server.json("/api/sessions/ended")?;
        let lists = living.as_array().into_iter().chain(ended.as_array()).flatten();
        let codes: Vec<&str> = lists.filter_map(|it| it["verdict"].as_str()).collect();
        ensure!(codes.contains(&code), "the list of sessions says {codes:?}");
        let counted = |name: &&String| {
            name.starts_with("pinhole_verdicts_total{") && name.contains(&format!("\"{code}\""))
        };
        let metrics = server.metrics()?;
        ensure!(metrics.keys().any(|name| counted(&name)), "the metrics do not count {code}");
        Ok(())
    }
}

/// What the log says of viewers. It comes through a pipe, and may be behind what the page was told.
fn told(server: &LabServer<'_>) -> Vec<String> {
    let verdict = |line: &&str| line.contains("viewer ") && line.contains(": [");
    let mut told = Vec::new();
    for _ in 0..40 {
        told = server.log().lines().filter(verdict).map(str::to_owned).collect();
        if !told.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    told
}

/// Grows all of them, a few at once.
fn grow_all(plants: &[Plant]) {
    let queue = std::sync::Mutex::new(plants.iter());
    let faults = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(plant) = queue.lock().unwrap().next() else { return };
                    match plant.grow() {
                        Ok(line) => println!("{line}"),
                        Err(error) => {
                            faults.lock().unwrap().push(format!("{}: {error:#}", plant.name));
                        }
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "other verdicts than planted:\n{}", faults.join("\n"));
}
