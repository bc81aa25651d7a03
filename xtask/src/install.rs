//! What the tests need beyond Rust, and how it gets onto a Debian machine. Installs only what is missing.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::run::{program, run, succeeds};
use crate::steps::Step;

/// Downloads included.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Built from nothing on two slow cores.
const TOOL_LIMIT: Duration = Duration::from_secs(30 * 60);

/// A program from a Debian package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// How it is found: program and arguments that succeed.
    check: &'static [&'static str],
    /// Its package.
    package: &'static str,
    /// The steps that cannot do without.
    steps: &'static [Step],
}

/// OpenH264 is built from C++ with assembly, by each step that compiles.
const COMPILES: &[Step] = &[
    Step::Lints,
    Step::Program,
    Step::Instructions,
    Step::Tests,
    Step::Docs,
    Step::Clients,
    Step::World,
    Step::Lab,
];

/// Those that run real clients.
const REAL: &[Step] = &[Step::Clients, Step::Lab];

const TOOLS: &[Tool] = &[
    Tool { check: &["g++", "--version"], package: "g++", steps: COMPILES },
    Tool { check: &["nasm", "-v"], package: "nasm", steps: COMPILES },
    Tool {
        check: &["ffmpeg", "-version"],
        package: "ffmpeg",
        steps: &[Step::Tests, Step::Clients],
    },
    Tool { check: &["valgrind", "--version"], package: "valgrind", steps: &[Step::Instructions] },
    Tool { check: &["sh", "-c", "command -v Xvfb"], package: "xvfb", steps: &[Step::Tests] },
    Tool { check: &["chromium", "--version"], package: "chromium", steps: REAL },
    Tool { check: &["firefox-esr", "--version"], package: "firefox-esr", steps: &[Step::Clients] },
    Tool {
        check: &["node", "--version"],
        package: "nodejs",
        steps: &[Step::Web, Step::Clients, Step::Lab],
    },
    Tool { check: &["npm", "--version"], package: "npm", steps: REAL },
    Tool { check: &["python3", "-c", "import ensurepip"], package: "python3-venv", steps: REAL },
    Tool { check: &["ip", "-V"], package: "iproute2", steps: &[Step::Lab] },
    Tool { check: &["nft", "--version"], package: "nftables", steps: &[Step::Lab] },
    Tool { check: &["conntrack", "--version"], package: "conntrack", steps: &[Step::Lab] },
    Tool { check: &["faketime", "--version"], package: "faketime", steps: &[Step::Lab] },
    Tool { check: &["openssl", "version"], package: "openssl", steps: &[Step::Lab] },
    Tool {
        check: &["sh", "-c", "command -v turnserver"],
        package: "coturn",
        steps: &[Step::Tests, Step::Lab],
    },
    // A loader and a driver that encodes nothing, for what the program says on such machines.
    Tool {
        check: &["sh", "-c", "ls /usr/lib/*/libvulkan.so.1"],
        package: "libvulkan1",
        steps: &[Step::Tests],
    },
    Tool {
        check: &["sh", "-c", "ls /usr/share/vulkan/icd.d/lvp_icd*.json"],
        package: "mesa-vulkan-drivers",
        steps: &[Step::Tests],
    },
];

/// What the chosen steps lack.
pub(crate) struct Missing {
    tools: Vec<&'static Tool>,
    /// Packages from PyPI and npm for the clients: the list and what it should be a copy of.
    lists: Vec<List>,
}

/// A list of packages in tests/clients/, and the copy that stands beside what was installed from it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Python,
    Node,
}

impl List {
    fn source(self) -> PathBuf {
        match self {
            List::Python => paths::clients().join("requirements.txt"),
            List::Node => paths::clients().join("package-lock.json"),
        }
    }

    fn installed(self) -> PathBuf {
        match self {
            List::Python => paths::target().join("venv/installed-requirements.txt"),
            List::Node => paths::clients().join("node_modules/.installed-package-lock.json"),
        }
    }

    /// A list that does not exist needs nothing.
    fn is_missing(self) -> bool {
        fs::read(self.source()).is_ok_and(|list| fs::read(self.installed()).ok() != Some(list))
    }

