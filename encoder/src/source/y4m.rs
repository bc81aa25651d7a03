//! y4m (YUV4MPEG2): files, looped, and live streams such as standard input. Parsed by the `y4m` crate.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use y4m::{Colorspace, Decoder};

use super::{Moment, Pacing, Source, SourceError, SourceFormat};
use crate::frame::{Frame, FrameRate, Size};

/// Most bytes of a picture, which is 3840x2160 in the widest format: anything larger is refused before
/// memory is set aside for it.
const PICTURE_BYTES_MAX: usize = 3840 * 2160 * 6;

/// A y4m file. Starts again at its end.
pub struct Y4mFile {
    path: PathBuf,
    decoder: Decoder<BufReader<File>>,
    format: SourceFormat,
    /// Pictures read since the start of the file: a loop without any would never end.
    since_start: u64,
}

impl Y4mFile {
    /// Opens a file and reads its header. `rate` overrides the rate that the file gives.
    pub fn open(path: &Path, rate: Option<FrameRate>) -> Result<Y4mFile, SourceError> {
        let failed = |error| SourceError::File { path: path.to_owned(), error };
        let file = File::open(path).map_err(failed)?;
        let name = path.display().to_string();
        let (decoder, format) = read_header(file, &name, rate, Pacing::Clock)?;
        Ok(Y4mFile { path: path.to_owned(), decoder, format, since_start: 0 })
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        let failed = |error| SourceError::File { path: self.path.clone(), error };
        let file = File::open(&self.path).map_err(failed)?;
        let name = self.path.display().to_string();
        let (decoder, format) = read_header(file, &name, Some(self.format.rate), Pacing::Clock)?;
        self.decoder = decoder;
        self.format = format;
        self.since_start = 0;
        Ok(())
    }
}

impl Source for Y4mFile {
    fn format(&self) -> SourceFormat {
        self.format
    }

    fn next_frame(
        &mut self,
        _moment: &Moment,
        mut spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        // At most twice: at the end of the file, and then at its start.
        loop {
            let name = || self.path.display().to_string();
            match read_picture(&mut self.decoder, self.format.size, &mut spare, name)? {
                Some(frame) => {
                    self.since_start += 1;
                    return Ok(Some(frame));
                }
                None if self.since_start == 0 => {
                    let reason = "it has a header but no whole picture".to_owned();
                    return Err(SourceError::NotY4m { name: name(), reason });
                }
                None => self.rewind()?,
            }
        }
    }
}

/// A live y4m stream: standard input, a pipe, a FIFO. Pictures are due when they arrive.
pub struct Y4mStream<R: Read + Send + 'static> {
    name: String,
    decoder: Decoder<BufReader<R>>,
    format: SourceFormat,
}

impl<R: Read + Send + 'static> Y4mStream<R> {
    /// Reads the header, waiting for at most `patience`. After that the thread that reads is left behind
    /// until the stream says something, since a blocked read cannot be ended. `rate` overrides the rate
    /// that the stream announces.
    pub fn open(
        reader: R,
        name: &str,
        rate: Option<FrameRate>,
        patience: Duration,
    ) -> Result<Y4mStream<R>, SourceError> {
        let (sender, receiver) = mpsc::channel();
        let own = name.to_owned();
        let started = thread::Builder::new().name("pinhole-header".into()).spawn(move || {
            // Nobody listens any more after the time is over.
            let _ = sender.send(read_header(reader, &own, rate, Pacing::Arrival));
        });
        if let Err(error) = started {
            return Err(SourceError::Read { name: name.to_owned(), error });
        }
        match receiver.recv_timeout(patience) {
            Ok(read) => {
                let (decoder, format) = read?;
                Ok(Y4mStream { name: name.to_owned(), decoder, format })
            }
            Err(_) => {
                Err(SourceError::NoHeader { name: name.to_owned(), seconds: patience.as_secs() })
            }
        }
    }
}

impl<R: Read + Send + 'static> Source for Y4mStream<R> {
    fn format(&self) -> SourceFormat {
        self.format
    }

    fn next_frame(
        &mut self,
        _moment: &Moment,
        mut spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        read_picture(&mut self.decoder, self.format.size, &mut spare, || self.name.clone())
    }
}

fn read_header<R: Read>(
    reader: R,
    name: &str,
    rate: Option<FrameRate>,
    pacing: Pacing,
) -> Result<(Decoder<BufReader<R>>, SourceFormat), SourceError> {
    let limits = y4m::Limits { bytes: PICTURE_BYTES_MAX };
    let decoder = Decoder::new_with_limits(BufReader::with_capacity(1 << 16, reader), limits)
        .map_err(|error| explain(name, error, "header"))?;
    let named = || name.to_owned();
    let colours = decoder.get_colorspace();
    if !is_420(colours) {
        let reason = format!("its pictures are {colours:?}, only 4:2:0 of 8 bits can be encoded");
        return Err(SourceError::NotY4m { name: named(), reason });
    }
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let size = Size::new(side(decoder.get_width()), side(decoder.get_height()))
        .map_err(|error| SourceError::Size { name: named(), error })?;
    let rate = match rate {
        Some(rate) => rate,
        None => {
            let ratio = decoder.get_framerate();
            FrameRate::new(ratio.num as u64, ratio.den as u64)
                .map_err(|error| SourceError::Rate { name: named(), error })?
        }
    };
    let mut parameters = decoder.get_raw_params().split(|&byte| byte == b' ');
    let full_range = parameters.any(|parameter| parameter == b"XCOLORRANGE=FULL");
    Ok((decoder, SourceFormat { size, rate, pacing, full_range }))
}

/// Reads a picture into `spare` or a new one. `None` at the end; a last picture that is cut short is
/// given up.
fn read_picture<R: Read>(
    decoder: &mut Decoder<R>,
    size: Size,
    spare: &mut Option<Frame>,
    name: impl Fn() -> String,
) -> Result<Option<Frame>, SourceError> {
    match decoder.read_frame() {
        Ok(read) => {
            let mut picture = Frame::reuse_i420(spare.take(), size);
            let planes = [read.get_y_plane(), read.get_u_plane(), read.get_v_plane()];
            for (from, into) in planes.into_iter().zip(picture.planes_mut()) {
                into.bytes_mut().copy_from_slice(from);
            }
            Ok(Some(Frame::I420(picture)))
        }
        Err(y4m::Error::EOF) => Ok(None),
        Err(error) => Err(explain(&name(), error, "picture")),
    }
}

/// The formats that differ from each other only in where chroma samples sit.
fn is_420(colours: Colorspace) -> bool {
    use Colorspace::{C420, C420jpeg, C420mpeg2, C420paldv};
    matches!(colours, C420 | C420jpeg | C420mpeg2 | C420paldv)
}

fn explain(name: &str, error: y4m::Error, what: &str) -> SourceError {
    let name = name.to_owned();
    let reason = match error {
        y4m::Error::IoError(error) => return SourceError::Read { name, error },
        y4m::Error::EOF => format!("it ends before its {what} does"),
        y4m::Error::UnknownColorspace => {
            "its pictures are in a format unknown here, only 4:2:0 of 8 bits can be encoded".into()
        }
        y4m::Error::OutOfMemory => "its pictures are larger than 3840x2160".into(),
        y4m::Error::BadInput | y4m::Error::ParseError(_) => {
            format!("its {what} is not y4m (YUV4MPEG2)")
        }
    };
    SourceError::NotY4m { name, reason }
}
