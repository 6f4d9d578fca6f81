// What is in a connection: its folders as they were when they were last looked at.

import * as api from "../api.js";
import { bdi, h, icon, iconButton, isTyping, notice, safeUrl } from "../dom.js";
import * as format from "../format.js";
import { EAGER_MS, againUrl, freshness, isBroken, isBusy, providerOf, refresh } from "../linked.js";
import { openMenu } from "../menu.js";
import { badgeOf, exportName, glyphOfOther } from "../providers.js";
import { go, remoteOf, toRemote } from "../route.js";
import { toastError } from "../toast.js";

const PAGE_ITEMS = 100;
const MOST_ITEMS = 1000;
const CALM_MS = 8000;
const BUSY_MS = 1500;
const TICK_MS = 1000;

/** Shows the folder of the connection that `params.id` names. */
export function render(root, params) {
  const view = new Remote(root, params, remoteOf(params.id));
  view.known = view.look();
  view.load();
  return { close: () => view.close() };
}

class Remote {
  constructor(root, params, { connection, folder }) {
    Object.assign(this, { root, params, id: connection, folder, items: [], cursor: null, turn: 0, next: 0, eager: 0, seen: "", linked: null, providers: [], way: [], isFilling: false, isOpen: true });
    this.trail = h("nav.crumbs", { "aria-label": "Path" });
    this.age = h("p.hint.remote-age");
    this.again = iconButton("Refresh", "restore", () => this.linked && refresh(this.linked, () => { this.eager = Date.now() + EAGER_MS; return this.look(); }));
    this.trouble = h("div.remote-trouble", { hidden: true });
    this.body = h("tbody");
    this.table = h("table.nodes.remote", { "aria-label": "Items", hidden: true }, head(), this.body);
    this.message = h("div.list-message");
    this.more = h("button.button.more", { type: "button", hidden: true, onclick: () => this.loadMore() }, "Show more");
    this.status = h("p.list-status", { role: "status" });
    this.list = h("section.list", { "aria-busy": "true" }, this.table, this.message, this.more, this.status);
    root.replaceChildren(h("div.view-head.remote-head", {}, this.trail, h("div.tools", {}, this.age, this.again)), this.trouble, this.list);
    this.watch();
  }

