//! Installs and builds what is missing, and encodes the stream.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::peer::{Kind, Peer};
use crate::install::{self, Missing, Tool};
use crate::paths;
use crate::run::{cargo, program, run};
use crate::str0m_patches;

/// From nothing, on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
const ENCODE_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What all runs need.
const TOOLS: &[Tool] = &[
    Tool::new(&["g++", "--version"], "g++"),
    Tool::new(&["nasm", "-v"], "nasm"),
    Tool::new(&["ffmpeg", "-version"], "ffmpeg"),
];

/// 1080p60 at 8 Mbit/s, ten seconds, without B pictures, one slice a picture, a keyframe every two seconds.
const FILM: &str = "-f lavfi -i testsrc2=size=1920x1080:rate=60,noise=alls=8:allf=t -t 10 -c:v libx264 \
    -preset veryfast -profile:v baseline -tune zerolatency -b:v 8M -maxrate 8M -bufsize 4M -g 120 \
    -keyint_min 120 -sc_threshold 0 -x264-params sliced-threads=0:slices=1:aud=0:repeat-headers=1 \
    -pix_fmt yuv420p -threads 1 -f h264";

/// Where all that is made lies.
pub(crate) fn folder() -> PathBuf {
    paths::target().join("peers")
}

/// Where its sources lie.
pub(crate) fn sources() -> PathBuf {
    paths::root().join("benches/peers")
}

/// A program of that workspace.
pub(crate) fn built(name: &str) -> PathBuf {
    folder().join("release").join(name)
}

/// The stream.
pub(crate) fn film() -> PathBuf {
    folder().join("1080p60.h264")
}

/// The receiver, the floor and the stream.
///
/// # Errors
/// Something cannot be installed or made.
pub(crate) fn common(may_install: bool) -> Result<()> {
    need(&Missing::of_tools(TOOLS, false), may_install)?;
    build("receiver")?;
    build("servers")?;
    if !film().exists() {
        let unfinished = folder().join("unfinished.h264");
        let mut ffmpeg = program("ffmpeg", &format!("-hide_banner -loglevel error -y {FILM}"));
        run(ffmpeg.arg(&unfinished), ENCODE_LIMIT)?;
        fs::rename(unfinished, film())?;
    }
    Ok(())
}

/// One peer.
///
/// # Errors
/// It cannot be installed or built.
pub(crate) fn peer(peer: &Peer, may_install: bool) -> Result<()> {
    need(&Missing::of_tools(peer.tools, peer.needs_python()), may_install)?;
    match peer.kind {
        Kind::Pinhole { patched: true, .. } => str0m_patches::build_program(),
        Kind::Pinhole { .. } => {
            let mut build = cargo("build --release -p pinhole -p pinhole-stamped");
            run(build.current_dir(paths::root()), BUILD_LIMIT)
        }
        Kind::Rust { package, .. } => build(package),
        Kind::GStreamer => build("receiver-openssl"),
        Kind::Pion => pion(),
        Kind::Floor { .. } | Kind::Aiortc | Kind::Janus { .. } => Ok(()),
    }
}

fn need(missing: &Missing, may_install: bool) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    if !may_install {
        bail!("missing: {}", missing.words().join(", "));
    }
    install::install(missing)
}

fn build(package: &str) -> Result<()> {
    let mut build = cargo("build --quiet --release --locked --package");
    build.arg(package).current_dir(sources()).env("CARGO_TARGET_DIR", folder());
    run(&mut build, BUILD_LIMIT)
}

/// Go's modules would come from a proxy; Debian's packages are a GOPATH. A go.mod beside main.go makes it
/// understand `/v3` in the names of packages.
fn pion() -> Result<()> {
    let path = folder().join("go");
    let sources = path.join("src/pion-server");
    fs::create_dir_all(&sources)?;
    fs::copy(self::sources().join("pion/main.go"), sources.join("main.go")).context("main.go")?;
    fs::write(sources.join("go.mod"), "module pionserver\ngo 1.19\n")?;
    let mut build = program("go", "build -o");
    build.arg(folder().join("pion-server")).arg(".").current_dir(sources);
    build.env("GO111MODULE", "off").env("GOFLAGS", "");
    build.env("GOPATH", format!("{}:/usr/share/gocode", path.display()));
    run(&mut build, BUILD_LIMIT)
}
