//! From SVG to PNG, with the font that the crate carries: the same pixels on every machine.

/// Pixels of a point: 300 to the inch.
pub const ZOOM: f32 = 300.0 / 72.0;

/// Why a drawing cannot be rasterised.
#[derive(Debug, thiserror::Error)]
#[error("the figure cannot be rasterised: {0}")]
pub struct RasterError(String);

/// A PNG of a drawing, with `zoom` pixels for each of its points.
///
/// # Errors
/// [`RasterError`] if the drawing is not SVG, or has no area.
#[cfg(feature = "raster")]
pub fn png(svg: &str, zoom: f32) -> Result<Vec<u8>, RasterError> {
    use resvg::{tiny_skia, usvg};
    /// DejaVu Sans: it has σ, ‖, ᵀ, ⊥ and ℰ (`fonts/LICENSE-DejaVu`).
    const FONT: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");

    let mut options = usvg::Options { font_family: "DejaVu Sans".into(), ..usvg::Options::default() };
    options.fontdb_mut().load_font_data(FONT.to_vec());
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| RasterError(error.to_string()))?;
    let size = tree.size();
    // A point is 4/3 of the pixels that lengths in SVG are measured in.
    let scale = zoom * 0.75;
    let (width, height) = ((size.width() * scale).round() as u32, (size.height() * scale).round() as u32);
    let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or_else(|| RasterError("it has no area".into()))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| RasterError(error.to_string()))
}

/// Built without the feature `raster`: there are no PNG files.
///
/// # Errors
/// Always.
#[cfg(not(feature = "raster"))]
pub fn png(_svg: &str, _zoom: f32) -> Result<Vec<u8>, RasterError> {
    Err(RasterError("this program was built without the feature \"raster\"; build it with --features raster".into()))
}
