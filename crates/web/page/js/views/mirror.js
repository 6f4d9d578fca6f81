// One mirror: how it is, its plan, what failed, what was left out, and what happened.

import { openMirrorSettings } from "../add_mirror.js";
import * as api from "../api.js";
import { tile } from "../connect.js";
import { bdi, button, h, icon, keepingFocus, notice } from "../dom.js";
import * as format from "../format.js";
import { DIRECTIONS, DRIFTS, EXCEPTIONS, POLICIES, called, counts, hereOf, isBusy, removeMirror, standing, tell, thereOf, words } from "../mirrors.js";
import { decideDeletes, entryRow, noteRow, stepRow, summaryOf } from "../plan.js";
import { go, to, toRemote } from "../route.js";
import { session } from "../session.js";
import { toast, toastError } from "../toast.js";

const CALM_MS = 8000;
const BUSY_MS = 1500;
const TICK_MS = 1000;
const PAGE = 100;
const MOST = 500;
const LISTS = [["errors", "What failed"], ["skipped", "What was left out"]];

/** Shows the mirror that `params.id` names. */
export function render(root, params) {
  const view = new One(root, params);
  view.load();
  return { close: () => view.close() };
}

class One {
  constructor(root, { id, setTitle }) {
    Object.assign(this, { root, id, setTitle, mirror: null, next: 0, seen: "", planned: "", wanted: PAGE, pastWanted: 20, isGathering: false, isLoading: false, isOpen: true });
    this.crumb = h("h1.crumb", { "aria-current": "page" }, "…");
    this.tools = h("div.tools");
    this.about = h("div.mirror-about");
    this.plan = section("plan", "Plan");
    this.lists = LISTS.map(([name, label]) => ({ name, ...section(name, label) }));
    this.past = section("events", "What happened");
    this.message = h("div.list-message");
    const trail = h("nav.crumbs", { "aria-label": "Path" }, h("ol", {}, h("li", {}, h("a.crumb", { href: "#/mirrors" }, "Mirrors")), h("li", {}, icon("right"), this.crumb)));
    root.replaceChildren(h("div.view-head.one-head", {}, trail, this.tools),
      h("div.storage.mirror-view", {}, this.message, this.about, this.plan.element, this.lists.map(({ element }) => element), this.past.element));
    this.watch();
  }

  watch() {
    this.ending = new AbortController();
    const soon = () => { this.next = Math.min(this.next, Date.now() + BUSY_MS); };
    for (const name of ["change", "caught-up", "acted"]) session.addEventListener(name, soon, { signal: this.ending.signal });
    this.timer = setInterval(() => {
      format.tellAges(this.root);
      if (document.visibilityState === "visible" && Date.now() >= this.next) this.load();
    }, TICK_MS);
  }

  close() {
    this.isOpen = false;
    this.ending.abort();
    clearInterval(this.timer);
  }

  /** How it is; the rest is looked at anew when that is another, or when somebody did something. */
  async load({ all = false } = {}) {
    this.next = Date.now() + CALM_MS;
    try {
      const mirror = await api.mirror(this.id);
      if (!this.isOpen) return;
      this.mirror = mirror;
      this.show();
      const mark = JSON.stringify([mirror.pending, mirror.waiting, mirror.deletes, mirror.held, mirror.failed, mirror.conflicts, mirror.skipped, mirror.state, mirror.in_step_at, mirror.complete, mirror.policy, mirror.rules]);
      if (all || this.isGathering || mark !== this.planned) await this.loadRest(mark);
      if (isBusy(mirror) || this.isGathering) this.next = Date.now() + BUSY_MS;
    } catch (error) {
      if (this.isOpen && (this.seen === "" || error.status === 404)) this.fail(error);
    }
  }

  async loadRest(mark) {
    if (this.isLoading) return;
    this.isLoading = true;
    try {
      await Promise.all([this.loadPlan(), ...this.lists.map((list) => this.loadList(list)), this.loadPast()]);
      this.planned = mark;
    } finally {
      this.isLoading = false;
    }
  }

