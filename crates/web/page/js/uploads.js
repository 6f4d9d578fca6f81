// The upload queue: three files at a time, in the order in which they were added.

import * as api from "./api.js";
import { session } from "./session.js";
import * as tus from "./tus.js";

const PARALLEL = 3;
const TRIES = 4;
const LONGEST_WAIT_SECS = 30;
const KEY = "cumuli.on_conflict";

/** Fires `progress` when figures changed and `settled` when nothing waits or runs any more. */
export const uploads = new EventTarget();
/**
 * Every file added since the queue was last cleared: `{ name, size, sent, state, note, isBig, isWaiting }` and where
 * it goes. What `isBig` can be paused; while `isWaiting` the server does not answer.
 */
uploads.items = [];

/** What happens to a taken name: `new_version`, `keep_both` or `fail` (the file is left out). */
uploads.onConflict = () => localStorage.getItem(KEY) ?? "new_version";
uploads.setOnConflict = (choice) => localStorage.setItem(KEY, choice);

let isTold = false;

function tell() {
  if (isTold) return;
  isTold = true;
  // At most once a frame, or a fast network would spend itself on drawing bars. A hidden tab has no frames.
  setTimeout(() => {
    isTold = false;
    uploads.dispatchEvent(new Event("progress"));
  }, 60);
}

/**
 * Adds `{ file, path }` entries for a folder `{ id, path }`; `path` is where in it, "" for itself. A folder
 * with `address(path, name, onConflict)` says itself where a file is sent to, and with `target(path, name)`
 * where to a big one.
 */
uploads.add = (entries, folder) => {
  const onConflict = uploads.onConflict();
  // A new start: what ended well before is no longer of interest.
  if (sendingCount === 0) uploads.items = inState("failed", "paused");
  for (const { file, path } of entries) {
    const target = targetIn(folder, path, file.name);
    enqueue({
      file, name: file.name, size: file.size, sent: 0, state: "waiting", note: "", onConflict,
      target, isBig: tus.isFor(file, target), isWaiting: false, place: [folder.id, path],
      // A file of the open folder goes by the folder's id, which stays right when it is moved meanwhile.
      address: folder.address
        ? () => folder.address(path, file.name, onConflict)
        : () => api.uploadUrl(path === "" ? { folderId: folder.id, name: file.name } : { path: `${folder.path}/${path}/${file.name}` }, onConflict),
    });
  }
  tell();
  pump();
};

/** Where a big file goes; null where only whole files can go, as in the folder of a public link. */
function targetIn(folder, path, filename) {
  if (folder.address) return folder.target ? () => folder.target(path, filename) : null;
  return () => (path === "" ? { folder_id: folder.id, filename } : { path: `${folder.path}/${path}/${filename}` });
}

const queue = [];
let sendingCount = 0;

function enqueue(item) {
  uploads.items.push(item);
  queue.push(item);
}

const inState = (...states) => uploads.items.filter((item) => states.includes(item.state));

function pump() {
  while (sendingCount < PARALLEL && queue.length > 0) {
    const item = queue.shift();
    if (item.state === "waiting") run(item);
  }
  if (sendingCount === 0) uploads.dispatchEvent(new Event("settled"));
}

async function run(item) {
  sendingCount += 1;
  item.state = "sending";
  item.abort = new AbortController();
  try {
    const isNewVersion = await (item.isBig ? sendBig(item) : sendPatiently(item));
    finish(item, "done", isNewVersion ? "New version" : "");
  } catch (error) {
    if (error.status === -1 && item.abort.signal.reason === PAUSE) pauseNow(item);
    else if (error.status === -1) giveUp(item);
    else if (error.status === 409 && item.onConflict === "fail") finish(item, "skipped", "Skipped, it is already there");
    else finish(item, "failed", error.message);
  }
  sendingCount -= 1;
  pump();
}

async function sendBig(item) {
  return (await tus.send(item, tell)).version > 1;
}

// A busy server says when to come back; it is asked a few times before a person is.
async function sendPatiently(item) {
  for (let tries = 1; ; tries += 1) {
    try {
      const onProgress = (bytes) => { item.sent = Math.min(bytes, item.size); tell(); };
      return (await api.upload(await item.address(), item.file, onProgress, item.abort.signal)).status === 200;
    } catch (error) {
      if (![429, 503].includes(error.status) || tries >= TRIES) throw error;
      const seconds = Math.min(error.retrySeconds || 2 ** tries, LONGEST_WAIT_SECS);
      await new Promise((done) => { setTimeout(done, seconds * 1000); });
      if (item.abort.signal.aborted) throw new api.ApiError(-1, null);
    }
  }
}

function finish(item, state, note) {
  Object.assign(item, { state, note, abort: null, sent: state === "done" ? item.size : 0 });
  if (state === "done") {
    item.file = null;
    session.dispatchEvent(new Event("caught-up"));
  }
  tell();
}

/** Why a request was called off: to go on later. */
const PAUSE = "pause";

function pauseNow(item) {
  Object.assign(item, { state: "paused", abort: null });
  tell();
}

function giveUp(item) {
  finish(item, "cancelled", "Cancelled");
  if (item.isBig) tus.abandon(item);
}

/** Holds a big file; what the server has of it stays there. */
uploads.pause = (item) => {
  if (!item.isBig) return;
  if (item.abort) item.abort.abort(PAUSE);
  else if (item.state === "waiting") pauseNow(item);
};

/** Goes on with a file that was held. */
uploads.resume = (item) => {
  if (item.state === "paused") enter(item);
};

/** Calls one file off. */
uploads.cancel = (item) => {
  if (item.abort) item.abort.abort();
  else if (["waiting", "paused"].includes(item.state)) giveUp(item);
};

/** Calls everything off that is not done. */
uploads.cancelAll = () => {
  // Those that wait first, or each place that becomes free would be taken by the next.
  for (const item of inState("waiting", "paused")) uploads.cancel(item);
  for (const item of inState("sending")) uploads.cancel(item);
};

function enter(item) {
  Object.assign(item, { state: "waiting", note: "" });
  queue.push(item);
  tell();
  pump();
}

/** Sends a failed or cancelled file again; a big one goes on where it was. */
uploads.retry = (item) => {
  if (!item.file) return;
  item.sent = 0;
  enter(item);
};

/** Sends all failed files again. */
uploads.retryAll = () => inState("failed").forEach(uploads.retry);

/** Forgets what has ended. */
uploads.clear = () => {
  uploads.items = inState("waiting", "sending", "paused");
  tell();
};

/** `{ waiting, sending, paused, done, skipped, failed, cancelled, sentBytes, totalBytes }`. */
uploads.figures = () => {
  const figures = { waiting: 0, sending: 0, paused: 0, done: 0, skipped: 0, failed: 0, cancelled: 0, sentBytes: 0, totalBytes: 0 };
  for (const item of uploads.items) {
    figures[item.state] += 1;
    if (["waiting", "sending", "paused", "done"].includes(item.state)) {
      figures.sentBytes += item.sent;
      figures.totalBytes += item.size;
    }
  }
  return figures;
};

tus.tidy();

addEventListener("beforeunload", (event) => {
  if (inState("waiting", "sending").length > 0) event.preventDefault();
});
