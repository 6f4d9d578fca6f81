// Big files: sent piece by piece, so that a break or a reload costs a piece and not the file (tus 1.0).

import * as api from "./api.js";
import { session } from "./session.js";

const MIB = 1024 * 1024;
/** Files from this size on are sent so. */
export const BIG_BYTES = 32 * MIB;
const PIECE_BYTES = 32 * MIB;
const LONGEST_PAUSE_SECS = 30;
/** How often an answer that is not about the line is heard before a person is asked. */
const REFUSALS = 6;
const MEMORY = "cumuli.upload.";
/** How long one is remembered whose end the server did not tell. */
const REMEMBERED_MS = 7 * 86_400_000;

/** Keys of what is sent now: a file dropped twice is sent twice, not by turns. */
const taken = new Set();

/** Whether a file goes this way; `target` is where to, null where only whole files can go. */
export const isFor = (file, target) => target !== null && file.size >= BIG_BYTES;

/** What makes it the same upload after a reload: the same file to the same place. */
function keyOf({ file, place, onConflict }) {
  return MEMORY + JSON.stringify([session.me.user_id, place, file.name, file.size, file.lastModified, onConflict]);
}

function recall(key) {
  try {
    const { id, expires } = JSON.parse(localStorage.getItem(key));
    return expires > Date.now() ? id : null;
  } catch {
    return null;
  }
}

function remember(item, { id, expires }) {
  item.uploadId = id;
  if (!item.key) return;
  try {
    localStorage.setItem(item.key, JSON.stringify({ id, expires: expires ?? Date.now() + REMEMBERED_MS }));
  } catch {
    // A full store costs the way back after a reload, not the upload.
  }
}

function forget(item) {
  if (item.key) localStorage.removeItem(item.key);
  item.uploadId = null;
}

/** Forgets uploads that ended before anybody came back for them. */
export function tidy() {
  for (const key of Object.keys(localStorage).filter((key) => key.startsWith(MEMORY))) {
    if (!recall(key)) localStorage.removeItem(key);
  }
}

/**
 * Sends the file of `item`, from where an earlier attempt was cut, and gives `{ fileId, version }`. Calls `tell`
 * when `item.sent` or `item.isWaiting` changed. `item.abort` calls it off; the server keeps what it has.
 */
export async function send(item, tell) {
  item.key ??= keyOf(item);
  if (taken.has(item.key)) item.key = "";
  taken.add(item.key);
  const line = new Line(item, tell);
  try {
    let at = null;
    while (!at?.fileId) {
      try {
        at = at ? await append(item, at, line) : (await found(item)) ?? (await begun(item));
        line.isUp(at);
      } catch (error) {
        at = null;
        await line.isDown(error);
      }
    }
    forget(item);
    return at;
  } catch (error) {
    // The name is taken and stays taken: nobody comes back for these bytes.
    if (error.status === 409) abandon(item);
    throw error;
  } finally {
    taken.delete(item.key);
    item.isWaiting = false;
  }
}

/** How the upload stands that was begun before, or null. */
async function found(item) {
  const id = item.uploadId ?? (item.key && recall(item.key));
  if (!id) return null;
  try {
    const at = await api.uploadState(id, item.abort.signal);
    remember(item, at);
    return at;
  } catch (error) {
    if (![404, 410].includes(error.status)) throw error;
    forget(item);
    return null;
  }
}

async function begun(item) {
  const at = await api.beginUpload(await item.target(), item.file, item.onConflict, item.abort.signal);
  remember(item, at);
  return at;
}

async function append(item, at, line) {
  const piece = item.file.slice(at.offset, at.offset + PIECE_BYTES);
  // A file that was changed or taken away looks like a broken line when it is sent.
  await piece.slice(0, 1).arrayBuffer().catch(() => {
    forget(item);
    throw new Error("The file cannot be read any more. It may have been changed or moved.");
  });
  return api.appendUpload(at, piece, (bytes) => line.moves(at.offset + bytes), item.abort.signal);
}

/** Gives up what the server has of a file. */
export async function abandon(item) {
  const id = item.uploadId ?? (item.key && recall(item.key));
  forget(item);
  for (let tries = 0; id && tries < 4; tries += 1) {
    try {
      return await api.abandonUpload(id);
    } catch (error) {
      // The piece that was called off may still be written; what stays after all, the server's clean-up finds.
      if (![0, 423, 503].includes(error.status)) return null;
      await new Promise((done) => { setTimeout(done, 2000); });
    }
  }
  return null;
}

/** Patience with a line: how long to wait before the next attempt, and when to stop. */
class Line {
  constructor(item, tell) {
    Object.assign(this, { item, tell, pauses: 0, refusals: 0 });
    this.best = 0;
  }

  /** Bytes are on their way. */
  moves(bytes) {
    this.item.isWaiting = false;
    this.item.sent = Math.min(bytes, this.item.size);
    this.tell();
  }

  /** The server says how it stands. */
  isUp({ offset }) {
    if (offset > this.best) Object.assign(this, { best: offset, pauses: 0, refusals: 0 });
    this.moves(offset);
  }

  /** Waits where waiting may help, throws where it does not. */
  async isDown(error) {
    const { signal } = this.item.abort;
    if (signal.aborted) throw new api.ApiError(-1, null);
    // Another request was faster, or it ended meanwhile: the server is asked how it stands.
    const isToAsk = error.kind === "offset" || [404, 410].includes(error.status) && this.item.uploadId;
    const isBusy = [0, 423, 502, 503, 504].includes(error.status);
    if (!isToAsk && !isBusy && ![408, 429, 460, 500].includes(error.status)) throw error;
    this.refusals += isBusy ? 0 : 1;
    if (this.refusals > REFUSALS) throw error;
    if (isToAsk && this.refusals === 1) return;
    this.item.isWaiting = true;
    this.tell();
    await this.pause(Math.min(Math.max(error.retrySeconds, 2 ** this.pauses), LONGEST_PAUSE_SECS), signal);
    this.pauses += 1;
  }

  /** A pause that ends early when the server answers somebody else, or the person calls it off. */
  pause(seconds, signal) {
    return new Promise((done, fail) => {
      const ending = new AbortController();
      const end = (act) => { ending.abort(); act(); };
      // Not all at the same moment: many pages may wait for one server.
      const timer = setTimeout(() => end(done), seconds * 1000 * (0.75 + Math.random() / 2));
      ending.signal.addEventListener("abort", () => clearTimeout(timer));
      api.line.addEventListener("reachable", () => end(done), { signal: ending.signal });
      signal.addEventListener("abort", () => end(() => fail(new api.ApiError(-1, null))), { signal: ending.signal });
    });
  }
}
