// What a mirror would do: in numbers, and step by step, each with its reason.

import * as api from "./api.js";
import { bdi, h, icon } from "./dom.js";
import { confirm } from "./dialogs.js";
import * as format from "./format.js";
import { toast, toastError } from "./toast.js";

const STEPS = {
  create: ["plus", "New", "new"], write: ["upload", "Changed", "changed"], move: ["move", "Moved or renamed", "moved or renamed"], delete: ["trash", "Deleted", "deleted"],
  keep_both: ["copy", "Both kept", "both kept"], ask: ["conflicts", "Conflict for you", "for you to decide"], compare: ["search", "Compared", "compared, without a change"],
};
const NOTES = { blocked: "Cannot be", drift: "Left as it is", parked: "Waits for your decision", waits: "Waits for its time", retries: "Failed", skipped: "Left out" };
const SIDES = { here: "here", there: "there" };

/** The numbers of a plan. `decide(word, held)` approves or rejects. */
export function summaryOf(summary, decide) {
  const { counts, held } = summary;
  return h("div.plan-summary", {},
    held && heldDeletes(held, decide),
    counts.length > 0 && table(counts),
    h("ul.plan-facts", { "aria-label": "In numbers" }, facts(summary).map(([glyph, ...text]) => h("li", {}, icon(glyph), h("span", {}, text)))),
    room(summary.room_here, "here"), room(summary.room_there, "there"),
    names(summary),
    summary.blocked.length > 0 && listed(`Left undone for now: ${format.items(summary.blocked.reduce((sum, { count }) => sum + count, 0), "thing")}`,
      summary.blocked.map(({ reason, count }) => h("li", {}, h("b", {}, `${count} × `), reason))));
}

function facts({ upload_bytes: up, download_bytes: down, api_calls: calls, seconds, retries, whole, gathering, pending, counts }) {
  const bytes = (size, word) => [h("span", { title: format.exactSize(size) }, format.size(size)), ` ${word}`];
  return [
    up > 0 && ["upload", bytes(up, "go there")],
    down > 0 && ["download", bytes(down, "come here")],
    counts.length > 0 && ["clock", `About ${format.duration(seconds)}, with about ${format.items(calls, "call")} there`],
    retries > 0 && ["restore", `${format.items(retries, "thing")} failed before and wait for the next try`],
    gathering && ["search", "Something is still being listed: more may come"],
    !whole && ["info", `${format.items(pending, "thing")} to look at; these numbers are about the first ones`],
  ].filter(Boolean);
}

