// A link of a folder: what it holds, folder by folder, and where it may be changed.

import { bdi, button, h, icon, notice } from "../dom.js";
import { askName, openDialog } from "../dialogs.js";
import { chooseFiles, dropZone } from "../drop.js";
import * as format from "../format.js";
import { fillBar } from "../frame.js";
import { NodeList } from "../list.js";
import { placeOf } from "../place.js";
import { pictureOf, previewOf } from "../preview.js";
import { go, here, to, withFile } from "../route.js";
import { session } from "../session.js";
import { sortBy, storedSort } from "../sort.js";
import { toast, toastError } from "../toast.js";
import { uploads } from "../uploads.js";
import { render as renderUploads } from "../views/uploads.js";

/** Shows the folder of a link that the address names, and follows the address. */
export function render(root, { info, visit }) {
  const tray = h("div.tray");
  const view = h("div");
  root.className = "visit-folder";
  root.replaceChildren(view, tray);
  renderUploads(tray, { signal: new AbortController().signal });
  const state = { shown: null, dialog: null };
  const follow = () => {
    const { id, file } = here();
    if (state.shown?.id !== id) {
      state.shown?.close();
      state.shown = show(view, { info, visit, id });
    }
    state.shown.open(file);
  };
  addEventListener("hashchange", follow);
  follow();
}

function show(root, { info, visit, id }) {
  const state = { folder: null, dialog: null };
  const trail = h("nav.crumbs", { "aria-label": "Path" }, h("ol", {}, h("li", {}, h("h1.crumb", {}, bdi(info.name)))));
  const bar = h("div.selection-bar", { role: "toolbar", "aria-label": "Selection", hidden: true });
  const veil = h("div.drop-veil", { hidden: true }, h("div", {}, icon("upload", "big"), h("p", {}, "Drop files or folders to upload them here")));
  const take = (entries) => state.folder && uploads.add(entries, placeOf(state.folder, sourceOf(visit)));
  const head = h("div.view-head", {}, trail, h("div.tools", {}, tools(info, visit, state, take)), bar);
  const list = new NodeList({
    label: "Files", columns: ["modified", "size"], sort: storedSort(),
    load: async ({ cursor, limit }) => {
      const page = await visit.items({ folder: id, sort: list.sort.field, order: list.sort.order, limit, cursor });
      if (page.trail) state.folder = page.trail.at(-1);
      if (page.trail) trail.replaceChildren(h("ol", {}, page.trail.map((step, i) => crumb(step, i, page.trail))));
      return page;
    },
    onSort: (field) => sortBy(list, field),
    href: (node) => (node.kind === "folder" ? to("folder", node.id) : to("folder", id, { file: node.id })),
    onOpen: (node) => go(node.kind === "folder" ? to("folder", node.id) : withFile(node.id)),
    commands: (nodes) => commands(nodes, info, visit),
    onSelection: (nodes) => fillBar(bar, head, nodes, list),
    empty: () => notice("folder", "This folder is empty", info.may.edit ? "Drop files or whole folders here, or choose them." : null),
    gone: () => notice("folder", "This folder is not here any more", "It was moved or deleted.", h("a.button", { href: "#/folder" }, "Go to the first folder")),
  });
  root.replaceChildren(head, list.element, veil);
  const refresh = () => list.refresh("soon");
  for (const name of ["caught-up", "acted"]) session.addEventListener(name, refresh);
  const closeZone = info.may.edit ? dropZone(root, veil, (drop) => drop.then((found) => take(found.files), toastError)) : () => null;
  const loaded = list.reload();

  return {
    id,
    open: async (file) => {
      if (!file) return state.dialog?.close();
      await loaded;
      const node = list.items.find((item) => item.id === file);
      if (node && !state.dialog) openFile(node, info, visit, state);
    },
    close: () => {
      state.dialog?.close();
      for (const name of ["caught-up", "acted"]) session.removeEventListener(name, refresh);
      closeZone();
      list.close();
    },
  };
}

function crumb(step, i, trail) {
  return h("li", {}, i > 0 && icon("right"), i === trail.length - 1
    ? h("h1.crumb", { "aria-current": "page" }, bdi(step.name))
    : h("a.crumb", { href: to("folder", i === 0 ? "" : step.id) }, bdi(step.name)));
}

function tools(info, visit, state, take) {
  const make = () => askName({
    title: "New folder", label: "Name", action: "Create",
    submit: async (name) => { await visit.createFolder({ parent_id: state.folder.id, name }); acted(); },
  });
  return [
    h("a.button", { href: visit.zipUrl(here().id), download: "", title: "Download all" }, icon("download"), h("span.label", {}, "Download all")),
    info.may.edit && button("New folder", "plus", make),
    info.may.edit && button("Upload", "upload", () => chooseFiles("files", take), "primary"),
  ].filter(Boolean);
}

const sourceOf = (visit) => ({
  createFolder: (parent_id, name) => visit.createFolder({ parent_id, name }),
  children: (folder, query) => visit.items({ folder, ...query }),
  uploadUrl: visit.uploadUrl,
});

const acted = () => session.dispatchEvent(new Event("acted"));

function commands(nodes, info, visit) {
  const single = nodes.length === 1;
  return [
    single && nodes[0].kind === "file" && { label: "Show", icon: "info", run: () => go(withFile(nodes[0].id)) },
    { label: "Download", icon: "download", run: () => download(nodes, visit) },
    single && info.may.edit && { label: "Rename", icon: "pencil", run: () => rename(nodes[0], visit) },
    info.may.edit && { label: "Delete", icon: "trash", kind: "danger", run: () => trash(nodes, visit) },
  ].filter(Boolean);
}

function download(nodes, visit) {
  nodes.forEach((node, i) => {
    const link = h("a", { href: node.kind === "folder" ? visit.zipUrl(node.id) : visit.contentUrl(node.id), download: "" });
    // Browsers drop downloads that start in the same moment.
    setTimeout(() => link.click(), i * 300);
  });
}

function rename(node, visit) {
  return askName({
    title: "Rename", label: "Name", name: node.name, action: "Rename",
    submit: async (name) => {
      if (name !== node.name) await visit.rename(node.id, name);
      acted();
    },
  });
}

async function trash(nodes, visit) {
  for (const node of nodes) {
    await visit.trash(node.id).then(() => toast(`“${node.name}” deleted.`), (error) => toastError(error, `“${node.name}”`));
  }
  acted();
}

async function openFile(node, info, visit, state) {
  const shown = openDialog(node.name, (close, dialog) => {
    state.dialog = dialog;
    // Where downloads are counted, a picture would be one.
    return [info.downloads_left === null ? previewOf(node, visit) : pictureOf(node),
      h("p.hint.visit-facts", {}, format.size(node.size), " · ", format.time(node.updated_at)),
      h("div.dialog-actions", {}, h("a.button.primary", { href: visit.contentUrl(node.id), download: node.name, autofocus: true }, icon("download"), "Download"))];
  }, { wide: true });
  await shown;
  state.dialog = null;
  if (here().file) go(withFile(null), { replace: true });
}
