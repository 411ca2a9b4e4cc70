//! Memory for the kernel: zeroed, aligned to cache lines, refused with an error rather than an abort.
//!
//! Large buffers are pages of their own for which huge pages are asked (`madvise(MADV_HUGEPAGE)`, which by the default of most distributions is what it takes): a row of a large
//! ensemble spans many small pages, and streams of several rows miss the translation buffer, and stop the prefetcher, at every one of them.

use super::simd::Entry;
use crate::sensing::SensingError;
use memmap2::{MmapMut, MmapOptions};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// In bytes. Buffers of at least as many get pages of their own, aligned to it.
const HUGE_PAGE: usize = 2 << 20;
const CACHE_LINE: usize = 64;

/// A slice of numbers that begins at a cache line.
pub(super) struct Buffer<T: Entry> {
    start: NonNull<T>,
    length: usize,
    /// What the numbers lie in, if they are many.
    pages: Option<MmapMut>,
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
        // Zero bytes are the number zero (a promise of `Entry`), here and below.
        if layout.size() >= HUGE_PAGE {
            let mut pages = huge_pages(layout.size()).ok_or_else(refused)?;
            let skipped = pages.as_ptr().align_offset(HUGE_PAGE);
            let start = NonNull::from(&mut pages[skipped..]).cast();
            return Ok(Buffer { start, length, pages: Some(pages) });
        }
        // SAFETY: the layout has at least CACHE_LINE bytes.
        let start = unsafe { alloc_zeroed(layout) };
        NonNull::new(start.cast()).map(|start| Buffer { start, length, pages: None }).ok_or_else(refused)
    }

    /// A buffer without numbers, as a start for [`grow`](Self::grow).
    pub(super) fn empty() -> Self {
        Buffer { start: NonNull::dangling(), length: 0, pages: None }
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
        Layout::from_size_align(bytes.checked_next_multiple_of(CACHE_LINE)?, CACHE_LINE).ok()
    }
}

/// Zeroed pages with room for so many bytes from the first multiple of [`HUGE_PAGE`] in them; huge ones if the system has them.
fn huge_pages(bytes: usize) -> Option<MmapMut> {
    let pages = MmapOptions::new().len(bytes.checked_next_multiple_of(HUGE_PAGE)?.checked_add(HUGE_PAGE)?).map_anon().ok()?;
    // Refused where the kernel has none: everything works as before, only slower.
    #[cfg(target_os = "linux")]
    let _ = pages.advise(memmap2::Advice::HugePage);
    Some(pages)
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
        if self.length == 0 || self.pages.is_some() {
            return;
        }
        if let Some(layout) = Self::layout(self.length) {
            // SAFETY: a buffer with numbers, and no pages, came from `zeros`, which allocated it with this very layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}
