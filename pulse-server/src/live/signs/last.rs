//! A few values, of which the oldest gives way.

/// The last few of something.
#[derive(Debug)]
pub(super) struct Last<T, const N: usize> {
    values: [T; N],
    next: usize,
    count: usize,
}

impl<T: Copy + Default, const N: usize> Default for Last<T, N> {
    fn default() -> Self {
        Self { values: [T::default(); N], next: 0, count: 0 }
    }
}

impl<T: Copy + Ord, const N: usize> Last<T, N> {
    pub(super) fn push(&mut self, value: T) {
        if let Some(slot) = self.values.get_mut(self.next) {
            *slot = value;
        }
        self.next = (self.next + 1) % N;
        self.count = (self.count + 1).min(N);
    }

    /// The least and the greatest, once there are so many.
    pub(super) fn range(&self, needed: usize) -> Option<(T, T)> {
        let known = self.values.get(..self.count).filter(|known| known.len() >= needed)?;
        Some((*known.iter().min()?, *known.iter().max()?))
    }
}