  watch() {
    this.observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.loadMore(), { rootMargin: "600px" });
    this.observer.observe(this.more);
    this.timer = setInterval(() => {
      format.tellAges(this.root);
      if (document.visibilityState === "visible" && Date.now() >= this.next) this.look();
    }, TICK_MS);
    this.onKey = (event) => this.key(event);
    addEventListener("keydown", this.onKey);
    this.crumbs();
  }

  close() {
    this.isOpen = false;
    this.turn += 1;
    clearInterval(this.timer);
    this.observer.disconnect();
    removeEventListener("keydown", this.onKey);
  }

  /** How the connection is; what is shown is loaded again when there is something newer. */
  async look() {
    this.next = Date.now() + CALM_MS;
    try {
      if (this.providers.length === 0) this.providers = await api.providers();
      const linked = (await api.connections()).find((one) => one.id === this.id) ?? null;
      if (!this.isOpen) return;
      const isNewer = this.linked && (linked?.as_of !== this.linked.as_of || this.isFilling);
      this.linked = linked;
      if (isNewer) this.eager = 0;
      if (linked && (isBusy(linked) || Date.now() < this.eager)) this.next = Date.now() + BUSY_MS;
      this.tell();
      if (isNewer) this.load();
    } catch {
      // The line that says so is above; what is shown stays.
    }
  }

  tell() {
    const { linked } = this;
    this.again.hidden = !linked;
    if (!linked) return this.age.replaceChildren();
    this.age.replaceChildren(...freshness(linked));
    this.params.setTitle(linked.label);
    const broken = linked.concerns.filter((concern) => concern.broken);
    const url = againUrl(linked, providerOf(this.providers, linked));
    const mark = JSON.stringify(broken);
    if (this.trouble.dataset.mark !== mark) {
      this.trouble.dataset.mark = mark;
      this.trouble.hidden = broken.length === 0;
      this.trouble.replaceChildren(h("div.store-state.fails", { role: "alert" }, icon("alert"), h("div.grow", {},
        h("strong", {}, "What is shown may be out of date."), h("ul", {}, broken.map(({ detail }) => h("li", {}, detail))),
        url && linked.state === "sign_in_again" && h("a.button", { href: url }, icon("person"), "Sign in again"))));
    }
    this.crumbs();
    if (this.items.length === 0 && !this.cursor && this.list.getAttribute("aria-busy") === "false" && !this.failed) this.show();
  }

  /** Loads as much as is shown, at least a page. */
  async load() {
    const turn = this.turn += 1;
    const wanted = Math.max(this.items.length, PAGE_ITEMS);
    const items = [];
    this.list.setAttribute("aria-busy", "true");
    try {
      let cursor = null;
      let page;
      do {
        page = await api.remoteItems(this.id, { folder: this.folder, cursor, limit: Math.min(MOST_ITEMS, Math.max(PAGE_ITEMS, wanted - items.length)) });
        items.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor && items.length < wanted);
      // Rows name the provider.
      await this.known;
      if (turn !== this.turn) return;
      Object.assign(this, { items, cursor, way: page.way, isFilling: page.filling, failed: false });
      this.crumbs();
      this.show();
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    } finally {
      if (turn === this.turn) this.list.setAttribute("aria-busy", "false");
    }
  }

  async loadMore() {
    if (!this.cursor || this.list.getAttribute("aria-busy") === "true") return;
    const { turn } = this;
    this.list.setAttribute("aria-busy", "true");
    try {
      const page = await api.remoteItems(this.id, { folder: this.folder, cursor: this.cursor, limit: PAGE_ITEMS * 2 });
      if (turn !== this.turn) return;
      const known = new Set(this.items.map((item) => item.id));
      this.items.push(...page.items.filter((item) => !known.has(item.id)));
      this.cursor = page.next_cursor;
      this.show();
    } catch (error) {
      this.status.textContent = `The rest could not be loaded. ${error.message}`;
    } finally {
      if (turn === this.turn) this.list.setAttribute("aria-busy", "false");
    }
  }

  /** Steps of the way below the root, whose name is the connection's. */
  steps() {
    const root = this.linked?.root;
    return this.way.filter((step) => step.id !== root);
  }

  crumbs() {
    const steps = this.folder && this.folder !== this.linked?.root ? this.steps() : [];
    const label = this.linked?.label ?? "…";
    const parts = [["Connections", "#/connections"], [label, toRemote(this.id)], ...steps.map(({ id, name }) => [name, toRemote(this.id, id)])];
    const mark = JSON.stringify(parts);
    if (this.trail.dataset.mark === mark) return;
    this.trail.dataset.mark = mark;
    this.trail.replaceChildren(h("ol", {}, parts.map(([name, href], i) => h("li", {}, i > 0 && icon("right"),
      i === parts.length - 1 ? h("h1.crumb", { "aria-current": "page" }, bdi(name)) : h("a.crumb", { href }, bdi(name))))));
  }

  /** The address of the folder above. */
  above() {
    const steps = this.folder ? this.steps() : [];
    if (steps.length === 0) return "#/connections";
    return toRemote(this.id, steps.at(-2)?.id);
  }

  show() {
    const mark = JSON.stringify([this.items, this.cursor !== null, this.items.length === 0 && [this.isFilling, this.linked?.state]]);
    if (mark === this.seen) return;
    this.seen = mark;
    const focused = this.body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.id : null;
    this.body.replaceChildren(...this.items.map((item) => this.row(item)));
    if (focused) [...this.body.rows].find((row) => row.dataset.id === focused)?.querySelector(".node-name").focus();
    this.table.hidden = this.items.length === 0;
    this.more.hidden = !this.cursor;
    this.message.replaceChildren(...(this.items.length === 0 ? [this.empty()] : []));
    const rest = [this.cursor && ", more below", this.isFilling && ", and there may be more: it is being looked at for the first time"].filter(Boolean).join("");
    this.status.textContent = this.items.length === 0 ? "" : `${format.items(this.items.length)}${rest}`;
    // The button may be in view already, which the observer has told before it was shown.
    this.observer.unobserve(this.more);
    this.observer.observe(this.more);
  }

  empty() {
    if (!this.isFilling) return notice("folder", "This folder is empty");
    if (this.linked && isBroken(this.linked)) return notice("alert", "Nothing is known of it yet", "It will be looked at when it works again.");
    return notice("clock", "It is being looked at for the first time", "What is found appears here as it is found.");
  }

  fail(error) {
    this.failed = true;
    this.items = [];
    this.cursor = null;
    this.seen = "";
    this.body.replaceChildren();
    this.table.hidden = true;
    this.more.hidden = true;
    this.status.textContent = "";
    const up = h("a.button", { href: this.folder ? toRemote(this.id) : "#/connections" }, this.folder ? "Go to its top" : "Go to your connections");
    this.message.replaceChildren(error.status === 404
      ? notice("folder", "Nothing is here any more", error.message, up)
      : notice("alert", "This could not be loaded", error.message, h("button.button.primary", { type: "button", onclick: () => this.load() }, "Try again")));
  }

  row(item) {
    const kind = ["folder", "file"].includes(item.kind) ? format.glyph(item) : glyphOfOther(item);
    const badge = badgeOf(item);
    const size = item.size === null ? "" : format.size(item.size);
    const details = [badge, item.modified_at && format.time(item.modified_at), size].filter(Boolean).flatMap((part, i) => (i === 0 ? [part] : [" · ", part]));
    return h("tr", { "data-id": item.id },
      h("td.col-name", {}, h("div.name-cell", {}, h("span", { class: `tile kind-${kind}` }, icon(kind)),
        h("div.name-lines", {}, h("div.name-line", {}, this.name(item), badge && h("span.badge", {}, badge)), h("span.subline", { "aria-hidden": "true" }, details)))),
      h("td.col-modified", {}, item.modified_at && format.time(item.modified_at)), h("td.col-size", { title: item.size === null ? "" : format.exactSize(item.size) }, size),
      h("td.col-tools", {}, this.tools(item)));
  }

  name(item) {
    if (item.kind === "folder") return h("a.node-name", { href: toRemote(this.id, item.id) }, bdi(item.name));
    const act = this.act(item);
    return act ? h("button.node-name", { type: "button", onclick: act }, bdi(item.name)) : h("span.node-name", { tabindex: "-1" }, bdi(item.name));
  }

  /** What a click on the name of something that is no folder does. */
  act(item) {
    if (item.kind === "file") return (event) => this.download(item, null, event.currentTarget);
    if (item.exports.length > 0) return (event) => openMenu(event.currentTarget, this.exports(item, event.currentTarget));
    return null;
  }

  exports(item, opener) {
    return [{ heading: `${badgeOf(item)} · export as` }, ...item.exports.map((type) => ({ label: exportName(type), icon: "download", run: () => this.download(item, type, opener) }))];
  }

  tools(item) {
    const url = safeUrl(item.web_url);
    const host = providerOf(this.providers, this.linked ?? { kind: "" }).title || "the provider";
    const act = this.act(item);
    const isDocument = item.kind === "document";
    return [act && iconButton(isDocument ? `Export ${item.name} as…` : `Download ${item.name}`, "download", act, isDocument ? { "aria-haspopup": "menu" } : {}),
      url && h("a.icon-button", { href: url, target: "_blank", rel: "noopener noreferrer", "aria-label": `Open ${item.name} at ${host}`, title: `Open at ${host}` }, icon("away"))];
  }

  async download(item, type, opener) {
    opener.disabled = true;
    try {
      const url = await api.remoteUrl(this.id, item.id, type);
      h("a", { href: safeUrl(url), download: "", rel: "noreferrer" }).click();
    } catch (error) {
      toastError(error, "It could not be downloaded");
    } finally {
      opener.disabled = false;
    }
  }

  key(event) {
    if (isTyping(event) || event.ctrlKey || event.metaKey) return;
    const names = [...this.body.querySelectorAll(".node-name")];
    const now = names.indexOf(event.target.closest("tr")?.querySelector(".node-name"));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Backspace" || (event.altKey && event.key === "ArrowUp")) go(this.above());
    else if (step && !event.altKey && names.length > 0 && (now >= 0 || event.target === document.body)) names[Math.min(names.length - 1, Math.max(0, now + step))].focus();
    else return;
    event.preventDefault();
  }
}

function head() {
  return h("thead", {}, h("tr", {}, h("th.col-name", { scope: "col" }, "Name"), h("th.col-modified", { scope: "col" }, "Modified"),
    h("th.col-size", { scope: "col" }, "Size"), h("th.col-tools", { scope: "col" }, h("span.hidden-text", {}, "Actions"))));
}
