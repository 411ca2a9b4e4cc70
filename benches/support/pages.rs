//! Numbers in huge pages, as those of large ensembles are.

use memmap2::{MmapMut, MmapOptions};

/// As many ones as asked for.
pub struct Ones {
    pages: MmapMut,
    count: usize,
}

impl Ones {
    pub fn new(count: usize) -> std::io::Result<Self> {
        let pages = MmapOptions::new().len(count * size_of::<f64>()).map_anon()?;
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        let mut ones = Ones { pages, count };
        ones.pages.chunks_exact_mut(size_of::<f64>()).for_each(|bytes| bytes.copy_from_slice(&1f64.to_ne_bytes()));
        Ok(ones)
    }
}

impl std::ops::Deref for Ones {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        // SAFETY: pages are aligned, and hold as many numbers, every one of which was written.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr().cast(), self.count) }
    }
}
