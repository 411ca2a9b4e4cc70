//! Memory for the kernel: zeroed, aligned to cache lines, refused with an error rather than an abort.

use super::simd::Entry;
use crate::sensing::SensingError;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Buffers of at least this many bytes are aligned to it, so that huge pages can hold them.
const HUGE_PAGE: usize = 2 << 20;
const CACHE_LINE: usize = 64;

/// A slice of numbers that begins at a cache line.
pub(super) struct Buffer<T: Entry> {
    start: NonNull<T>,
    length: usize,
}

// SAFETY: a buffer owns its memory alone and hands it out by the rules of references, as a boxed slice does.
unsafe impl<T: Entry> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Entry> Sync for Buffer<T> {}

impl<T: Entry> Buffer<T> {
    /// `length` zeros.
    ///
    /// # Errors
    /// If the system refuses the memory.
    pub(super) fn zeros(length: usize) -> Result<Self, SensingError> {
        let refused = || SensingError::Allocation { needed: (length as u64).saturating_mul(size_of::<T>() as u64) };
        let layout = Self::layout(length).ok_or_else(refused)?;
        if length == 0 {
            return Ok(Self::empty());
        }
        // SAFETY: the layout has at least CACHE_LINE bytes.
        let start = unsafe { alloc_zeroed(layout) };
        // Zero bytes are the number zero (a promise of `Entry`).
        NonNull::new(start.cast()).map(|start| Buffer { start, length }).ok_or_else(refused)
    }

    /// A buffer without numbers, as a start for [`grow`](Self::grow).
    pub(super) fn empty() -> Self {
        Buffer { start: NonNull::dangling(), length: 0 }
    }

    /// The first `length` numbers; if there are fewer, all of the buffer is replaced by that many zeros first.
    pub(super) fn grow(&mut self, length: usize) -> &mut [T] {
        if self.length < length {
            *self = Buffer::zeros(length).unwrap_or_else(|_| handle_alloc_error(Layout::new::<T>()));
        }
        &mut self[..length]
    }

    fn layout(length: usize) -> Option<Layout> {
        let bytes = length.checked_mul(size_of::<T>())?.max(CACHE_LINE);
        let alignment = if bytes >= HUGE_PAGE { HUGE_PAGE } else { CACHE_LINE };
        Layout::from_size_align(bytes.checked_next_multiple_of(alignment)?, alignment).ok()
    }
}

impl<T: Entry> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `start` points to `length` initialised numbers that live as long as the buffer (or dangles, aligned, for none).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Entry> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T: Entry> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.length == 0 {
            return;
        }
        if let Some(layout) = Self::layout(self.length) {
            // SAFETY: a buffer with numbers came from `zeros`, which allocated it with this very layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}
