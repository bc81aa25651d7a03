//! Another OpenH264 than the one that is built in: what is taken, and what is said of the rest.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, MS, Pictures, Watched, config, nal_types, settings};
use pinhole_encoder::encoder::{Effect, Encoded, FrameControl};
use pinhole_encoder::{
    Encoder, EncoderChoice, EncoderSettings, Frame, OpenH264, OpenH264Library, SourceKind, Stream,
    StreamConfig,
};
use sha2::{Digest, Sha256};

/// What Cisco's page calls its file for this machine.
const DOWNLOAD: &str = "http://ciscobinary.openh264.org/libopenh264-2.6.0-";

/// The archive that openh264-sys2 built, linked as a shared library: the code that runs here, in the form
/// that Cisco's binary has.
fn shared_library(folder: &Folder) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let build = tests.ancestors().nth(2).unwrap().join("build");
    let newest = |name: &str| {
        let archives = std::fs::read_dir(&build).unwrap().filter_map(|folder| {
            let archive = folder.unwrap().path().join("out").join(name);
            let made = std::fs::metadata(&archive).ok()?.modified().ok()?;
            Some((made, archive))
        });
        archives.max().map(|(_, archive)| archive)
    };
    let mut archives: Vec<PathBuf> = [
        "libopenh264_common.a",
        "libopenh264_processing.a",
        "libopenh264_encoder.a",
        "libopenh264_decoder.a",
    ]
    .iter()
    .filter_map(|name| newest(name))
    .collect();
    assert!(!archives.is_empty(), "no archive of openh264-sys2 in {}", build.display());
    let library = folder.0.join("libopenh264.so");
    let mut linker = Command::new("g++");
    linker.args(["-shared", "-Wl,-Bsymbolic", "-Wl,--whole-archive"]);
    linker.args(archives.drain(..)).args(["-Wl,--no-whole-archive", "-o"]).arg(&library);
    assert!(linker.status().unwrap().success(), "{linker:?}");
    library
}

