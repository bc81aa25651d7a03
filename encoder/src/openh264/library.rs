//! Which OpenH264 encodes: the one built in from source, or the binary that Cisco distributes, for which
//! Cisco pays the fees of a patent pool. docs/h264-licensing.md says what that is about.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openh264_sys2::DynamicAPI;
use sha2::{Digest, Sha256};

use super::raw;

/// The version of Cisco's binaries that are known.
const CISCO_VERSION: &str = "2.6.0";
/// The versions whose interface is the one that the bindings are made for: the headers of both are the
/// same but for the version.
const VERSIONS: [&str; 2] = [CISCO_VERSION, "2.7.0"];

/// Cisco's binaries of that version, by SHA-256, from `src/blobs/hashes.txt` of openh264-sys2 0.9.9. (Its
/// entries that end in `.7` are left out: one hash for nine systems is that of no library.)
const CISCO: &[(&str, &str)] = &[
    (
        "45d8d77c119a488cad42549987a4a1ac50f634cfd6b08454c5565652e482022c",
        "libopenh264-2.6.0-android-arm.8.so",
    ),
    (
        "4d9bc54d2d38e53eb7bd551ec61acb8ad8320d8b957bda751cfdbdcbfabc3b07",
        "libopenh264-2.6.0-android-arm64.8.so",
    ),
    (
        "548fa57935ff0eaf0a1d44c7963c1681daa5bf4cef2b34029fcd20a1e71adf81",
        "libopenh264-2.6.0-android-x64.8.so",
    ),
    (
        "f8433906e94e719bed537b54e0cd5ae573798cdc3a16a567a25336e8597444bc",
        "libopenh264-2.6.0-android-x86.8.so",
    ),
    (
        "a46589ccc95df7565ff8b1722d3dead29c0809be28322dc763767e0aa35a6443",
        "libopenh264-2.6.0-linux32.8.so",
    ),
    (
        "2f0cde7c6a6abcf5cae76942894ea42897fa677bce4ed6c91a24dd1b041d5f04",
        "libopenh264-2.6.0-linux64.8.so",
    ),
    (
        "df91866de0e93773019e30a8f2bdee8b15de4abe2bf89a228ae9f064ff1e85bb",
        "libopenh264-2.6.0-linux-arm.8.so",
    ),
    (
        "12e7b33623667cdab0e575170c147b1b36eadb77d0d2aa7ceb5afd3e58902140",
        "libopenh264-2.6.0-linux-arm64.8.so",
    ),
    (
        "052e98bfcf7a9167d22f3bbb3f5988ef79065591f36af8b52924b22b13624551",
        "libopenh264-2.6.0-mac-arm64.dylib",
    ),
    (
        "e3dc8bc01fe69363f61fd3c02fd27798537a585eadd38cd808f303d1ee505a19",
        "libopenh264-2.6.0-mac-x64.dylib",
    ),
];

/// An OpenH264 that encoders are made with. Clones are the same library.
#[derive(Clone)]
pub struct OpenH264Library {
    api: Arc<DynamicAPI>,
    origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    BuiltIn,
    Cisco,
    Vouched(PathBuf),
}

/// Why a library is not used; the text says what to download from where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The file cannot be read.
    #[error("--openh264-library {}: {error}; {}", path.display(), get())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is none of the files that are known.
    #[error("--openh264-library {}: {what}; {}", path.display(), get())]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// What it is instead, with its SHA-256.
        what: String,
    },
    /// It is known, and the system does not load it.
    #[error("--openh264-library {}: the system does not load it ({reason}); {}", path.display(), get())]
    Load {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It was loaded, and is another version than the bindings are made for.
    #[error(
        "--openh264-library {}: it is OpenH264 {found}, and only {} are understood; {}",
        path.display(), VERSIONS.join(" and "), get()
    )]
    Version {
        /// Which file.
        path: PathBuf,
        /// What it says it is.
        found: String,
    },
}

impl OpenH264Library {
    /// The library built from source into this program.
    #[must_use]
    pub fn built_in() -> OpenH264Library {
        OpenH264Library { api: Arc::new(DynamicAPI::from_source()), origin: Origin::BuiltIn }
    }

