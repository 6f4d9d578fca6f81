// What the list of conflicts and the view of a single one have in common: words, decisions, and how many wait.

import * as api from "./api.js";
import { h, icon } from "./dom.js";
import { ask } from "./dialogs.js";
import * as format from "./format.js";
import { go, to } from "./route.js";
import { session } from "./session.js";
import { toast, toastError } from "./toast.js";

const LOOK_AGAIN_MS = 20_000;
const CALM_MS = 1500;
const MOST_COUNTED = 99;

/** How many conflicts are open, in `text`, empty when none is; fires `count` when that is another. */
export const openConflicts = new EventTarget();
openConflicts.text = "";

/** Counts anew. */
openConflicts.load = async () => {
  try {
    const { conflicts, next_cursor: rest } = await api.conflicts({ resolved: false, limit: MOST_COUNTED });
    const text = rest ? `${MOST_COUNTED}+` : String(conflicts.length || "");
    if (text === openConflicts.text) return;
    openConflicts.text = text;
    openConflicts.dispatchEvent(new Event("count"));
  } catch {
    // The line that says so is above; the last count stays.
  }
};

/** Counts now and then until `signal` ends it. Conflicts are in no journal: they are no changes yet. */
openConflicts.watch = (signal) => {
  let calm = 0;
  const soon = () => {
    calm ||= setTimeout(() => { calm = 0; openConflicts.load(); }, CALM_MS);
  };
  const timer = setInterval(() => { if (document.visibilityState === "visible") openConflicts.load(); }, LOOK_AGAIN_MS);
  for (const name of ["change", "caught-up"]) session.addEventListener(name, soon, { signal });
  signal.addEventListener("abort", () => { clearInterval(timer); clearTimeout(calm); });
  openConflicts.load();
};

const KINDS = {
  edit_edit: "Changed on both sides",
  edit_delete: "Changed here, deleted there",
  delete_edit: "Deleted here, changed there",
  create_create: "Two files came to one name",
  kind_kind: "A file and a folder came to one name",
  overwrote: "Ours replaced theirs unseen; theirs was brought back",
};

/** What clashes, in words. */
export const kindOf = (conflict) => KINDS[conflict.kind] ?? conflict.kind;

const lasting = "What is replaced stays as an earlier version or in the trash.";
const HINTS = {
  ours: { edit_delete: "Ours goes there again.", delete_edit: "Theirs is deleted there too; a copy of it stays here.", any: "Ours goes there. Theirs stays as an earlier version here." },
  theirs: { edit_delete: "Ours goes to the trash here too.", delete_edit: "Theirs comes back here.", any: "Theirs comes here. Ours stays as an earlier version." },
  both: { edit_delete: "Ours is kept, and goes there again.", delete_edit: "Theirs is kept, and comes back here.", any: "Theirs keeps the name, ours becomes a file beside it." },
  merged: { any: "You put together what should hold, in the file here: it goes there as it is now." },
  later: { any: "What was changed last holds; the other stays as an earlier version." },
};

/** The ways to decide: a word for each, what it is called, and what the API calls it. */
export const WAYS = [
  { word: "ours", label: "Keep ours", icon: "upload", how: { policy: "manual", winner: "here" } },
  { word: "theirs", label: "Keep theirs", icon: "download", how: { policy: "manual", winner: "there" } },
  { word: "both", label: "Keep both", icon: "copy", how: { policy: "keep-both" } },
  { word: "merged", label: "Merged by hand", icon: "pencil", how: { policy: "manual" } },
  { word: "later", label: "Keep the later", icon: "clock", how: { policy: "last-write" } },
];

/** What a way does to a conflict; without one, to several of all kinds. */
export const hintOf = (way, conflict) => (conflict ? HINTS[way.word][conflict.kind] : null) ?? HINTS[way.word].any;

/** How a conflict ended, in words. */
export function endOf({ resolution }) {
  const { policy, winner, automatic } = resolution;
  const kept = { here: "ours was kept", there: "theirs was kept" }[winner] ?? "both were kept";
  const merged = policy === "manual" && winner === null ? "merged by hand" : kept;
  const text = policy === "last-write" ? `${kept}, as the later one` : merged;
  return automatic ? `By the mirror's policy ${text}` : `${text[0].toUpperCase()}${text.slice(1)}`;
}

/** Decides one, and offers to take that back. Gives whether it was done. */
export async function resolve(conflict, way, { notes, again = false, onUndone }) {
  try {
    const after = await api.resolveConflict(conflict.id, { ...way.how, notes: notes || null, again });
    acted();
    toast(`“${conflict.filename}”: ${endOf(after).toLowerCase()}.`, after.can_undo ? { action: { label: "Undo", run: () => undo(conflict).then(onUndone) } } : {});
    return true;
  } catch (error) {
    toastError(error, `“${conflict.filename}” could not be decided`);
    return false;
  }
}

/** Takes the last decision back. Gives whether that was possible. */
export async function undo(conflict) {
  try {
    const after = await api.undoConflict(conflict.id);
    acted();
    toast(after.resolved ? `“${conflict.filename}” is decided as it was before.` : `“${conflict.filename}” is open again.`);
    return true;
  } catch (error) {
    if (error.status !== 409) toastError(error, `“${conflict.filename}” stays as it is`);
    else toast(`“${conflict.filename}” stays as it is: ${error.message}`, { isError: true, action: { label: "Decide otherwise", run: () => go(to("conflicts", conflict.id)) } });
    return false;
  }
}

/** Asks for a note and decides several in one way. Gives whether any was. */
export async function resolveAll(conflicts, way) {
  const many = format.items(conflicts.length, "conflict");
  const outcome = await ask({
    title: `${way.label} in ${many}?`, text: `${hintOf(way)} ${lasting}`, action: way.label,
    fields: [{ name: "notes", label: "Note", maxlength: 1000, hint: "For the record; may be empty." }],
    submit: ({ notes }) => api.resolveConflicts({ ids: conflicts.map((conflict) => conflict.id), ...way.how, notes: notes || null }),
  });
  if (!outcome) return false;
  acted();
  const { conflicts: done, failed } = outcome;
  if (done.length > 0) toast(`${format.items(done.length, "conflict")} decided.`);
  const [first] = failed;
  if (first) {
    const name = conflicts.find((conflict) => conflict.id === first.id)?.filename ?? "A conflict";
    toast(failed.length === 1 ? `“${name}” could not be decided: ${first.problem.detail}` : `${failed.length} could not be decided. “${name}”: ${first.problem.detail}`, { isError: true });
  }
  return done.length > 0;
}

function acted() {
  session.dispatchEvent(new Event("acted"));
  openConflicts.load();
}

/** The icon of the file that it is about. */
export function tileOf(conflict) {
  const side = conflict.here ?? conflict.there ?? conflict.base;
  const kind = format.glyph({ kind: "file", name: conflict.filename, mime_type: side?.mime_type });
  return h("span", { class: `tile kind-${kind}` }, icon(kind));
}
