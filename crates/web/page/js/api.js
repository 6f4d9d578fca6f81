// The only place that talks to the server.

/** What went wrong, in a sentence for a person. `status` 0: the server could not be reached. */
export class ApiError extends Error {
  constructor(status, problem, retrySeconds = 0) {
    super(problem?.detail || problem?.title || `The server answered with status ${status}.`);
    this.status = status;
    /** The kind of the problem in a word, such as `offset`; empty where the server did not say it. */
    this.kind = problem?.type?.split(":").pop() ?? "";
    /** Field name to what is wrong with it. */
    this.fields = Object.fromEntries((problem?.errors ?? []).map((error) => [error.field, error.detail]));
    this.retrySeconds = retrySeconds;
  }
}

/** Fires `signed-out` when a session has ended, and `unreachable` or `reachable` when the line changes. */
export const line = new EventTarget();
let isReachable = true;

function setReachable(now) {
  if (now !== isReachable) line.dispatchEvent(new Event(now ? "reachable" : "unreachable"));
  isReachable = now;
}

function unreachable() {
  setReachable(false);
  return new ApiError(0, { detail: "The server cannot be reached. Check your connection and try again." });
}

const calledOff = () => new ApiError(-1, { detail: "Cancelled." });

function errorFrom(status, text, headers) {
  let problem = null;
  try {
    problem = JSON.parse(text);
  } catch {
    // Not ours: a proxy on the way answered. Its status says enough.
  }
  return new ApiError(status, problem, Number(headers.get("Retry-After")) || 0);
}

function address(path, query) {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return entries.length === 0 ? path : `${path}?${new URLSearchParams(entries)}`;
}

async function send(method, path, { json, body, query, signal, headers = {}, credentials = "same-origin" } = {}) {
  const init = { method, credentials, body, signal, headers: { Accept: "application/json", ...headers } };
  if (json !== undefined) {
    init.headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(json);
  }
  let reply;
  try {
    reply = await fetch(address(path, query), init);
  } catch {
    throw signal?.aborted ? calledOff() : unreachable();
  }
  setReachable(true);
  if (reply.ok) return reply;
  if (reply.status === 401 && path.startsWith("/api/")) line.dispatchEvent(new Event("signed-out"));
  throw errorFrom(reply.status, await reply.text(), reply.headers);
}

async function data(method, path, options) {
  const reply = await send(method, path, options);
  return reply.status === 204 ? null : reply.json();
}

const get = (path, query) => data("GET", path, { query });
const post = (path, json) => data("POST", path, { json });
const patch = (path, json) => data("PATCH", path, { json });
const put = (path) => data("PUT", path);
const remove = (path) => data("DELETE", path);
const v1 = (...parts) => `/api/v1/${parts.map(encodeURIComponent).join("/")}`;

// Accounts

export const signUp = () => get("/auth/signup");
export const signIn = (email, password) => post("/auth/session", { email, password });
/** Where a browser goes to sign in with a provider, and no more than that; it comes back to the same place. */
export const providerUrl = (name) => address(`/auth/${encodeURIComponent(name)}/login`, { redirect_to: `/${location.hash}`, link: false });
export const signOut = () => remove("/auth/session");
export const signOutEverywhere = () => post("/auth/logout-everywhere");
export const changePassword = (current_password, new_password) => post("/auth/password", { current_password, new_password });
/** The providers' identities that open the account: `{ identities, has_password }`. */
export const identities = () => get("/api/v1/identities");
export const removeIdentity = (number) => remove(v1("identities", number));

/** Makes an account and signs in. */
export async function register(account) {
  await giveBack(await post("/auth/register", account));
  return signIn(account.email, account.password);
}

/** Lets a provider open the account that has the same address, and signs in. */
export async function join(join_ticket, password) {
  const tokens = await post("/auth/join", { join_ticket, password });
  await giveBack(tokens);
  return signIn(tokens.email, password);
}

/** Ends the session of tokens that nobody needs: the page lives on its cookie. */
function giveBack({ access_token }) {
  return data("POST", "/auth/logout", { headers: { Authorization: `Bearer ${access_token}` }, credentials: "omit" }).catch(() => null);
}

