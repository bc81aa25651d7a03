//! The file that a recording goes to.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use pinhole_core::trace::AddressPolicy;

/// Who recorded, and nobody else: addresses of viewers stand in it.
const MODE: u32 = 0o600;

/// An open file for a recording, and what it shall hold.
#[derive(Debug)]
pub struct RecordFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) bytes_max: u64,
    pub(super) addresses: AddressPolicy,
}

impl RecordFile {
    /// Creates the file, readable by its owner only; one that is there is written anew. The
    /// recording ends before `bytes_max`.
    ///
    /// # Errors
    /// Those of the system; what is no plain file is refused.
    pub fn create(
        path: &Path,
        bytes_max: u64,
        addresses: AddressPolicy,
    ) -> std::io::Result<RecordFile> {
        let mut options = OpenOptions::new();
        // Not to wait for a reader where the path is that of a pipe.
        options.write(true).create(true).truncate(false).mode(MODE).custom_flags(libc::O_NONBLOCK);
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(Error::new(ErrorKind::InvalidInput, "it is not a plain file"));
        }
        // That of a file which was there already.
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.set_len(0)?;
        Ok(RecordFile { file, path: path.to_owned(), bytes_max, addresses })
    }
}
