// The dialog in which a person chooses a folder.

import * as api from "./api.js";
import { bdi, button, h, icon } from "./dom.js";
import { askName, openDialog } from "./dialogs.js";
import { session } from "./session.js";

const PAGE_ITEMS = 200;

/** Asks for a folder; `without` are ids that cannot be chosen or entered. Gives `{ id, name }` or null. */
export function pickFolder({ title, text, action, startId, without }) {
  return openDialog(title, (close, dialog) => {
    const trail = h("nav.crumbs", { "aria-label": "Path" });
    const list = h("ul.picker-list", { "aria-label": "Folders" });
    const state = { folder: null };
    const open = (id) => show(id).catch((error) => list.replaceChildren(h("li.picker-note", { role: "alert" }, error.message)));
    const choose = h("button.button.primary", { type: "button", onclick: () => close(state.folder) }, action);

    async function show(id) {
      const folder = await api.node(session.folderId(id));
      const { items, next_cursor } = await api.children(folder.id, { kind: "folder", limit: PAGE_ITEMS });
      state.folder = { id: folder.id, name: folder.name || "My files" };
      trail.replaceChildren(...crumbs(folder, open));
      list.replaceChildren(...items.map((item) => row(item, without, open)), ...rest(folder, items, next_cursor));
      list.querySelector("button:enabled")?.focus();
    }

    async function showMore(folder, cursor, note) {
      const page = await api.children(folder.id, { kind: "folder", limit: PAGE_ITEMS, cursor });
      note.replaceWith(...page.items.map((item) => row(item, without, open)), ...rest(folder, page.items, page.next_cursor));
    }

    function rest(folder, items, cursor) {
      if (items.length === 0) return [h("li.picker-note", {}, "No folders in here.")];
      if (!cursor) return [];
      const note = h("li.picker-note", {}, button("Show more", null, () => showMore(folder, cursor, note)));
      return [note];
    }

    const create = async () => {
      const made = await askName({ title: "New folder", label: "Name", action: "Create", submit: (name) => api.createFolder(state.folder.id, name) });
      if (made?.id) await open(made.id);
    };
    list.addEventListener("keydown", (event) => steer(event, list));
    dialog.classList.add("picker");
    open(startId);
    return [text && h("p.dialog-text", {}, text), trail, list,
      h("div.dialog-actions", {}, h("span.grow", {}, button("New folder", "plus", create)),
        h("button.button", { type: "button", onclick: () => close() }, "Cancel"), choose)].filter(Boolean);
  });
}

function row(item, without, open) {
  return h("li", {}, h("button.picker-row", { type: "button", disabled: without.includes(item.id), onclick: () => open(item.id) },
    h("span.tile.kind-folder", {}, icon("folder")), h("span.node-name", {}, bdi(item.name)), icon("right")));
}

function crumbs(folder, open) {
  const names = (folder.path ?? "").split("/").filter(Boolean);
  const top = h("button.crumb", { type: "button", onclick: () => open("root") }, "My files");
  return [top, ...names.flatMap((name, i) => {
    const path = `/${names.slice(0, i + 1).join("/")}`;
    return [icon("right"), h("button.crumb", { type: "button", onclick: async () => open((await api.resolve(path)).id) }, bdi(name))];
  })];
}

function steer(event, list) {
  const rows = [...list.querySelectorAll("button:enabled")];
  const now = rows.indexOf(document.activeElement);
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (next === undefined || rows.length === 0) return;
  event.preventDefault();
  rows[(next + rows.length) % rows.length].focus();
}
