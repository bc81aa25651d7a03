//! Which pairs are played.

use anyhow::{Result, bail};

use crate::lab::nat::TYPES;

/// Some servers and some viewers; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    server: Option<String>,
    viewer: Option<String>,
}

impl Selection {
    /// Reads `SERVER×VIEWER` or `SERVERxVIEWER`, where an empty side or `*` means all.
    ///
    /// # Errors
    /// There is no such type.
    pub fn parse(text: &str) -> Result<Selection> {
        let Some((server, viewer)) = text.split_once(['×', 'x']) else {
            bail!("write SERVER×VIEWER, such as port×sym or fwd×*");
        };
        let side = |name: &str, types: &[&str]| match name {
            "" | "*" => Ok(None),
            name if types.contains(&name) => Ok(Some(name.to_owned())),
            name => bail!("there is no NAT type {name:?}; there are {}", types.join(" ")),
        };
        let servers: Vec<&str> = TYPES.into_iter().filter(|nat| *nat != "same").collect();
        Ok(Selection { server: side(server, &servers)?, viewer: side(viewer, &TYPES)? })
    }

    pub(super) fn has(&self, server: &str, viewer: &str) -> bool {
        let fits = |chosen: &Option<String>, name: &str| {
            chosen.as_deref().is_none_or(|chosen| chosen == name)
        };
        fits(&self.server, server) && fits(&self.viewer, viewer)
    }

    /// Whether every pair is played.
    pub fn is_all(&self) -> bool {
        *self == Selection::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_names_either_side_or_both() {
        let chosen = |text: &str| Selection::parse(text).unwrap();
        assert!(chosen("port×sym").has("port", "sym") && !chosen("port×sym").has("sym", "port"));
        assert!(chosen("fwdx*").has("fwd", "same") && !chosen("fwdx").has("none", "same"));
        assert!(chosen("×").is_all() && chosen("*x*").has("none", "none"));
        for wrong in ["port", "same×port", "portxcone", ""] {
            assert!(Selection::parse(wrong).is_err(), "{wrong}");
        }
    }
}