  fail(error) {
    for (const part of [this.about, this.plan.element, this.past.element, ...this.lists.map(({ element }) => element)]) part.hidden = true;
    this.tools.replaceChildren();
    this.crumb.replaceChildren("Mirror");
    this.message.replaceChildren(error.status === 404
      ? notice("mirrors", "This mirror is not here any more", null, h("a.button", { href: "#/mirrors" }, "Go to your mirrors"))
      : notice("alert", "The mirror could not be loaded", error.message, button("Try again", null, () => location.reload(), "primary")));
    if (error.status === 404) this.next = Infinity;
  }

  show() {
    const { mirror } = this;
    const seen = JSON.stringify(mirror);
    if (seen === this.seen) return;
    this.seen = seen;
    const name = hereOf(mirror);
    this.setTitle(name);
    this.crumb.replaceChildren(bdi(name));
    const load = () => this.load({ all: true });
    const change = async () => { if (await openMirrorSettings(mirror)) { toast("It goes on like that."); load(); } };
    const remove = async () => { if (await removeMirror(mirror)) go("#/mirrors"); };
    keepingFocus(this.root, () => {
      this.tools.replaceChildren(...words(mirror).map(({ label, icon: glyph, word }) => named(button(label, glyph, () => tell(mirror, word, load), word === "resume" ? "primary" : ""))),
        named(button("Settings", "pencil", change)), named(button("Remove", "trash", remove, "danger")));
      const conflicts = mirror.conflicts > 0 && h("a.button", { href: to("conflicts", "", { mirror: mirror.id }) }, icon("conflicts"), "Look at the conflicts");
      this.about.replaceChildren(standing(mirror, conflicts), counts(mirror), this.facts());
    });
  }

