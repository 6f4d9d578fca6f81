//! Google's own documents, which have no bytes but can be exported.

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const ODT: &str = "application/vnd.oasis.opendocument.text";
const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";
const ODP: &str = "application/vnd.oasis.opendocument.presentation";
const PDF: &str = "application/pdf";

/// Kinds of documents and what they are exported as, the best to keep first.
const EXPORTS: [(&str, &[&str]); 5] = [
    (
        "application/vnd.google-apps.document",
        &[
            DOCX,
            ODT,
            PDF,
            "text/markdown",
            "text/plain",
            "application/rtf",
            "application/epub+zip",
            "application/zip",
        ],
    ),
    (
        "application/vnd.google-apps.spreadsheet",
        &[
            XLSX,
            ODS,
            PDF,
            "text/csv",
            "text/tab-separated-values",
            "application/zip",
        ],
    ),
    (
        "application/vnd.google-apps.presentation",
        &[PPTX, ODP, PDF, "text/plain"],
    ),
    (
        "application/vnd.google-apps.drawing",
        &["image/svg+xml", PDF, "image/png", "image/jpeg"],
    ),
    (
        "application/vnd.google-apps.script",
        &["application/vnd.google-apps.script+json"],
    ),
];

/// What a document of a kind is exported as; nothing for what is no document.
pub(super) fn exports(kind: &str) -> &'static [&'static str] {
    let found = EXPORTS.iter().find(|(is, _)| *is == kind);
    found.map_or(&[], |(_, exports)| exports)
}
