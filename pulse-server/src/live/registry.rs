//! The streams of this process, by id.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::channel::{Beget, Channel};
use crate::authority::Revocation;
use crate::stream_id::StreamId;

/// All channels.
pub struct Registry {
    channels: RwLock<HashMap<StreamId, Arc<Channel>>>,
    grace: Duration,
    beget: Arc<dyn Beget>,
}

/// There are as many streams as the server admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Registry {
    /// An empty registry whose channels live through `grace`.
    pub fn new(grace: Duration, beget: Arc<dyn Beget>) -> Self {
        Self { channels: RwLock::default(), grace, beget }
    }

    /// Adds the channel of a life that a restart cut off.
    pub fn restore(&self, id: StreamId) {
        let channel = Channel::restarted(id.clone(), self.grace, Arc::clone(&self.beget));
        self.write().insert(id, channel);
    }

    /// The stream's channel, if anybody has published into it lately.
    pub fn find(&self, id: &StreamId) -> Option<Arc<Channel>> {
        self.read().get(id).cloned()
    }

    /// The stream's channel for a publisher, made where there is none.
    ///
    /// # Errors
    /// [`Full`] when it would be one more than `most`. Idle channels are forgotten first.
    pub fn open(&self, id: &StreamId, most: usize) -> Result<Arc<Channel>, Full> {
        if let Some(channel) = self.find(id) {
            return Ok(channel);
        }
        let mut channels = self.write();
        if channels.len() >= most {
            // One that somebody holds is about to get a publisher: forgotten now, the stream would have two channels.
            channels.retain(|_, channel| Arc::strong_count(channel) > 1 || !channel.is_idle());
        }
        if channels.len() >= most && !channels.contains_key(id) {
            return Err(Full);
        }
        let new = || Arc::new(Channel::new(id.clone(), self.grace, Arc::clone(&self.beget)));
        Ok(Arc::clone(channels.entry(id.clone()).or_insert_with(new)))
    }

    /// All channels, by id.
    pub fn all(&self) -> Vec<Arc<Channel>> {
        let mut all: Vec<_> = self.read().values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// Carries out a revocation on publishers.
    pub fn revoke(&self, revocation: &Revocation) {
        self.concerned(revocation).iter().for_each(|channel| channel.revoke(revocation));
    }

    /// Has viewers who wait look whether a revocation covers them.
    pub fn wake_viewers(&self, revocation: &Revocation) {
        let lives = self.concerned(revocation).into_iter().filter_map(|channel| channel.life());
        lives.filter_map(|life| life.hls.clone()).for_each(|hls| hls.revoked());
    }

    fn concerned(&self, revocation: &Revocation) -> Vec<Arc<Channel>> {
        match revocation.stream() {
            Some(stream) => self.find(stream).into_iter().collect(),
            None => self.all(),
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<StreamId, Arc<Channel>>> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<StreamId, Arc<Channel>>> {
        self.channels.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use media_core::broadcast;
    use rtmp_core::tokio::fanout;

    use super::*;
    use crate::live::health::Health;
    use crate::live::life::Life;

    struct Plain;

    impl Beget for Plain {
        fn life(&self, _: &StreamId) -> Arc<Life> {
            let (broadcast, fanout) = (broadcast::Config::default(), fanout::Config::default());
            Arc::new(Life::new(broadcast, fanout, Arc::new(Health::default()), |_| None))
        }

        fn abandon(&self, _: &StreamId) {}
    }

    #[test]
    fn a_channel_that_a_publisher_is_about_to_take_is_not_forgotten() {
        let registry = Registry::new(Duration::ZERO, Arc::new(Plain));
        let id = |id| StreamId::parse(id).unwrap();
        let held = registry.open(&id("a"), 2).unwrap();
        drop(registry.open(&id("b"), 2).unwrap());
        assert!(registry.open(&id("c"), 2).is_ok(), "b is idle");
        assert_eq!(registry.open(&id("d"), 1).err(), Some(Full));
        assert!(Arc::ptr_eq(&held, &registry.find(&id("a")).unwrap()));
    }
}