  facts() {
    const { mirror } = this;
    const { folder, remote, rules } = mirror;
    const rows = [
      ["Here", folder.path === null ? bdi(hereOf(mirror)) : h("a", { href: to("folder", folder.id) }, bdi(hereOf(mirror)))],
      ["There", remote.kind === null ? bdi(thereOf(mirror)) : h("a", { href: toRemote(remote.connection_id, remote.id) }, bdi(thereOf(mirror)))],
      ["Direction", called(DIRECTIONS, mirror.direction)],
      mirror.direction !== "two-way" && ["Other changes", called(DRIFTS, mirror.drift)],
      ["Changed on both", called(POLICIES, mirror.policy)],
      rules.length > 0 && ["Exceptions", rules.flatMap(({ pattern, policy }, i) => [i > 0 && ", ", h("code", {}, pattern), ` ${called(EXCEPTIONS, policy)}`])],
      mirror.most_deletes !== null && ["Asks", `Before more than ${format.items(mirror.most_deletes, "delete")}`],
      mirror.default && ["Uploads", "Copies that uploads ask for go here"],
      ["Last success", mirror.in_step_at ? format.ago(mirror.in_step_at) : "Never yet"],
      mirror.last_run_at && ["Last look", format.ago(mirror.last_run_at)],
    ].filter(Boolean);
    return h("div.mirror-facts", {}, tile(remote.kind ?? "cloud"), h("dl.facts", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
  }

  async loadPlan() {
    const { body } = this.plan;
    try {
      const first = await api.mirrorPlan(this.id, { limit: Math.min(this.wanted, MOST) });
      const steps = [...first.steps];
      const notes = [...first.notes];
      let cursor = first.next_cursor;
      for (let taken = MOST; cursor && taken < this.wanted; taken += MOST) {
        const page = await api.mirrorPlan(this.id, { limit: MOST, cursor });
        steps.push(...page.steps);
        notes.push(...page.notes);
        cursor = page.next_cursor;
      }
      if (!this.isOpen) return;
      this.isGathering = first.summary.gathering;
      keepingFocus(this.root, () => body.replaceChildren(...this.planParts(first.summary, { steps, notes, cursor }).filter(Boolean)));
    } catch (error) {
      this.isGathering = false;
      if (this.isOpen) body.replaceChildren(h("p.hint", { role: "status" }, `There is no plan now. ${error.message}`));
    }
  }

  planParts(summary, { steps, notes, cursor }) {
    const skip = (which, path) => this.skip("skip", which, path);
    const take = (which, path) => this.skip("unskip", which, path);
    const decide = async (word, held) => { if (await decideDeletes(this.mirror, word, held)) this.load({ all: true }); };
    const isEmpty = steps.length === 0 && notes.length === 0 && !cursor;
    const { conflicts, failed, skipped } = this.mirror;
    const done = conflicts + failed + skipped > 0 ? "Nothing else to do: the rest is the same on both sides." : "Nothing to do: both sides are the same.";
    const words = summary.gathering ? "It is being looked at what there is on both sides…" : done;
    const more = () => { this.wanted += MOST; this.load({ all: true }); };
    return [isEmpty && h("p.hint", { role: "status" }, words), summaryOf(summary, decide),
      steps.length > 0 && h("h3", { id: "plan-steps" }, "Step by step"), steps.length > 0 && h("ol.plan-rows", { "aria-labelledby": "plan-steps" }, steps.map((step) => stepRow(step, skip))),
      notes.length > 0 && h("h3", { id: "plan-notes" }, "Left undone"), notes.length > 0 && h("ul.plan-rows", { "aria-labelledby": "plan-notes" }, notes.map((note) => noteRow(note, skip, take))),
      cursor && h("button.button.more", { type: "button", onclick: more }, "Show more")];
  }

  async loadList({ name, element, body }) {
    const { entries, next_cursor: rest } = await api.mirrorList(this.id, name, { limit: MOST });
    if (!this.isOpen) return;
    const act = name === "errors" ? ["Skip", (which, path) => this.skip("skip", which, path)] : ["Take in again", (which, path) => this.skip("unskip", which, path)];
    keepingFocus(this.root, () => body.replaceChildren(h("ul.plan-rows", {}, entries.map((entry) => entryRow(entry, act))), rest ? h("p.hint", {}, "There are more than these.") : ""));
    element.hidden = entries.length === 0;
  }

  async loadPast() {
    const { events, next_cursor: rest } = await api.mirrorList(this.id, "events", { limit: this.pastWanted });
    if (!this.isOpen) return;
    const more = () => { this.pastWanted = Math.min(1000, this.pastWanted * 5); this.loadPast().catch(toastError); };
    this.past.body.replaceChildren(h("ol.timeline", {}, events.map(({ at, kind, detail }) => h("li", {}, format.time(at), h("span", {}, said(kind, detail))))),
      rest && this.pastWanted < 1000 ? h("button.button.more", { type: "button", onclick: more }, "Show more") : "");
  }

  async skip(word, which, path) {
    try {
      await api.skipEntries(this.id, word, which);
      toast(word === "skip" ? `“${path}” is left out.` : `“${path}” is taken in again.`,
        word === "skip" ? { action: { label: "Undo", run: () => this.skip("unskip", which, path) } } : {});
    } catch (error) {
      toastError(error, `“${path}”`);
    }
    await this.load({ all: true });
  }
}

function section(name, label) {
  const body = h("div");
  const element = h("section", { "aria-labelledby": `of-${name}`, hidden: LISTS.some(([list]) => list === name) }, h("h2", { id: `of-${name}` }, label), body);
  return { element, body };
}

/** A button that is found again after it was drawn anew, and that a phone shows without its label. */
function named(element) {
  element.setAttribute("aria-label", element.title);
  return element;
}

const EVENTS = {
  made: () => "It was set up.",
  changed: () => "Its settings were changed.",
  paused: () => "It was paused.",
  resumed: () => "It was resumed.",
  held: ({ deletes, tied }) => `${deletes} of ${format.items(tied, "thing")} would have been deleted: they wait for your word.`,
  approved: ({ deletes }) => `${format.items(deletes, "delete")} approved.`,
  rejected: ({ deletes }) => `${format.items(deletes, "delete")} rejected.`,
  skipped: ({ things }) => `${format.items(things, "thing")} left out.`,
  unskipped: ({ things }) => `${format.items(things, "thing")} taken in again.`,
  conflict: (detail) => about("A conflict was found", detail),
  conflict_resolved: (detail) => about("A conflict was decided", detail),
  conflict_undone: (detail) => about("A decision was taken back", detail),
};

const about = (text, { conflict, path }) => [`${text}: `, h("a", { href: to("conflicts", conflict ?? "") }, bdi(path ?? "?")), "."];

/** Something that happened, in words. */
function said(kind, detail) {
  if (Object.hasOwn(EVENTS, kind)) return EVENTS[kind](detail ?? {});
  return `${kind[0].toUpperCase()}${kind.slice(1).replaceAll("_", " ")}${detail?.path ? `: ${detail.path}` : ""}.`;
}