fn sha256(path: &Path) -> String {
    let hash = Sha256::digest(std::fs::read(path).unwrap());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A shared library of one function, or of none.
fn toy(folder: &Folder, name: &str, code: &str) -> PathBuf {
    let source = folder.file(&format!("{name}.c"), code.as_bytes());
    let library = folder.0.join(format!("{name}.so"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source);
    assert!(compiler.status().unwrap().success());
    library
}

fn refused(path: &Path) -> String {
    OpenH264Library::cisco(path).err().expect("refused").to_string()
}

#[test]
fn a_loaded_library_encodes_the_same_bytes_as_the_one_that_is_built_in() {
    let folder = Folder::new("library");
    let path = shared_library(&folder);
    let library = OpenH264Library::vouched(&path, &sha256(&path)).unwrap();
    let settings = settings(640, 360, 30, 1_000_000);
    let mut loaded = OpenH264::with_library(&library, &settings).unwrap();
    drop(library);
    let line = loaded.describe();
    assert!(line.starts_with("OpenH264 2.7.0 (loaded from "), "{line}");

    let mut pictures = Pictures::new(settings);
    let check = |loaded: &mut OpenH264, pictures: &mut Pictures, n: u32, force_idr| {
        let frame = Frame::I420(pictures.picture());
        let control = FrameControl { force_idr, at: 33 * MS * n };
        let [mut theirs, mut ours] = [Vec::new(), Vec::new()];
        let encoded = loaded.encode(&frame, control, &mut theirs).unwrap();
        assert_eq!(pictures.encoder.encode(&frame, control, &mut ours).unwrap(), encoded);
        assert!(theirs == ours, "picture {n} differs");
        (encoded, theirs)
    };
    for n in 0..20 {
        let (encoded, bytes) = check(&mut loaded, &mut pictures, n, n == 10);
        let idr = n == 0 || n == 10;
        assert_eq!(encoded, if idr { Encoded::Idr } else { Encoded::Delta });
        assert_eq!(nal_types(&bytes)[0], if idr { 7 } else { 1 });
    }
    // Also through a change of bitrate, and one of size, which makes a new encoder of the same library.
    let slower = EncoderSettings { bitrate: 500_000, ..settings };
    assert_eq!(loaded.reconfigure(&slower).unwrap(), Effect::Seamless);
    assert_eq!(pictures.encoder.reconfigure(&slower).unwrap(), Effect::Seamless);
    check(&mut loaded, &mut pictures, 20, false);
    let wide = common::settings(320, 180, 30, 500_000);
    assert_eq!(loaded.reconfigure(&wide).unwrap(), Effect::NextIsIdr);
    assert!(loaded.describe().contains("loaded from"));
}

#[test]
fn what_is_not_ciscos_is_refused_with_where_to_get_it() {
    let folder = Folder::new("library-refused");
    let missing = refused(&folder.0.join("nothing.so"));
    assert!(
        missing.contains("nothing.so: No such file") && missing.contains(DOWNLOAD),
        "{missing}"
    );
    assert!(missing.contains("bunzip2"), "{missing}");

    // The same code, built by somebody else: here by us.
    let path = shared_library(&folder);
    let built = refused(&path);
    assert!(built.contains(&sha256(&path)) && built.contains(DOWNLOAD), "{built}");
    assert!(built.contains("not Cisco's binary of OpenH264 2.6.0"), "{built}");

    let packed = refused(&folder.file("a.so.bz2", b"BZh91AY&SY and so on"));
    assert!(packed.contains("still packed; run bunzip2"), "{packed}");
    let text = refused(&folder.file("b.so", b"<html>404</html>"));
    assert!(text.contains("SHA-256"), "{text}");
}

#[test]
fn a_file_that_is_vouched_for_and_still_wrong_has_its_sentence() {
    let folder = Folder::new("library-wrong");
    let vouched = |path: &Path| {
        OpenH264Library::vouched(path, &sha256(path)).err().expect("refused").to_string()
    };
    let text = vouched(&folder.file("text.so", b"no library at all"));
    assert!(text.contains("the system does not load it"), "{text}");
    let empty = vouched(&toy(&folder, "empty", "int nothing;"));
    assert!(empty.contains("it has no WelsCreateSVCEncoder"), "{empty}");
    let old = "int WelsCreateSVCEncoder(void **e) { return 1; } void WelsDestroySVCEncoder(void *e) {} \
               void WelsGetCodecVersionEx(unsigned *v) { v[0] = 2; v[1] = 5; v[2] = 1; v[3] = 0; }";
    let old = vouched(&toy(&folder, "old", old));
    assert!(old.contains("it is OpenH264 2.5.1, and only 2.6.0 and 2.7.0"), "{old}");
    assert!(old.contains(DOWNLOAD), "{old}");
    let path = folder.file("other.so", b"1");
    let other = OpenH264Library::vouched(&path, "00").err().unwrap().to_string();
    assert!(other.contains(&sha256(&path)), "{other}");
}

#[test]
fn a_stream_says_which_library_it_has_and_does_not_start_with_a_wrong_one() {
    let folder = Folder::new("library-stream");
    let start = |library: Option<PathBuf>| {
        let (encoder, size) = (EncoderChoice::OpenH264, (320, 180));
        let config = config(SourceKind::Test);
        Stream::start(&StreamConfig { encoder, size, openh264_library: library, ..config })
    };
    let mut watched = Watched::new(start(None).unwrap());
    let line = watched.stream.format().encoder.clone();
    assert!(line.starts_with("OpenH264 2.7.0, "), "{line}");
    watched.unit();
    let text = start(Some(folder.file("b.so", b"text"))).err().unwrap().to_string();
    assert!(text.starts_with("--openh264-library ") && text.contains(DOWNLOAD), "{text}");
}
