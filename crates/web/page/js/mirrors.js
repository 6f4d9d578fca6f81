// What the overview of mirrors and the view of a single one have in common: words, how one is, what is done to it.

import * as api from "./api.js";
import { bdi, h, icon } from "./dom.js";
import { confirm } from "./dialogs.js";
import * as format from "./format.js";
import { to } from "./route.js";
import { session } from "./session.js";
import { toast, toastError } from "./toast.js";

/** Which way changes go: the API's word, ours, what it means. */
export const DIRECTIONS = [["two-way", "Both ways"], ["push", "From here to there only"], ["pull", "From there to here only"]];
/** What is done when both sides changed a file. */
export const POLICIES = [["keep-both", "Keep both, side by side"], ["last-write", "Keep the later, the other as an earlier version"], ["manual", "Ask me: both sides keep theirs until I decide"]];
/** What is done about changes on the side that only receives. */
export const DRIFTS = [["leave", "Leave them, and tell"], ["revert", "Undo them, keeping what they replaced"]];
/** What is done about what a pattern matches. */
export const EXCEPTIONS = [["exclude", "is left out"], ["keep-both", "keeps both"], ["last-write", "keeps the later"], ["manual", "waits for me"]];

/** What a word of the API is called. */
export const called = (table, word) => table.find(([known]) => known === word)?.[1] ?? word;

/** The folder here, by its path. */
export const hereOf = ({ folder }) => (folder.path === "/" ? "My files" : folder.path ?? "A folder that is gone");

/** The folder there, by its path as far as that is known. */
export const thereOf = ({ remote }) => `${remote.label ?? "An unlinked connection"}${remote.path && remote.path !== "/" ? `: ${remote.path}` : ""}`;

/** The arrow between the two. */
export const arrowOf = ({ direction }) => ({ push: "→", pull: "←" })[direction] ?? "↔";

const isGone = (mirror) => mirror.remote.kind === null || mirror.folder.path === null;
const isRunning = (mirror) => ["active", "held"].includes(mirror.state);

/** Whether there will soon be news of it. */
export const isBusy = (mirror) => isRunning(mirror) && (!mirror.complete || mirror.behind_seconds !== null || mirror.pending > 0) && mirror.failures === 0;

/** How it is: a kind for the colour, a sentence, and whether that is all. */
export function stateOf(mirror) {
  const things = format.items(mirror.pending, "thing");
  if (isGone(mirror)) return { kind: "fails", text: mirror.remote.kind === null ? "Its connection was unlinked." : "Its folder here is gone." };
  if (mirror.state === "trouble") return { kind: "fails", text: "It stopped: you have to do something." };
  if (mirror.state === "held") return { kind: "warns", text: `${format.items(mirror.held, "delete")} held: they wait for your word.` };
  if (mirror.state === "paused") return { kind: "rests", text: mirror.pending > 0 ? `Paused, with ${things} to do.` : "Paused." };
  if (mirror.failures > 2) return { kind: "warns", text: `The last ${mirror.failures} rounds failed; it goes on trying.` };
  if (!mirror.complete) return { kind: "busy", text: "Both sides are being compared for the first time…" };
  if (mirror.behind_seconds !== null) return { kind: "busy", text: `Behind by ${format.duration(mirror.behind_seconds)}${mirror.pending > 0 ? `, with ${things} to do` : ""}.` };
  if (mirror.pending > 0) return { kind: "busy", text: `${things} to do.` };
  if (mirror.failed > 0) return { kind: "warns", text: `In step, but for ${format.items(mirror.failed, "thing")} that failed.` };
  if (mirror.conflicts > 0) return { kind: "warns", text: `In step, but for ${format.items(mirror.conflicts, "conflict")}.` };
  return { kind: "works", text: "In step." };
}

const GLYPHS = { works: "check", busy: "restore", rests: "pause", warns: "alert", fails: "alert" };

/** The same, shown, with what helps. */
export function standing(mirror, ...more) {
  const { kind, text } = stateOf(mirror);
  return h("div", { class: `store-state ${kind}` }, icon(GLYPHS[kind]), h("div.grow", {}, h("strong.mirror-state", {}, text),
    mirror.advice.length > 0 && h("ul", {}, mirror.advice.map((line) => h("li", {}, line))), ...more));
}

/** What there is of it, in numbers; what has a place of its own leads there. */
export function counts(mirror) {
  const at = to("mirrors", mirror.id);
  const told = [
    [mirror.linked, "on both sides"], [mirror.pending, "to do"], [mirror.waiting, "waiting for their time"], [mirror.held, "deletes held", at],
    [mirror.failed, "failed", at], [mirror.conflicts, mirror.conflicts === 1 ? "conflict" : "conflicts", to("conflicts", "", { mirror: mirror.id })], [mirror.skipped, "left out", at],
  ];
  const shown = told.filter(([count], i) => i === 0 || count > 0);
  return h("ul.mirror-counts", { "aria-label": "In numbers" }, shown.map(([count, text, href]) => {
    const words = [h("b", {}, new Intl.NumberFormat().format(count)), ` ${text}`];
    return h("li", {}, href ? h("a", { href }, words) : words);
  }));
}

/** When both sides were last the same. */
export function lastSuccess(mirror) {
  if (!mirror.in_step_at) return ["Both sides were never in step yet"];
  return ["Last in step ", format.ago(mirror.in_step_at)];
}

const SAID = { run: "is looked at as soon as can be.", pause: "is paused.", resume: "runs." };

/** Has it `run`, `pause` or `resume`. */
export async function tell(mirror, word, load) {
  try {
    await api.tellMirror(mirror.id, word);
    toast(`“${hereOf(mirror)}” ${SAID[word]}`);
  } catch (error) {
    toastError(error, `“${hereOf(mirror)}”`);
  }
  await load();
}

/** Asks, and removes it. Gives whether it was done. */
export async function removeMirror(mirror) {
  const text = "The two folders are kept in step no longer. Both stay as they are, and nothing is deleted on either side.";
  if (!await confirm({ title: `Remove the mirror of “${hereOf(mirror)}”?`, text, action: "Remove", isDanger: true })) return false;
  try {
    await api.removeMirror(mirror.id);
    toast("The mirror is removed. Both folders stay as they are.");
    session.dispatchEvent(new Event("acted"));
    return true;
  } catch (error) {
    toastError(error, "The mirror could not be removed");
    return error.status === 404;
  }
}

/** What can be told to it now: `{ label, icon, word }`. */
export function words(mirror) {
  if (isGone(mirror)) return [];
  if (!isRunning(mirror)) return [{ label: "Resume", icon: "play", word: "resume" }];
  return [{ label: "Run now", icon: "restore", word: "run" }, { label: "Pause", icon: "pause", word: "pause" }];
}

/** Both folders and the way between them, in a line. */
export const pairOf = (mirror) => [h("span", { "aria-label": called(DIRECTIONS, mirror.direction), role: "img" }, arrowOf(mirror)), " ", bdi(thereOf(mirror))];