    /// Loads the binary of version 2.6.0 that Cisco distributes, which is told by its SHA-256.
    pub fn cisco(path: &Path) -> Result<OpenH264Library, LibraryError> {
        let hash = hash_of(path)?;
        let file = CISCO.iter().find(|(known, _)| *known == hash).map(|(_, file)| *file);
        if file != Some(download()) {
            return Err(LibraryError::Unknown {
                path: path.to_owned(),
                what: what(path, &hash, file),
            });
        }
        // Which checks it against the list of that crate too.
        let api = DynamicAPI::from_blob_path(path);
        let api = api.map_err(|error| load_error(path, &error))?;
        OpenH264Library::checked(api, path, Origin::Cisco)
    }

    /// Loads another build, of version 2.6.0 or 2.7.0, of which the caller vouches for the SHA-256, in lower
    /// case. Nobody pays fees for that one.
    pub fn vouched(path: &Path, sha256: &str) -> Result<OpenH264Library, LibraryError> {
        let hash = hash_of(path)?;
        if hash != sha256 {
            return Err(LibraryError::Unknown {
                path: path.to_owned(),
                what: what(path, &hash, None),
            });
        }
        let api = raw::load(path).map_err(|error| load_error(path, &error))?;
        OpenH264Library::checked(api, path, Origin::Vouched(path.to_owned()))
    }

    fn checked(
        api: DynamicAPI,
        path: &Path,
        origin: Origin,
    ) -> Result<OpenH264Library, LibraryError> {
        if let Some(missing) = raw::missing(&api) {
            let reason = format!("it has no {missing}");
            return Err(LibraryError::Load { path: path.to_owned(), reason });
        }
        let found = raw::version(&api);
        if !VERSIONS.contains(&found.as_str()) {
            return Err(LibraryError::Version { path: path.to_owned(), found });
        }
        Ok(OpenH264Library { api: Arc::new(api), origin })
    }

    /// For people, with the words that Cisco's licence asks for.
    pub(super) fn describe(&self) -> String {
        let version = raw::version(&self.api);
        match &self.origin {
            Origin::BuiltIn => format!("OpenH264 {version}"),
            Origin::Cisco => format!(
                "OpenH264 Video Codec provided by Cisco Systems, Inc. (Cisco's binary, {version})"
            ),
            Origin::Vouched(path) => format!("OpenH264 {version} (loaded from {})", path.display()),
        }
    }

    pub(super) fn is_built_in(&self) -> bool {
        self.origin == Origin::BuiltIn
    }

    pub(super) fn api(&self) -> &Arc<DynamicAPI> {
        &self.api
    }
}

/// Cisco's file for this machine.
fn download() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "libopenh264-2.6.0-linux64.8.so",
        ("linux", "x86") => "libopenh264-2.6.0-linux32.8.so",
        ("linux", "aarch64") => "libopenh264-2.6.0-linux-arm64.8.so",
        ("linux", "arm") => "libopenh264-2.6.0-linux-arm.8.so",
        ("macos", "aarch64") => "libopenh264-2.6.0-mac-arm64.dylib",
        ("macos", "x86_64") => "libopenh264-2.6.0-mac-x64.dylib",
        _ => "",
    }
}

/// What to do to have the right file.
fn get() -> String {
    match download() {
        "" => "Cisco has no binary for this kind of machine; leave the flag out".to_owned(),
        file => format!(
            "get Cisco's own with: curl -O http://ciscobinary.openh264.org/{file}.bz2 && bunzip2 {file}.bz2"
        ),
    }
}

/// What a file is that is not the right one.
fn what(path: &Path, hash: &str, known: Option<&str>) -> String {
    if let Some(file) = known {
        return format!("it is Cisco's {file}, for another kind of machine");
    }
    let begins = |with: &[u8]| std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(with));
    if begins(b"BZh") {
        return "it is still packed; run bunzip2 on it".to_owned();
    }
    format!("it is not Cisco's binary of OpenH264 {CISCO_VERSION} (its SHA-256 is {hash})")
}

fn hash_of(path: &Path) -> Result<String, LibraryError> {
    let bytes =
        std::fs::read(path).map_err(|error| LibraryError::File { path: path.to_owned(), error })?;
    Ok(Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn load_error(path: &Path, error: &openh264_sys2::Error) -> LibraryError {
    LibraryError::Load { path: path.to_owned(), reason: error.to_string() }
}
