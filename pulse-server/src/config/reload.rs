//! What changes between two configurations, and what of it a running server can take over.

use std::collections::BTreeMap;

use super::load::sections;
use super::sections::Config;
use super::stream::Stream;
use super::table::Apply;

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The setting's path.
    pub field: String,
    /// The value so far, in TOML's syntax; `None` where it was not set.
    pub from: Option<String>,
    /// The new value.
    pub to: Option<String>,
    /// When it takes effect.
    pub apply: Apply,
}

/// The differences between a running configuration and one that was read anew.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// Differing settings in the order of the reference; never secret.
    pub settings: Vec<Change>,
    /// Ids of streams that are new.
    pub streams_added: Vec<String>,
    /// Streams that are gone, whose publishers are to be dropped.
    pub streams_removed: Vec<String>,
    /// Streams that lost a key: a publisher who used none of the keys that are left is to be dropped.
    pub streams_with_removed_keys: Vec<String>,
    /// Streams that differ otherwise (a further key, another name).
    pub streams_changed: Vec<String>,
    /// The configuration to go on with: the new one, except for what needs a restart.
    pub effective: Config,
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let streams = [
            &self.streams_added,
            &self.streams_removed,
            &self.streams_with_removed_keys,
            &self.streams_changed,
        ];
        self.settings.is_empty() && streams.iter().all(|ids| ids.is_empty())
    }

    /// The settings that wait for a restart, for the log.
    pub fn needing_restart(&self) -> impl Iterator<Item = &Change> {
        self.settings.iter().filter(|change| change.apply == Apply::Restart)
    }
}

impl Config {
    /// Compares the running configuration with one read anew (SIGHUP).
    ///
    /// A publisher stays admitted when its stream in [`Changes::effective`] still has the key that it used.
    pub fn changes_to(&self, new: &Self) -> Changes {
        let mut changes = Changes {
            settings: Vec::new(),
            streams_added: Vec::new(),
            streams_removed: Vec::new(),
            streams_with_removed_keys: Vec::new(),
            streams_changed: Vec::new(),
            effective: new.clone(),
        };
        for key in sections().iter().flat_map(|section| &section.keys) {
            let (from, to) = ((key.show)(self), (key.show)(new));
            if from == to {
                continue;
            }
            if key.apply == Apply::Restart {
                (key.copy)(self, &mut changes.effective);
            }
            changes.settings.push(Change { field: key.path(), from, to, apply: key.apply });
        }
        compare_streams(&self.streams, &new.streams, &mut changes);
        changes
    }
}

fn compare_streams(old: &[Stream], new: &[Stream], changes: &mut Changes) {
    let by_id: BTreeMap<&str, &Stream> = new.iter().map(|stream| (stream.id.as_str(), stream)).collect();
    let known: BTreeMap<&str, &Stream> = old.iter().map(|stream| (stream.id.as_str(), stream)).collect();
    for stream in old {
        match by_id.get(stream.id.as_str()) {
            None => changes.streams_removed.push(stream.id.clone()),
            Some(now) if stream.keys.iter().any(|key| !now.keys.contains(key)) => {
                changes.streams_with_removed_keys.push(stream.id.clone());
            }
            Some(now) if *now != stream => changes.streams_changed.push(stream.id.clone()),
            Some(_) => {}
        }
    }
    let added = new.iter().filter(|stream| !known.contains_key(stream.id.as_str()));
    changes.streams_added.extend(added.map(|stream| stream.id.clone()));
}

#[cfg(test)]
mod tests {
    use super::super::fixture::load;
    use super::*;

    fn config(toml: &str) -> Config {
        load(toml).unwrap().0
    }

    #[test]
    fn nothing_changed_is_said() {
        assert!(Config::default().changes_to(&config("")).is_empty());
    }

    #[test]
    fn what_needs_a_restart_stays_and_the_rest_is_taken_over() {
        let old = config("[http]\nlisten = 'localhost:1'\n[hls]\npart_ms = 200\n[log]\nlevel = 'info'\n");
        let new = config("[http]\nlisten = 'localhost:2'\n[hls]\npart_ms = 300\n[log]\nlevel = 'debug'\n");
        let changes = old.changes_to(&new);
        let told: Vec<_> =
            changes.settings.iter().map(|change| (change.field.as_str(), change.apply)).collect();
        assert_eq!(
            told,
            [("http.listen", Apply::Restart), ("hls.part_ms", Apply::NewLives), ("log.level", Apply::Live)]
        );
        assert_eq!(changes.settings[0].from.as_deref(), Some("\"127.0.0.1:1\""));
        assert_eq!(changes.needing_restart().count(), 1);
        assert_eq!(changes.effective.http.listen.port(), 1);
        assert_eq!(changes.effective.hls.part_ms, 300);
        assert_eq!(changes.effective.log.level, new.log.level);
        assert!(!changes.is_empty());
    }

    #[test]
    fn removed_keys_and_streams_are_told() {
        let stream = |id: &str, keys: &str| format!("[[streams]]\nid = '{id}'\nkeys = [{keys}]\n");
        let old = [("gone", "'k1'"), ("rotated", "'k2', 'k3'"), ("grown", "'k4'"), ("same", "'k5'")];
        let new = [("rotated", "'k3', 'k9'"), ("grown", "'k4', 'k6'"), ("same", "'k5'"), ("new", "'k7'")];
        let text =
            |streams: &[(&str, &str)]| streams.iter().map(|(id, keys)| stream(id, keys)).collect::<String>();
        let changes = config(&text(&old)).changes_to(&config(&text(&new)));
        assert_eq!(changes.streams_removed, ["gone"]);
        assert_eq!(changes.streams_with_removed_keys, ["rotated"]);
        assert_eq!(changes.streams_changed, ["grown"]);
        assert_eq!(changes.streams_added, ["new"]);
        assert_eq!(changes.effective.streams.len(), 4);
    }
}
