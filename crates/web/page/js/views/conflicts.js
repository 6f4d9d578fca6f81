// Conflicts: those that wait for the person first, then how the others ended.

import * as api from "../api.js";
import { WAYS, endOf, kindOf, openConflicts, resolveAll, tileOf, undo } from "../conflicts.js";
import { bdi, button, h, iconButton, isTyping, keepingFocus, notice } from "../dom.js";
import * as format from "../format.js";
import { title } from "../frame.js";
import { to } from "../route.js";
import { session } from "../session.js";
import * as one from "./conflict.js";

const PAGE = 50;
const CALM_MS = 8000;
const TICK_MS = 1000;
/** Merging by hand is done one by one. */
const AT_ONCE = WAYS.filter(({ word }) => word !== "merged");

/** Shows all conflicts, or the one that `params.id` names; `?mirror=` shows those of a mirror. */
export function render(root, params) {
  if (params.id) return one.render(root, params);
  const view = new Overview(root, params.query.get("mirror"));
  return { close: () => view.close() };
}

class Overview {
  constructor(root, mirror) {
    Object.assign(this, { root, mirror, open: [], done: [], chosen: new Set(), seen: "", next: 0, wanted: PAGE, isOpen: true });
    this.rows = h("ul.conflicts", { "aria-labelledby": "waiting" });
    this.all = h("input", { type: "checkbox", "aria-label": "Select all open conflicts", onchange: () => this.choose(this.all.checked ? this.open.map(({ id }) => id) : []) });
    this.waiting = h("section", { hidden: true, "aria-labelledby": "waiting" }, h("div.conflicts-head", {}, this.all, h("h2", { id: "waiting" }, "Waiting for you")), this.rows);
    this.ended = h("ul.conflicts", { "aria-labelledby": "ended" });
    this.more = h("button.button.more", { type: "button", hidden: true, onclick: () => { this.wanted += PAGE; this.load(); } }, "Show more");
    this.past = h("section", { hidden: true, "aria-labelledby": "ended" }, h("h2", { id: "ended" }, "Resolved"), this.ended, this.more);
    this.message = h("div.list-message");
    this.bar = h("div.selection-bar", { role: "toolbar", "aria-label": "Selection", hidden: true });
    this.head = h("div.view-head", {}, title("Conflicts"), mirror && h("div.tools", {}, h("a.button", { href: "#/conflicts" }, "Of all mirrors")), this.bar);
    root.replaceChildren(this.head, h("div.storage.conflict-list", {}, this.message, this.waiting, this.past));
    this.watch();
    this.load();
  }

