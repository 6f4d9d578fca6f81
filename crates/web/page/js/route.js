// Addresses of views: `#/folder/ID?file=ID`. Everything after `#`, since only `/` is a page.

/** Takes the current address apart: `{ view, id, query, place }`; `place` leaves the open file out. */
export function here() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/").filter(Boolean).map(decode);
  const query = new URLSearchParams(search);
  const file = query.get("file");
  query.delete("file");
  return { view: view ?? "folder", id: rest.join("/") || "", query, file, place: `${path}?${query}` };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a view. */
export function to(view, id = "", query = {}) {
  const path = [view, ...id.split("/")].filter(Boolean).map(encodeURIComponent).join("/");
  const entries = Object.entries(query).filter(([, value]) => value);
  return `#/${path}${entries.length > 0 ? `?${new URLSearchParams(entries)}` : ""}`;
}

/** The address of a folder by its path; the view finds its id. */
export const toPath = (path) => to("at", path);

/** The address of a folder of a connection. Its id there may be a path, and is kept to the letter. */
export const toRemote = (connection, folder = "") => `${to("connections", connection)}${folder ? `/${encodeURIComponent(folder)}` : ""}`;

/** What `toRemote` put together, from the `id` of an address. */
export function remoteOf(id) {
  const cut = id.indexOf("/");
  return cut < 0 ? { connection: id, folder: "" } : { connection: id.slice(0, cut), folder: id.slice(cut + 1) };
}

/** The current address with another file, or none, open beside the list. */
export function withFile(id) {
  const { view, id: current, query } = here();
  return to(view, current, { ...Object.fromEntries(query), file: id });
}

/** Goes there; `replace` leaves no step to go back to. */
export function go(hash, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}
