// The table of nodes: sorting, paging, selecting by pointer and by keyboard.

import { bdi, h, icon, iconButton, notice } from "./dom.js";
import * as format from "./format.js";
import { openMenu } from "./menu.js";

const PAGE_ITEMS = 100;
const REFRESH_ITEMS = 1000;
const CALM_MS = 900;

/** The columns that views choose from. */
export const COLUMNS = {
  place: { label: "Folder", cell: (node) => placeOf(node) },
  modified: { label: "Modified", sort: "modified", cell: (node) => format.time(node.updated_at) },
  deleted: { label: "Deleted", cell: (node) => format.time(node.trashed_at) },
  size: { label: "Size", sort: "size", cell: (node) => sizeOf(node) },
  from: { label: "From", cell: (node) => bdi(node.share.owner.full_name || node.share.owner.email) },
  right: { label: "Right", cell: (node) => h("span.badge", {}, node.share.effective_right === "edit" ? "Can edit" : "Can view") },
  since: { label: "Since", cell: (node) => format.time(node.share.created_at) },
};

function sizeOf(node) {
  return h("span", { title: node.kind === "file" ? format.exactSize(node.size) : null }, node.kind === "file" ? format.size(node.size) : "—");
}

/** The path of the folder that a node with a path is in. */
export const folderPath = (path) => path.slice(0, Math.max(0, path.lastIndexOf("/"))) || "/";

/** What a folder's path is called. */
export const placeName = (path) => (path === "/" ? "My files" : path);

function placeOf(node) {
  return node.path ? bdi(placeName(folderPath(node.path))) : h("span");
}

const notHere = () => notice("folder", "This is not here any more", "It was moved to the trash or deleted, or the link is wrong.",
  h("a.button", { href: "#/folder/root" }, "Go to your files"));

const signature = (node) => JSON.stringify([node.etag, node.name, node.starred, node.updated_at, node.path, node.parent_id]);

/**
 * Builds a list. Options: `label`, `columns` (keys of COLUMNS), `load({ cursor, limit })`, `empty()` (an
 * element), `href(node)`, `onOpen(node)`, `commands(nodes)` (menu entries), and optionally `sort`
 * `{ field, order }`, `onSort(field)`, `onSelection(nodes)`, `onKey(event, nodes)`, `onStar(node)`, `gone()` (an
 * element for when the list itself is not there).
 */
export class NodeList {
  constructor(options) {
    Object.assign(this, { sort: null, onSelection: () => null, onKey: () => false, gone: notHere, ...options });
    this.items = [];
    this.rows = new Map();
    this.chosen = new Set();
    this.cursor = null;
    this.current = 0;
    this.anchor = 0;
    this.turn = 0;
    this.build();
  }