/** The signed-in person, or null. */
export async function me() {
  try {
    return await get("/api/v1/me");
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

export const renameMe = (full_name) => patch("/api/v1/me", { full_name });
export const setPhoto = (file) => data("PUT", "/api/v1/me/photo", { body: file });
export const removePhoto = () => remove("/api/v1/me/photo");
/** The address of the person's own photo; the mark keeps an old one from standing for a new one. */
export const photoUrl = (mark) => address("/api/v1/me/photo", { v: mark || null });
export const sessions = async () => (await get("/api/v1/sessions")).sessions;
export const endSession = (id) => remove(v1("sessions", id));
export const appPasswords = async () => (await get("/api/v1/app-passwords")).app_passwords;
export const createAppPassword = (label) => post("/api/v1/app-passwords", { label });
export const removeAppPassword = (id) => remove(v1("app-passwords", id));

// Nodes

export const node = (id) => get(v1("nodes", id));
export const resolve = (path) => get("/api/v1/resolve", { path });
export const children = (id, query) => get(v1("folders", id, "children"), query);
export const createFolder = (parent_id, name) => post("/api/v1/folders", { parent_id, name });
export const createFolders = (path) => post("/api/v1/folders", { path });
export const rename = (id, name) => patch(v1("nodes", id), { name, on_conflict: "fail" });
export const move = (id, parent_id, on_conflict) => patch(v1("nodes", id), { parent_id, on_conflict });
export const copy = (id, parent_id) => post(v1("nodes", id, "copy"), { parent_id, on_conflict: "keep_both" });
export const trash = (id) => remove(v1("nodes", id));
export const star = (id) => put(v1("nodes", id, "star"));
export const unstar = (id) => remove(v1("nodes", id, "star"));
export const starred = (query) => get("/api/v1/starred", query);
export const recent = (query) => get("/api/v1/recent", query);
export const search = (query) => get("/api/v1/search", query);

// Versions and contents

export const versions = async (id) => (await get(v1("files", id, "versions"))).versions;
export const restoreVersion = (id, number) => post(v1("files", id, "versions", number, "restore"));
export const removeVersion = (id, number) => remove(v1("files", id, "versions", number));
export const contentUrl = (id) => v1("files", id, "content");
/** The address of a file shown in the page; the tag keeps an old picture from standing for a new one. */
export const inlineUrl = (file) => address(contentUrl(file.id), { inline: true, v: file.version });
export const versionUrl = (id, number) => v1("files", id, "versions", number, "content");

/** The first `limit` bytes of a file. */
export const head = (file, limit) => headOf(inlineUrl(file), file, limit);

async function headOf(path, { size }, limit) {
  const headers = { Accept: "*/*", ...(size > limit ? { Range: `bytes=0-${limit - 1}` } : {}) };
  return (await send("GET", path, { headers })).arrayBuffer();
}

/** One archive of a folder, or of several nodes. */
export const zipUrl = (nodes) => (nodes.length === 1 && nodes[0].kind === "folder" ? v1("folders", nodes[0].id, "zip") : `/api/v1/zip?ids=${nodes.map((node) => node.id).join(",")}`);

// Connections

/** Where drives can be, and what is missing to link each. */
export const providers = async () => (await get("/api/v1/providers")).providers;
/** One's own, and for an administrator the server's. */
export const connections = async () => (await get("/api/v1/connections")).connections;
export const connect = (connection) => post("/api/v1/connections", connection);
export const renameConnection = (id, label) => patch(v1("connections", id), { label });
export const unlink = (id) => remove(v1("connections", id));
export const checkConnection = (id) => post(v1("connections", id, "check"));
/** Has it looked at as soon as can be. */
export const refreshConnection = (id) => send("POST", v1("connections", id, "refresh"));
/** Where a browser goes to link a drive, or to make a connection work again. */
export const linkUrl = (provider, connection) => address(`/auth/${encodeURIComponent(provider)}/start`, { connection, redirect_to: "/#/connections" });
export const remoteItems = (id, query) => get(v1("connections", id, "items"), query);
/** An address that gives the content of a file, or an export of a document. */
export const remoteUrl = async (id, item, exported) => (await data("POST", v1("connections", id, "items", "url"), { query: { item, export: exported } })).url;

// Mirrors

/** All of one's own, the oldest first. */
export const mirrors = async () => (await get("/api/v1/mirrors")).mirrors;
export const mirror = (id) => get(v1("mirrors", id));
export const createMirror = (mirror) => post("/api/v1/mirrors", mirror);
export const changeMirror = (id, change) => patch(v1("mirrors", id), change);
export const removeMirror = (id) => remove(v1("mirrors", id));
/** Has it `pause`, `resume` or `run`. */
export const tellMirror = (id, word) => post(v1("mirrors", id, word));
/** What it would do; the first page has the numbers too. */
export const mirrorPlan = (id, query) => get(v1("mirrors", id, "plan"), query);
/** Says `approve` or `reject` to exactly the deletes that `digest` names. */
export const decideDeletes = (id, word, digest) => post(v1("mirrors", id, word), { digest });
/** Has it `skip` things, or `unskip` them: `{ entries }` or `{ paths }`. */
export const skipEntries = (id, word, which) => post(v1("mirrors", id, word), which);
/** Pages of its `errors`, of what is `skipped`, or of its `events`. */
export const mirrorList = (id, name, query) => get(v1("mirrors", id, name), query);

// Conflicts

export const conflicts = (query) => get("/api/v1/conflicts", query);
export const conflict = (id) => get(v1("conflicts", id));
export const conflictDiff = (id, sides) => get(v1("conflicts", id, "diff"), sides);
export const resolveConflict = (id, decision) => post(v1("conflicts", id, "resolve"), decision);
/** Decides several in one way: `{ ids, … }`. Gives `{ conflicts, failed, has_more }`. */
export const resolveConflicts = (decision) => post("/api/v1/conflicts/resolve", decision);
export const undoConflict = (id) => post(v1("conflicts", id, "undo"));

// Sharing

/** Everybody who was given a node, or a folder above it. */
export const access = (id) => all(v1("nodes", id, "access"), "shares");
export const share = (share) => post("/api/v1/shares", share);
export const changeShare = (id, change) => patch(v1("shares", id), change);
export const endShare = (id) => remove(v1("shares", id));
export const sharedWithMe = (query) => get("/api/v1/shared-with-me", query);
export const nodeLinks = async (id) => (await get(v1("nodes", id, "links"))).links;
export const createLink = (link) => post("/api/v1/links", link);
export const changeLink = (id, change) => patch(v1("links", id), change);
export const revokeLink = (id) => remove(v1("links", id));

/** All pages of a list that is short. */
async function all(path, name) {
  const rows = [];
  let cursor = null;
  do {
    const page = await get(path, { limit: 1000, cursor });
    rows.push(...page[name]);
    cursor = page.next_cursor;
  } while (cursor);
  return rows;
}

// Trash

export const trashed = (query) => get("/api/v1/trash", query);
export const restore = (id, to = {}) => post(v1("trash", id, "restore"), to);
export const purge = (id) => remove(v1("trash", id));
export const emptyTrash = () => remove("/api/v1/trash");

// Public links, as their visitors see them

/** What whoever knows the token of a link can ask for. */
export function visit(token) {
  const at = (...parts) => `/s/${[token, ...parts].map(encodeURIComponent).join("/")}`;
  const contentUrl = (id) => (id ? at("files", id, "content") : at("content"));
  const inlineUrl = (file) => address(contentUrl(file.id), { inline: true });
  return {
    info: () => get(at("info")),
    unlock: (password) => post(at("unlock"), { password }),
    items: (query) => get(at("items"), query),
    createFolder: (folder) => post(at("folders"), folder),
    rename: (id, name) => patch(at("nodes", id), { name, on_conflict: "fail" }),
    trash: (id) => remove(at("nodes", id)),
    zipUrl: (folder) => address(at("zip"), { folder }),
    uploadUrl: (folder, name, on_conflict) => address(at("folders", folder, "files", name), { on_conflict }),
    contentUrl,
    inlineUrl,
    head: (file, limit) => headOf(inlineUrl(file), file, limit),
  };
}

// Administration

export const users = (query) => get("/api/v1/admin/users", query);
export const createUser = (user) => post("/api/v1/admin/users", user);
export const updateUser = (id, fields) => patch(v1("admin", "users", id), fields);
export const createInvite = () => post("/api/v1/admin/invites", {});
/** Jobs of everybody: an administrator's view. */
export const jobs = (query) => get("/api/v1/jobs", { all: true, ...query });
export const cancelJob = (id) => post(v1("jobs", id, "cancel"));
export const retryJob = (id) => post(v1("jobs", id, "retry"));

export const stores = async (probe = false) => (await get("/api/v1/admin/stores", { probe: probe || null })).stores;
/** Sends new contents to another store and moves what the first one holds there. */
export const copyStore = (move) => post("/api/v1/admin/stores/copy", move);
export const copyReport = (from, to) => get("/api/v1/admin/stores/copy", { from, to });
export const retireStore = (name, erase) => post(v1("admin", "stores", name, "retire"), { erase });
/** Has stored contents read back now. */
export const scrub = () => post("/api/v1/admin/scrub");
export const damage = (query) => get("/api/v1/admin/damage", query);

// Uploads

/** Where a file goes: into a folder by its id, or below a path whose missing folders are made. */
export function uploadUrl({ folderId, path, name }, on_conflict) {
  if (path === undefined) return address(v1("folders", folderId, "files", name), { on_conflict });
  return address(`/api/v1/paths/${path.split("/").filter(Boolean).map(encodeURIComponent).join("/")}`, { on_conflict });
}

/** Sends `file`, telling `onProgress(bytes)`; gives `{ status, node }`. `signal` calls it off. */
export async function upload(url, file, onProgress, signal) {
  const headers = file.type ? {} : { "Content-Type": "application/octet-stream" };
  const reply = await transmit("PUT", url, { body: file, headers, onProgress, signal });
  return { status: reply.status, node: JSON.parse(reply.responseText) };
}

/** A line over which no byte moved for so long is taken for broken. */
const STALLED_MS = 60_000;
/** Storing what was sent may take longer than sending it. */
const STORING_MS = 600_000;

/** Sends a body and tells how much of it has gone; fetch cannot. */
function transmit(method, url, { body, headers, onProgress, signal }) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    let timer = 0;
    const watch = (milliseconds) => {
      clearTimeout(timer);
      timer = setTimeout(() => { fail(unreachable()); request.abort(); }, milliseconds);
    };
    const stop = () => request.abort();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => { watch(STALLED_MS); onProgress(event.loaded); };
    request.upload.onload = () => watch(STORING_MS);
    request.onerror = () => fail(unreachable());
    request.onabort = () => fail(calledOff());
    request.onload = () => {
      setReachable(true);
      const { status, responseText } = request;
      if (status >= 200 && status < 300) return done(request);
      if (status === 401) line.dispatchEvent(new Event("signed-out"));
      return fail(errorFrom(status, responseText, { get: (name) => request.getResponseHeader(name) }));
    };
    request.onloadend = () => { clearTimeout(timer); signal.removeEventListener("abort", stop); };
    signal.addEventListener("abort", stop);
    // The watch begins with the first byte: before it, the request may wait for one of the browser's few connections.
    request.send(body);
  });
}