function table(counts) {
  const kinds = Object.keys(STEPS).filter((kind) => counts.some((row) => row.kind === kind));
  const of = (kind, side) => counts.find((row) => row.kind === kind && row.side === side)?.count;
  const head = ["What", "Here", "There", "Neither"];
  const columns = ["here", "there", null].filter((side) => side !== null || counts.some((row) => row.side === null));
  return h("table.plan-counts", { "aria-label": "Steps" },
    h("thead", {}, h("tr", {}, head.slice(0, columns.length + 1).map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, kinds.map((kind) => h("tr", {}, h("th", { scope: "row" }, STEPS[kind][1]), columns.map((side) => h("td", {}, of(kind, side) ?? ""))))));
}

function heldDeletes(held, decide) {
  const told = [held.here && `${format.items(held.here, "thing")} would go to the trash here`, held.there && `${format.items(held.there, "thing")} would be deleted there`].filter(Boolean);
  return h("div.store-state.warns.held", { role: "group", "aria-label": "Deletes that wait for your word" }, icon("alert"), h("div.grow", {},
    h("strong", {}, `${told.join(", and ")}.`), h("p", {}, "That is more than goes without your word. Everything else goes on."),
    h("div.plan-actions", {}, h("button.button.danger", { type: "button", onclick: () => decide("approve", held) }, icon("check"), "Approve"),
      h("button.button", { type: "button", onclick: () => decide("reject", held) }, icon("restore"), "Reject"))));
}

/** Says a person's word about deletes; gives whether it was taken. */
export async function decideDeletes(mirror, word, held) {
  const things = format.items(held.here + held.there, "thing");
  const questions = {
    approve: { title: `Delete ${things}?`, text: "What goes here goes to the trash, and can be restored from it. What goes there goes to the trash there, where the provider has one.", action: "Approve", isDanger: true },
    reject: { title: `Keep ${things}?`, text: "What was deleted on one side is brought back there from the other, as far as the mirror goes that way.", action: "Reject" },
  };
  if (!await confirm(questions[word])) return false;
  try {
    const { count } = await api.decideDeletes(mirror.id, word, held.digest);
    toast(word === "approve" ? `${format.items(count, "thing")} may be deleted.` : `${format.items(count, "thing")} are kept.`);
  } catch (error) {
    toastError(error);
  }
  return true;
}

const room = ({ enough, free_bytes: free }, side) => !enough && h("p.warning", {}, icon("alert"),
  h("span", {}, `There is not enough room ${SIDES[side]} for all of it${free === null ? "" : `: ${format.size(free)} free`}.`));

function names({ names: told, name_problems: count }) {
  if (count === 0) return null;
  return listed(`${format.items(count, "name")} cannot be the same there`, told.map(({ path, there, problem }) =>
    h("li", {}, h("b", {}, bdi(path)), there && [" is called ", h("b", {}, bdi(there)), " there"], ": ", problem)));
}

const listed = (title, rows) => h("details.plan-listed", {}, h("summary", {}, title), h("ul", {}, rows));

/** A row of a list of things: what, where, why, and what can be done. */
function row(glyph, path, isFolder, lines, action) {
  return h("li.plan-row", {}, icon(glyph), h("div.row-text", {}, h("span.plan-path", {}, bdi(isFolder && path ? `${path}/` : path || "The folder itself")), lines.filter(Boolean).map((line) => h("span.subline", {}, line))), action);
}

const act = (label, path, run) => h("button.button", { type: "button", "aria-label": `${label} ${path}`, onclick: run }, label);

/** A step; `skip(which)` leaves a thing out. */
export function stepRow(step, skip) {
  const [glyph, , word] = STEPS[step.kind] ?? ["more", "", step.kind];
  const glyphs = { write: { here: "download", there: "upload" } };
  const isBytes = step.size > 0 && ["create", "write", "delete", "keep_both"].includes(step.kind);
  const what = [h("b", {}, `${word[0].toUpperCase()}${word.slice(1)}${step.side ? ` ${SIDES[step.side]}` : ""}`), isBytes && ` · ${format.size(step.size)}`, step.held && h("span.badge.warn", {}, "held")];
  const which = step.entry === null ? { paths: [step.path] } : { entries: [step.entry] };
  return row(glyphs[step.kind]?.[step.side] ?? glyph, step.path, step.folder, [what.filter(Boolean), step.reason], step.path && act("Skip", step.path, () => skip(which, step.path)));
}

/** What is left undone. */
export function noteRow(note, skip, take) {
  const again = note.retry_at && [" Tried again ", format.time(note.retry_at), "."];
  const action = note.kind === "skipped" ? act("Take in again", note.path, () => take({ entries: [note.entry] }, note.path)) : act("Skip", note.path, () => skip({ entries: [note.entry] }, note.path));
  return row(note.kind === "parked" ? "conflicts" : "info", note.path, false, [h("b", {}, NOTES[note.kind] ?? note.kind), [note.reason, again]], note.path && action);
}

/** Something that failed or was left out. */
export function entryRow(entry, [label, run]) {
  const again = entry.retry_at && ["Tried again ", format.time(entry.retry_at), entry.attempts > 1 && `, after ${entry.attempts} tries`];
  return row(entry.error ? "alert" : "info", entry.path, entry.folder, [entry.error, again], act(label, entry.path, () => run({ entries: [entry.entry] }, entry.path)));
}