  build() {
    this.body = h("tbody");
    this.table = h("table.nodes", { role: "grid", "aria-label": this.label, "aria-multiselectable": "true" }, this.head(), this.body);
    this.more = h("button.button.more", { type: "button", hidden: true, onclick: () => this.loadMore() }, "Show more");
    this.status = h("p.list-status", { role: "status" });
    this.message = h("div.list-message");
    this.element = h("section.list", { "aria-busy": "true" }, this.table, this.message, this.more, this.status);
    this.table.hidden = true;
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("dblclick", (event) => this.doubleClick(event));
    this.body.addEventListener("contextmenu", (event) => this.contextMenu(event));
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("focusin", (event) => this.focused(event));
    this.observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.loadMore(), { rootMargin: "600px" });
    this.observer.observe(this.more);
  }

  head() {
    this.all = h("input", { type: "checkbox", "aria-label": "Select all", tabindex: "-1", onchange: () => this.chooseAll(this.all.checked) });
    const cells = [["name", { label: "Name", sort: "name" }], ...this.columns.map((key) => [key, COLUMNS[key]])];
    return h("thead", {}, h("tr", {}, h("th.col-check", { scope: "col" }, this.all),
      cells.map(([key, column]) => this.headCell(key, column)),
      h("th.col-tools", { scope: "col" }, h("span.hidden-text", {}, "Actions"))));
  }

  headCell(key, { label, sort }) {
    if (!this.sort || !sort) return h("th", { scope: "col", class: `col-${key}` }, label);
    const isSorted = this.sort.field === sort;
    const direction = isSorted ? (this.sort.order === "asc" ? "ascending" : "descending") : "none";
    return h("th", { scope: "col", class: `col-${key}`, "aria-sort": direction },
      h("button.sort", { type: "button", onclick: () => this.onSort(sort) }, label, isSorted && icon("down", this.sort.order === "asc" ? "flipped" : "")));
  }

  /** Sorts anew by `sort` and starts from the first page. */
  resort(sort) {
    this.sort = sort;
    this.table.tHead.replaceWith(this.head());
    return this.reload();
  }

  /** Loads the first page. */
  async reload() {
    return this.fill(PAGE_ITEMS, "fresh");
  }

  /** Loads again what is shown: at once, or soon, when several calls become one. */
  refresh(when) {
    if (this.timer && when === "soon") return;
    clearTimeout(this.timer);
    const wait = when === "now" ? 0 : Math.max(120, CALM_MS - (performance.now() - (this.refreshedAt ?? -CALM_MS)));
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.refreshedAt = performance.now();
      if (this.element.isConnected) this.fill(Math.max(this.items.length, PAGE_ITEMS), "same");
    }, wait);
  }

  async fill(wanted, kind) {
    const turn = this.turn += 1;
    this.element.setAttribute("aria-busy", "true");
    try {
      const items = [];
      let cursor = null;
      do {
        const page = await this.load({ cursor, limit: Math.min(REFRESH_ITEMS, Math.max(PAGE_ITEMS, wanted - items.length)) });
        items.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor && items.length < wanted);
      if (turn !== this.turn) return;
      this.items = items;
      this.cursor = cursor;
      this.show();
    } catch (error) {
      if (turn === this.turn && (kind === "fresh" || error.status === 404)) this.fail(error);
    } finally {
      if (turn === this.turn) this.element.setAttribute("aria-busy", "false");
    }
  }

  async loadMore() {
    if (!this.cursor || this.element.getAttribute("aria-busy") === "true") return;
    const turn = this.turn;
    this.element.setAttribute("aria-busy", "true");
    try {
      const page = await this.load({ cursor: this.cursor, limit: PAGE_ITEMS * 2 });
      if (turn !== this.turn) return;
      const known = new Set(this.items.map((node) => node.id));
      this.items.push(...page.items.filter((node) => !known.has(node.id)));
      this.cursor = page.next_cursor;
      this.show();
    } catch (error) {
      this.status.textContent = `The rest could not be loaded. ${error.message}`;
    } finally {
      if (turn === this.turn) this.element.setAttribute("aria-busy", "false");
    }
  }

  fail(error) {
    const again = h("button.button.primary", { type: "button", onclick: () => this.reload() }, "Try again");
    const gone = error.status === 404;
    this.items = [];
    this.show();
    this.message.replaceChildren(gone
      ? this.gone()
      : notice("alert", "This could not be loaded", error.message, again));
    this.status.textContent = "";
  }

  show() {
    const focusedId = this.body.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.id : null;
    const old = this.rows;
    this.rows = new Map(this.items.map((node) => {
      const row = old.get(node.id);
      const mark = signature(node);
      return [node.id, row?.dataset.mark === mark ? row : this.row(node, mark)];
    }));
    const rows = [...this.rows.values()];
    const isSame = rows.length === this.body.rows.length && rows.every((row, i) => row === this.body.rows[i]);
    if (!isSame) this.body.replaceChildren(...rows);
    for (const id of this.chosen) if (!this.rows.has(id)) this.chosen.delete(id);
    this.current = Math.min(this.current, Math.max(0, rows.length - 1));
    this.table.hidden = rows.length === 0;
    this.more.hidden = !this.cursor;
    this.message.replaceChildren(...(rows.length === 0 ? [this.empty()] : []));
    this.status.textContent = rows.length === 0 ? "" : `${format.items(rows.length)}${this.cursor ? ", more below" : ""}`;
    this.mark();
    if (focusedId && !isSame) this.focusRow(this.indexOf(focusedId) ?? this.current);
    // The button may be in view already, which the observer has told before it was shown.
    this.observer.unobserve(this.more);
    this.observer.observe(this.more);
  }

  row(node, mark) {
    const cells = this.columns.map((key) => h("td", { class: `col-${key}` }, COLUMNS[key].cell(node)));
    const check = h("input", { type: "checkbox", tabindex: "-1", "aria-label": `Select ${node.name}` });
    const star = this.onStar && iconButton(node.starred ? "Remove star" : "Add star", "star", () => this.onStar(node),
      { tabindex: "-1", "aria-pressed": String(Boolean(node.starred)), class: `icon-button star ${node.starred ? "on" : ""}` });
    const tools = iconButton(`Actions for ${node.name}`, "more", (event) => this.menu(node, event.currentTarget), { tabindex: "-1", "aria-haspopup": "menu" });
    return h("tr", { "data-id": node.id, "data-mark": mark, tabindex: "-1", "aria-selected": "false" },
      h("td.col-check", {}, check), h("td.col-name", {}, this.nameCell(node)), cells, h("td.col-tools", {}, star, tools));
  }

  nameCell(node) {
    const kind = format.glyph(node);
    const href = this.href?.(node);
    const name = href ? h("a.node-name", { href, tabindex: "-1", draggable: "false" }, bdi(node.name)) : h("span.node-name", {}, bdi(node.name));
    const details = [node.path ? placeName(folderPath(node.path)) : null, format.time(node.trashed_at ?? node.updated_at), node.kind === "file" ? format.size(node.size) : null]
      .filter(Boolean).flatMap((part, i) => (i === 0 ? [part] : [" · ", part]));
    return h("div.name-cell", {}, h("span", { class: `tile kind-${kind}` }, icon(kind)),
      h("div.name-lines", {}, name, h("span.subline", { "aria-hidden": "true" }, details)));
  }

  /** The nodes that are selected, in list order. */
  selected() {
    return this.items.filter((node) => this.chosen.has(node.id));
  }

  indexOf(id) {
    const index = this.items.findIndex((node) => node.id === id);
    return index < 0 ? null : index;
  }

  mark() {
    for (const [id, row] of this.rows) {
      const isChosen = this.chosen.has(id);
      row.setAttribute("aria-selected", String(isChosen));
      row.querySelector("input").checked = isChosen;
      row.tabIndex = -1;
    }
    const current = this.body.rows[this.current];
    if (current) current.tabIndex = 0;
    this.all.checked = this.chosen.size > 0 && this.chosen.size === this.items.length;
    this.all.indeterminate = this.chosen.size > 0 && this.chosen.size < this.items.length;
    this.element.classList.toggle("has-selection", this.chosen.size > 0);
    this.onSelection(this.selected());
  }

  choose(ids) {
    this.chosen = new Set(ids);
    this.mark();
  }

  chooseAll(isOn) {
    this.choose(isOn ? this.items.map((node) => node.id) : []);
  }

  /** Selects one node and gives it the focus, if it is shown. */
  reveal(id) {
    const index = this.indexOf(id);
    if (index === null) return;
    this.anchor = index;
    this.choose([id]);
    this.focusRow(index);
  }

  /** Gives the list the focus. */
  focus() {
    this.focusRow(this.current);
  }

  focusRow(index) {
    const row = this.body.rows[index];
    if (!row) return;
    this.current = index;
    row.focus();
    row.scrollIntoView({ block: "nearest" });
  }

  focused(event) {
    const row = event.target.closest("tr");
    if (this.body.rows[this.current]) this.body.rows[this.current].tabIndex = -1;
    this.current = row.sectionRowIndex;
    row.tabIndex = 0;
  }

  range(to) {
    const [first, last] = [Math.min(this.anchor, to), Math.max(this.anchor, to)];
    this.choose(this.items.slice(first, last + 1).map((node) => node.id));
  }

  toggle(index) {
    const { id } = this.items[index];
    if (!this.chosen.delete(id)) this.chosen.add(id);
    this.anchor = index;
    this.mark();
  }

  click(event) {
    const row = event.target.closest("tr");
    const index = row.sectionRowIndex;
    if (event.target.closest("button")) return;
    const link = event.target.closest("a");
    const isExtending = event.shiftKey || event.ctrlKey || event.metaKey;
    if (link && !isExtending && this.chosen.size < 2) return;
    if (link) event.preventDefault();
    if (event.shiftKey) this.range(index);
    else if (event.target.closest(".col-check") || isExtending) this.toggle(index);
    else if (event.pointerType === "touch") this.tap(index);
    else {
      this.anchor = index;
      this.choose([this.items[index].id]);
    }
    row.focus();
  }

  // A finger has no double click: a tap opens, and extends a selection once there is one.
  tap(index) {
    if (this.chosen.size > 0) this.toggle(index);
    else this.onOpen(this.items[index]);
  }

  doubleClick(event) {
    if (event.target.closest("button, a, .col-check")) return;
    this.onOpen(this.items[event.target.closest("tr").sectionRowIndex]);
  }

  contextMenu(event) {
    const row = event.target.closest("tr");
    event.preventDefault();
    // From the keyboard there is no pointer to open the menu at.
    const at = event.clientX || event.clientY ? { x: event.clientX, y: event.clientY } : row;
    row.focus();
    this.menu(this.items[row.sectionRowIndex], at);
  }

  menu(node, at) {
    if (!this.chosen.has(node.id)) this.choose([node.id]);
    openMenu(at, this.commands(this.selected()));
  }

  key(event) {
    if (event.target.closest("button, a")) return;
    const index = this.current;
    const page = Math.max(1, Math.floor(innerHeight / 80));
    const steps = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: this.items.length - 1 };
    const isControl = event.ctrlKey || event.metaKey;
    if (event.key in steps && !event.altKey) this.step(Math.min(Math.max(steps[event.key], 0), this.items.length - 1), event.shiftKey, isControl);
    else if (event.key === " ") this.toggle(index);
    else if (event.key === "Enter") this.onOpen(this.items[index]);
    else if (event.key === "Escape" && this.chosen.size > 0) this.choose([]);
    else if (isControl && event.key === "a") this.chooseAll(true);
    else if (!this.onKey(event, this.chosen.size > 0 ? this.selected() : [this.items[index]]) && !this.typeAhead(event)) return;
    event.preventDefault();
  }

  step(index, isExtending, isMovingOnly) {
    this.focusRow(index);
    if (isExtending) this.range(index);
    else if (!isMovingOnly) {
      this.anchor = index;
      this.choose([this.items[index].id]);
    }
  }

  typeAhead(event) {
    if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || event.key === "/") return false;
    const now = performance.now();
    this.typed = now - (this.typedAt ?? 0) < 800 ? this.typed + event.key.toLowerCase() : event.key.toLowerCase();
    this.typedAt = now;
    const from = this.typed.length === 1 ? this.current + 1 : this.current;
    const order = [...this.items.keys()].map((i) => (i + from) % this.items.length);
    const match = order.find((i) => this.items[i].name.toLowerCase().startsWith(this.typed));
    if (match !== undefined) this.step(match, false, false);
    return true;
  }

  /** Stops watching the page. */
  close() {
    this.observer.disconnect();
    clearTimeout(this.timer);
    this.turn += 1;
  }
}