// Uploads that go on where they were cut (tus 1.0)

const TUS = { "Tus-Resumable": "1.0.0" };

/** What a reply says of an upload: how much is durable, when it ends, and which file and version it became. */
function standing(header) {
  const made = header("Cumuli-File-Id");
  return {
    offset: Number(header("Upload-Offset") ?? 0),
    expires: Date.parse(header("Upload-Expires") ?? "") || null,
    fileId: made,
    version: made ? Number(/-(\d+)"$/.exec(header("ETag") ?? "")?.[1] ?? 1) : null,
  };
}

/** Values of tus: UTF-8 in base64. */
const encoded = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Begins an upload of `file`; `target` is `{ folder_id, filename }` or `{ path }`. Gives its id and how it stands. */
export async function beginUpload(target, file, on_conflict, signal) {
  const told = Object.entries({ ...target, filetype: file.type, on_conflict }).filter(([, value]) => value);
  const headers = { ...TUS, "Upload-Length": String(file.size), "Upload-Metadata": told.map(([key, value]) => `${key} ${encoded(value)}`).join() };
  const reply = await send("POST", v1("uploads", "tus"), { headers, signal });
  // Its address may be one for the world outside; the id is the same everywhere.
  return { id: reply.headers.get("Location").split("/").pop(), ...standing((name) => reply.headers.get(name)) };
}

// A reply to HEAD has no body that could say it.
const STATES = { 409: "Something of that name is there already.", 507: "There is no room left for it." };

/** How an upload stands; one that only its end is missing of, the server tries to end again. */
export async function uploadState(id, signal) {
  try {
    const reply = await send("HEAD", v1("uploads", "tus", id), { headers: TUS, signal });
    return { id, ...standing((name) => reply.headers.get(name)) };
  } catch (error) {
    throw error.status in STATES ? new ApiError(error.status, { detail: STATES[error.status] }) : error;
  }
}

/** Appends `bytes` at `offset`, telling `onProgress(bytes)`. */
export async function appendUpload({ id, offset }, bytes, onProgress, signal) {
  const headers = { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
  const reply = await transmit("PATCH", v1("uploads", "tus", id), { body: bytes, headers, onProgress, signal });
  return { id, ...standing((name) => reply.getResponseHeader(name)) };
}

/** Gives an upload up. */
export const abandonUpload = (id) => data("DELETE", v1("uploads", "tus", id), { headers: TUS });

/** Whether the server answers; tells `line` when that is news. */
export async function knock() {
  await send("GET", "/health").catch(() => null);
  return isReachable;
}

/** The live journal from now on. The caller listens for `change` and closes it. */
export const events = () => new EventSource("/api/v1/events");
