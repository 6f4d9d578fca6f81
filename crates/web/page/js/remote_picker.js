// The dialog in which a person chooses a folder of a connection.

import * as api from "./api.js";
import { bdi, button, h, icon } from "./dom.js";
import { askName, openDialog } from "./dialogs.js";

const PAGE_ITEMS = 500;
const LOOK_AGAIN_MS = 1500;

/** Asks for a folder of `connection`. Gives `{ id, path }`, or `{ path, isNew: true }` of one that is to be made, or null. */
export function pickRemote(connection) {
  const state = { at: null, turn: 0, timer: 0 };
  const answer = openDialog(`A folder of “${connection.label}”`, (close, dialog) => {
    const trail = h("nav.crumbs", { "aria-label": "Path" });
    const list = h("ul.picker-list", { "aria-label": "Folders" });
    const use = h("button.button.primary", { type: "button", disabled: true, onclick: () => close({ id: state.at.id, path: state.at.path }) }, "Choose this folder");
    const open = (folder) => show(folder, true);

    async function show(folder, isOpened) {
      const turn = state.turn += 1;
      clearTimeout(state.timer);
      try {
        const page = await folders(connection.id, folder);
        if (turn !== state.turn) return;
        const way = page.way.filter((step) => step.id !== connection.root);
        state.at = { id: folder || "root", path: `/${way.map((step) => step.name).join("/")}` };
        use.disabled = false;
        draw(page, way, isOpened);
        // It is being looked at for the first time: what is found comes by and by.
        if (page.filling) state.timer = setTimeout(() => show(folder, false), LOOK_AGAIN_MS);
      } catch (error) {
        if (turn === state.turn) list.replaceChildren(h("li.picker-note", { role: "alert" }, error.message));
      }
    }

    function draw(page, way, isOpened) {
      const focused = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
      trail.replaceChildren(...crumbs(connection, way, open));
      list.replaceChildren(...page.items.map((item) => row(item, open)), ...note(page));
      const again = focused && [...list.querySelectorAll("button")].find((one) => one.dataset.id === focused);
      if (again) again.focus();
      else if (isOpened) (list.querySelector("button") ?? use).focus();
    }

    const create = async () => {
      const name = await askName({ title: "New folder there", label: "Name", action: "Choose it", submit: (text) => text });
      if (name) close({ path: `${state.at.path === "/" ? "" : state.at.path}/${name}`, isNew: true });
    };
    list.addEventListener("keydown", (event) => steer(event, list));
    dialog.classList.add("picker");
    show("", true);
    return [trail, list, h("div.dialog-actions", {}, h("span.grow", {}, button("New folder", "plus", create)),
      h("button.button", { type: "button", onclick: () => close() }, "Cancel"), use)];
  });
  return answer.finally(() => { state.turn += 1; clearTimeout(state.timer); });
}

/** All folders in one. They come first, so that what follows them need not be asked for. */
async function folders(connection, folder) {
  const items = [];
  let cursor = null;
  let page;
  do {
    page = await api.remoteItems(connection, { folder, cursor, limit: PAGE_ITEMS });
    items.push(...page.items.filter((item) => item.kind === "folder"));
    cursor = page.items.every((item) => item.kind === "folder") ? page.next_cursor : null;
  } while (cursor);
  return { ...page, items };
}

function note({ items, filling }) {
  if (filling) return [h("li.picker-note", { role: "status" }, "It is being looked at for the first time…")];
  return items.length === 0 ? [h("li.picker-note", {}, "No folders in here.")] : [];
}

function row(item, open) {
  return h("li", {}, h("button.picker-row", { type: "button", "data-id": item.id, onclick: () => open(item.id) },
    h("span.tile.kind-folder", {}, icon("folder")), h("span.node-name", {}, bdi(item.name)), icon("right")));
}

function crumbs(connection, way, open) {
  const top = h("button.crumb", { type: "button", onclick: () => open("") }, bdi(connection.label));
  return [top, ...way.flatMap(({ id, name }) => [icon("right"), h("button.crumb", { type: "button", onclick: () => open(id) }, bdi(name))])];
}

function steer(event, list) {
  const rows = [...list.querySelectorAll("button")];
  const now = rows.indexOf(document.activeElement);
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (next === undefined || rows.length === 0) return;
  event.preventDefault();
  rows[(next + rows.length) % rows.length].focus();
}
