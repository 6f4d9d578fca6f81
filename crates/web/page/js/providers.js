// What the page knows of providers: icons, forms, and the names of documents and of what they are exported as.

const GLYPHS = { google: "drive", onedrive: "cloud", s3: "bucket", b2: "flame", azure: "box", directory: "server", webdav: "globe" };

/** The icon of a kind of connection. */
export const glyphOf = (kind) => GLYPHS[kind] ?? "cloud";

const SECRET = { type: "password", autocomplete: "new-password", required: true, maxlength: 8192 };
const LABEL = { name: "label", label: "Name", maxlength: 255, hint: "For yourself; may be empty." };
const PREFIX = { name: "prefix", label: "Only what begins with", hint: "Such as team/; empty: all of it.", spellcheck: "false" };
const ADDRESS = { type: "url", inputmode: "url", spellcheck: "false", maxlength: 2048 };

const FORMS = {
  s3: [
    { name: "bucket", label: "Bucket", required: true, spellcheck: "false" },
    { name: "endpoint", label: "Address", ...ADDRESS, hint: "Empty: Amazon's. Such as https://s3.example.org for other services." },
    { name: "region", label: "Region", spellcheck: "false", hint: "Such as eu-central-1." },
    { name: "access_key", label: "Access key id", required: true, spellcheck: "false" },
    { name: "secret_key", label: "Secret access key", ...SECRET },
    PREFIX,
    { name: "path_style", label: "The bucket is named", options: [["", "as the address needs it"], ["true", "in the path"], ["false", "in the host"]] },
    LABEL,
  ],
  b2: [
    { name: "bucket", label: "Bucket", required: true, spellcheck: "false" },
    { name: "endpoint", label: "Address", ...ADDRESS, required: true, hint: "The bucket's endpoint, such as https://s3.us-west-004.backblazeb2.com." },
    { name: "access_key", label: "Application key's id", required: true, spellcheck: "false" },
    { name: "secret_key", label: "Application key", ...SECRET },
    PREFIX, LABEL,
  ],
  azure: [
    { name: "container", label: "Container", required: true, spellcheck: "false" },
    { name: "connection_string", label: "Connection string", ...SECRET },
    PREFIX, LABEL,
  ],
  webdav: [
    { name: "url", label: "Address of the folder", ...ADDRESS, required: true, hint: "Such as https://cloud.example.org/remote.php/dav/files/ada." },
    { name: "user", label: "User name", spellcheck: "false", autocapitalize: "none" },
    { name: "password", label: "Password", ...SECRET, required: false, hint: "Better an app password than the one of the account." },
    LABEL,
  ],
  directory: [
    { name: "path", label: "Path of the folder", required: true, spellcheck: "false", hint: "On the server, below one of CUMULI_DIRECTORY_ROOTS." },
    LABEL,
  ],
};

/** The fields by which a kind is connected; null when people sign in instead. */
export const fieldsOf = (kind) => FORMS[kind] ?? null;

/** A filled form as the API takes it: what is empty is left out. */
export function connectionOf(kind, { path_style, server, read_only, ...texts }) {
  const told = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ""));
  if (path_style) told.path_style = path_style === "true";
  if (kind === "directory") told.read_only = read_only === "on";
  if (kind === "directory" || server) told.server = server === "on";
  return { kind, ...told };
}

const DOCUMENTS = {
  "application/vnd.google-apps.document": ["Google Docs", "text"],
  "application/vnd.google-apps.spreadsheet": ["Google Sheets", "sheet"],
  "application/vnd.google-apps.presentation": ["Google Slides", "slides"],
  "application/vnd.google-apps.drawing": ["Google Drawings", "image"],
  "application/vnd.google-apps.script": ["Apps Script", "code"],
  "application/vnd.google-apps.form": ["Google Forms", "text"],
};

/** What something that is neither file nor folder is called, for a badge; null for the two. */
export function badgeOf(item) {
  if (item.kind === "document") return DOCUMENTS[item.mime_type]?.[0] ?? "Document";
  return { shortcut: "Shortcut", other: "Not a file" }[item.kind] ?? null;
}

/** The icon of what is neither file nor folder. */
export function glyphOfOther(item) {
  if (item.kind === "document") return DOCUMENTS[item.mime_type]?.[1] ?? "text";
  return item.kind === "shortcut" ? "link" : "file";
}

const EXPORTS = {
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word (.docx)",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel (.xlsx)",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint (.pptx)",
  "application/vnd.oasis.opendocument.text": "OpenDocument text (.odt)",
  "application/vnd.oasis.opendocument.spreadsheet": "OpenDocument table (.ods)",
  "application/vnd.oasis.opendocument.presentation": "OpenDocument slides (.odp)",
  "application/x-vnd.oasis.opendocument.spreadsheet": "OpenDocument table (.ods)",
  "application/rtf": "Rich text (.rtf)",
  "application/pdf": "PDF",
  "application/epub+zip": "EPUB",
  "application/zip": "Web page (.zip)",
  "application/vnd.google-apps.script+json": "JSON",
  "text/plain": "Plain text",
  "text/csv": "CSV, the first sheet",
  "text/tab-separated-values": "TSV, the first sheet",
  "text/markdown": "Markdown",
  "text/html": "Web page",
  "image/png": "PNG",
  "image/jpeg": "JPEG",
  "image/svg+xml": "SVG",
};

/** What a media type that a document can be had as is called. */
export const exportName = (type) => EXPORTS[type] ?? type;