  watch() {
    this.ending = new AbortController();
    const { signal } = this.ending;
    const soon = () => { this.next = Math.min(this.next, Date.now() + TICK_MS); };
    for (const name of ["change", "caught-up", "acted"]) session.addEventListener(name, soon, { signal });
    addEventListener("keydown", (event) => this.key(event), { signal });
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

  async load() {
    this.next = Date.now() + CALM_MS;
    try {
      const of = { mirror: this.mirror };
      const [open, done] = await Promise.all([
        api.conflicts({ ...of, resolved: false, limit: 1000 }),
        api.conflicts({ ...of, resolved: true, limit: this.wanted }),
      ]);
      if (!this.isOpen) return;
      this.show(open.conflicts, done);
    } catch (error) {
      if (this.isOpen && this.seen === "") this.message.replaceChildren(notice("alert", "The conflicts could not be loaded", error.message, button("Try again", null, () => this.load(), "primary")));
    }
  }

  show(open, { conflicts: done, next_cursor: rest }) {
    const seen = JSON.stringify([open, done]);
    if (seen === this.seen) return;
    this.seen = seen;
    Object.assign(this, { open, done });
    openConflicts.load();
    keepingFocus(this.root, () => {
      this.rows.replaceChildren(...open.map((conflict) => this.row(conflict)));
      this.ended.replaceChildren(...done.map((conflict) => this.pastRow(conflict)));
      this.waiting.hidden = open.length === 0;
      this.past.hidden = done.length === 0;
      this.more.hidden = !rest;
      this.message.replaceChildren(...(open.length > 0 ? [] : [nothing(done.length)]));
    });
    this.choose([...this.chosen].filter((id) => open.some((conflict) => conflict.id === id)));
  }

  row(conflict) {
    const { id, filename } = conflict;
    const box = h("input", { type: "checkbox", "aria-label": `Select ${filename}`, checked: this.chosen.has(id), "data-id": id,
      onchange: () => this.choose(box.checked ? [...this.chosen, id] : [...this.chosen].filter((other) => other !== id)) });
    return h("li.conflict-row", { "data-id": id }, box, tileOf(conflict),
      h("div.row-text", {}, name(conflict), h("span.subline", {}, kindOf(conflict), " · ", format.ago(conflict.found_at)), place(conflict)),
      h("a.button", { href: to("conflicts", id), "aria-label": `Look at ${filename}` }, "Look"));
  }

  pastRow(conflict) {
    const { resolution } = conflict;
    return h("li.conflict-row", { "data-id": conflict.id }, tileOf(conflict),
      h("div.row-text", {}, name(conflict), h("span.subline", {}, endOf(conflict), " · ", format.ago(resolution.at)),
        resolution.notes && h("span.subline", {}, "“", bdi(resolution.notes), "”"), place(conflict)),
      conflict.can_undo && h("button.button", { type: "button", "aria-label": `Undo ${conflict.filename}`, onclick: () => undo(conflict).then(() => this.load()) }, "Undo"));
  }

  choose(ids) {
    this.chosen = new Set(ids);
    for (const box of this.rows.querySelectorAll("input")) box.checked = this.chosen.has(box.dataset.id);
    this.all.checked = ids.length > 0 && ids.length === this.open.length;
    this.all.indeterminate = ids.length > 0 && ids.length < this.open.length;
    const count = this.chosen.size;
    if (this.bar.dataset.count === String(count)) return;
    this.bar.dataset.count = count;
    this.bar.hidden = count === 0;
    this.head.classList.toggle("selecting", count > 0);
    this.bar.replaceChildren(...(count === 0 ? [] : [iconButton("Clear selection", "close", () => this.choose([])),
      h("span.selection-count", { role: "status" }, h("b", {}, String(count)), h("span", {}, " selected")),
      ...AT_ONCE.map((way) => button(way.label, way.icon, () => this.decide(way)))]));
  }

  async decide(way) {
    const conflicts = this.open.filter(({ id }) => this.chosen.has(id));
    if (await resolveAll(conflicts, way)) this.load();
  }

  key(event) {
    if (isTyping(event)) return;
    const links = [...this.root.querySelectorAll(".conflict-row .row-name")];
    const now = links.indexOf(event.target.closest(".conflict-row")?.querySelector(".row-name"));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && this.chosen.size > 0) this.choose([]);
    else if ((event.ctrlKey || event.metaKey) && event.key === "a") this.choose(this.open.map(({ id }) => id));
    else if (step && !event.altKey && links.length > 0 && (now >= 0 || event.target === document.body || event.target.closest(".places"))) links[Math.min(links.length - 1, Math.max(0, now + step))].focus();
    else return;
    event.preventDefault();
  }
}

const name = (conflict) => h("a.row-name", { href: to("conflicts", conflict.id) }, bdi(conflict.filename));

const place = ({ path, filename, provider }) => h("span.subline", {}, path !== filename && [bdi(path), " · "], bdi(provider));

const nothing = (past) => notice("conflicts", "Nothing waits for you", past > 0 ? null
  : "When a file was changed on both sides of a mirror, it is here: how that came about, and what to do.",
h("a.button", { href: "#/mirrors" }, "Go to your mirrors"));