    fn install(self) -> Result<()> {
        match self {
            List::Python => {
                if !paths::python().exists() {
                    let venv = paths::target().join("venv");
                    let mut python = program("python3", "-m venv");
                    run(python.arg(venv), INSTALL_LIMIT)?;
                }
                let words = "-m pip install --quiet --disable-pip-version-check --requirement";
                let mut pip = program(paths::python(), words);
                run(pip.arg(self.source()), INSTALL_LIMIT)?;
            }
            List::Node => {
                let mut npm = program("npm", "ci --no-audit --no-fund --loglevel=error");
                run(npm.current_dir(paths::clients()), INSTALL_LIMIT)?;
            }
        }
        fs::copy(self.source(), self.installed()).context("noting what was installed")?;
        Ok(())
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            List::Python => "the Python packages of tests/clients/requirements.txt",
            List::Node => "the npm packages of tests/clients/package-lock.json",
        })
    }
}

impl Missing {
    /// Looks for everything that these steps need.
    pub(crate) fn of(steps: &[Step]) -> Missing {
        let needed = |tool: &&Tool| tool.steps.iter().any(|step| steps.contains(step));
        let tools = TOOLS.iter().filter(needed).filter(|tool| !tool.is_there()).collect();
        let mut lists = vec![List::Python, List::Node];
        lists.retain(|list| REAL.iter().any(|step| steps.contains(step)) && list.is_missing());
        Missing { tools, lists }
    }

    /// Looks for what a script with headless Chromium needs: neither Firefox nor Python.
    pub(crate) fn of_chromium() -> Missing {
        let mut missing = Missing::of(&[Step::Program]);
        let needed = |tool: &&Tool| ["chromium", "nodejs", "npm"].contains(&tool.package);
        missing.tools.extend(TOOLS.iter().filter(needed).filter(|tool| !tool.is_there()));
        missing.lists.extend([List::Node].into_iter().filter(|list| list.is_missing()));
        missing
    }

    /// Looks for these tools, and for the Python of the real clients if that is needed.
    pub(crate) fn of_tools(tools: &'static [Tool], python: bool) -> Missing {
        let tools = tools.iter().filter(|tool| !tool.is_there()).collect();
        let mut lists = vec![List::Python];
        lists.retain(|list| python && list.is_missing());
        Missing { tools, lists }
    }

    /// All of it, in words.
    pub(crate) fn words(&self) -> Vec<String> {
        let packages = self.tools.iter().map(|tool| tool.package.to_owned());
        packages.chain(self.lists.iter().map(List::to_string)).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.lists.is_empty()
    }

    /// What one step lacks, in words.
    pub(crate) fn for_step(&self, step: Step) -> Vec<String> {
        let tools = self.tools.iter().filter(|tool| tool.steps.contains(&step));
        let mut words: Vec<String> = tools.map(|tool| tool.package.to_owned()).collect();
        if REAL.contains(&step) {
            words.extend(self.lists.iter().map(List::to_string));
        }
        words
    }
}

impl Tool {
    /// One that no step of the tests needs.
    pub(crate) const fn new(check: &'static [&'static str], package: &'static str) -> Tool {
        Tool { check, package, steps: &[] }
    }

    fn is_there(&self) -> bool {
        let (name, arguments) = self.check.split_first().expect("each check names a program");
        succeeds(name, arguments)
    }
}

/// Installs what is missing.
///
/// # Errors
/// Packages are missing and this is no Debian, or we are not root; or a package manager fails.
pub(crate) fn install(missing: &Missing) -> Result<()> {
    let packages: Vec<&str> = missing.tools.iter().map(|tool| tool.package).collect();
    if !packages.is_empty() {
        let list = packages.join(" ");
        if !Path::new("/usr/bin/apt-get").exists() {
            bail!("this is no Debian; install what its packages {list} hold, or use --no-install");
        }
        if !is_root() {
            bail!("not root; run `apt-get install {list}` as root, or use --no-install");
        }
        run(&mut apt("update --quiet=2"), INSTALL_LIMIT)?;
        let words = format!("install --quiet=2 --yes --no-install-recommends {list}");
        run(&mut apt(&words), INSTALL_LIMIT)?;
    }
    for list in &missing.lists {
        list.install().with_context(|| format!("installing {list}"))?;
    }
    Ok(())
}

/// Where a program of a crate of this name is, from crates.io into the target folder; built if it is missing.
///
/// # Errors
/// It does not build.
pub(crate) fn cargo_tool(name: &str) -> Result<PathBuf> {
    let tools = paths::target().join("tools");
    let tool = tools.join("bin").join(name);
    if !tool.exists() {
        let mut install = program("cargo", &format!("install --locked --quiet {name} --root"));
        install.arg(&tools).env("CARGO_TARGET_DIR", tools.join("build"));
        run(&mut install, TOOL_LIMIT)?;
    }
    Ok(tool)
}

fn apt(words: &str) -> std::process::Command {
    let mut apt = program("apt-get", words);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// Without a binding to geteuid: the owner of our own process.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
