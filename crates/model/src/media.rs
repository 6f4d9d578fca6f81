//! Media types, as far as it matters what they can do.

/// The type under which a content may be shown inside a page of ours; `None` for what is only
/// ever downloaded. Nothing on this list can run a script.
pub fn shown_inline(media_type: &str) -> Option<&str> {
    match media_type {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif" | "image/bmp" => {
            Some(media_type)
        }
        "audio/mpeg" | "audio/mp4" | "audio/ogg" | "audio/wav" | "audio/x-wav" | "audio/flac"
        | "audio/aac" | "audio/webm" | "video/mp4" | "video/webm" | "video/ogg" | "video/quicktime" => {
            Some(media_type)
        }
        "application/json"
        | "application/xml"
        | "application/javascript"
        | "application/toml"
        | "application/x-sh"
        | "application/x-yaml"
        | "image/svg+xml" => Some("text/plain; charset=utf-8"),
        _ if media_type.starts_with("text/") => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}
