//! The hot paths, one a case: criterion times them, callgrind counts their instructions.

mod admission;
mod hls;
mod house;
mod media;
mod rtmp;

use crate::clip::Clip;

/// One hot path.
pub struct Case {
    /// Its name, with underscores.
    pub name: &'static str,
    /// What one pass is.
    pub pass: &'static str,
    /// Bytes of one pass, where the throughput says something.
    pub bytes: Option<usize>,
    /// Makes a pass, again and again.
    pub run: Box<dyn FnMut()>,
}

impl Case {
    fn new(name: &'static str, pass: &'static str, run: impl FnMut() + 'static) -> Self {
        Self { name, pass, bytes: None, run: Box::new(run) }
    }

    fn bytes(self, bytes: usize) -> Self {
        Self { bytes: Some(bytes), ..self }
    }
}

/// All cases, prepared.
///
/// # Errors
/// When the clip cannot be made, or a server cannot be started.
pub fn all() -> anyhow::Result<Vec<Case>> {
    let mut cases = of_media()?;
    cases.extend(admission::cases()?);
    Ok(cases)
}

/// The cases whose names begin with this, and some others of their kind.
///
/// # Errors
/// As [`all`].
pub fn beginning_with(name: &str) -> anyhow::Result<Vec<Case>> {
    if name.starts_with(admission::PREFIX) { admission::cases() } else { of_media() }
}

fn of_media() -> anyhow::Result<Vec<Case>> {
    let clip = Clip::load()?;
    let mut cases = rtmp::cases(&clip)?;
    cases.extend(media::cases(&clip)?);
    cases.extend(hls::cases(&clip)?);
    Ok(cases)
}
