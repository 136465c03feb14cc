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
    /// A publisher stays admitted when [`Config::stream_for_key`] of [`Changes::effective`] still finds its stream for the
    /// key that it used.
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
