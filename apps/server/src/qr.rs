//! The QR image of a provisioning URI.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcodegen::{QrCode, QrCodeEcc};
use zeroize::Zeroizing;

/// Pixels of a module, and modules of the quiet zone (ISO/IEC 18004 §6.3.8).
const SCALE: usize = 6;
const QUIET: usize = 4;

/// The text cannot be drawn: it is longer than a QR image holds.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the text is too long for a QR image")]
pub(crate) struct TooLong;

/// The image as Base64 of a PNG, ready for `data:image/png;base64,…`.
pub(crate) fn base64_png(text: &str) -> Result<Zeroizing<String>, TooLong> {
    // A long text has room for less that may be damaged.
    let code = [QrCodeEcc::Medium, QrCodeEcc::Low].into_iter().find_map(|level| QrCode::encode_text(text, level).ok());
    let code = code.ok_or(TooLong)?;
    let modules = usize::try_from(code.size()).map_err(|_| TooLong)?;
    let side = modules.saturating_add(2 * QUIET).saturating_mul(SCALE);
    let is_dark = |x: usize, y: usize| {
        let module = |pixel: usize| i32::try_from(pixel / SCALE).ok()?.checked_sub(i32::try_from(QUIET).ok()?);
        module(x).zip(module(y)).is_some_and(|(x, y)| code.get_module(x, y))
    };
    let pixels: Zeroizing<Vec<u8>> = Zeroizing::new(
        (0..side)
            .flat_map(|y| (0..side).map(move |x| (x, y)))
            .map(|(x, y)| if is_dark(x, y) { 0 } else { 255 })
            .collect(),
    );
    let mut png = Zeroizing::new(Vec::new());
    let side = u32::try_from(side).map_err(|_| TooLong)?;
    let mut encoder = png::Encoder::new(&mut *png, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    // Into memory: there is nothing else to fail.
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|_| TooLong)?;
    Ok(Zeroizing::new(STANDARD.encode(png.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_square_with_a_quiet_zone_and_the_longest_uri_fits() {
        let decode = |text: &str| {
            let bytes = STANDARD.decode(base64_png(text).unwrap().as_bytes()).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!(info.width, info.height);
            (usize::try_from(info.width).unwrap(), pixels)
        };
        let (side, pixels) = decode("otpauth://totp/a:b?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=a");
        let margin = QUIET * SCALE;
        for (at, pixel) in pixels.iter().enumerate() {
            let (x, y) = (at % side, at / side);
            let quiet = x < margin || y < margin || x >= side - margin || y >= side - margin;
            assert!(!quiet || *pixel == 255, "the quiet zone is white at {x}, {y}");
        }
        assert_eq!(pixels[margin * side + margin], 0, "the finder pattern begins where the quiet zone ends");
        // 256 characters of four bytes each, as issuer twice and as account, percent-encoded.
        let longest = "%F0%9F%98%80".repeat(256);
        assert!(base64_png(&format!("otpauth://totp/{longest}:{longest}?issuer={longest}")).is_err());
        decode(&format!("otpauth://totp/{}", "x".repeat(2900)));
    }
}
