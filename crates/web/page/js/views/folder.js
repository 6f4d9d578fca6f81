// The content of one folder.

import { newFolder } from "../actions.js";
import * as api from "../api.js";
import { bdi, button, h, icon, isTyping, notice } from "../dom.js";
import { chooseFiles, chosen, dropZone } from "../drop.js";
import { frame } from "../frame.js";
import { openMenu } from "../menu.js";
import { placeOf } from "../place.js";
import { go, to, toPath } from "../route.js";
import { session } from "../session.js";
import { sortBy, storedSort } from "../sort.js";
import { toast, toastError } from "../toast.js";
import { uploads } from "../uploads.js";

let leftId = null;

/** Shows the folder `params.id`. */
export function render(root, params) {
  const state = { folder: null };
  const id = session.folderId(params.id);
  const trail = h("nav.crumbs", { "aria-label": "Path" });
  const veil = h("div.drop-veil", { hidden: true }, h("div", {}, icon("upload", "big"), h("p", {}, "Drop files or folders to upload them here")));
  const take = (entries) => canEdit() && uploads.add(entries, placeIn(state.folder));
  const canEdit = () => state.folder && state.folder.right !== "view";
  const page = frame(root, {
    heading: trail,
    tools: tools(state, take),
    label: "Files",
    columns: ["modified", "size"],
    sort: storedSort(),
    load: ({ cursor, limit }) => api.children(id, { sort: page.list.sort.field, order: page.list.sort.order, limit, cursor }),
    onSort: (field) => sortBy(page.list, field),
    empty: () => empty(take, state.folder?.right !== "view"),
    concerns: (change) => change.parent_id === id,
    rightOf: () => state.folder?.right ?? "own",
    mayShare: () => state.folder?.may_share ?? true,
  });
  root.append(veil);

  const show = async () => {
    state.folder = tidy(await api.node(id));
    trail.replaceChildren(...(isOwn(state.folder) ? crumbs(state.folder) : await crumbsOfOthers(state.folder)));
    root.querySelector(".tools").hidden = !canEdit();
    params.setTitle(state.folder.name || "My files");
  };
  // A folder on the way here may have got another name.
  const onChange = ({ detail }) => { if (detail?.node_kind === "folder" && detail.kind !== "created") show().catch(() => null); };
  session.addEventListener("change", onChange);
  const closeZone = dropZone(root, veil, (drop) => drop.then((found) => canEdit() && upload(found, state.folder), toastError));
  const onPaste = (event) => { if (!isTyping(event) && event.clipboardData.files.length > 0) take(chosen(event.clipboardData.files)); };
  const onKey = (event) => { if (!isTyping(event)) keys(event, state); };
  addEventListener("paste", onPaste);
  addEventListener("keydown", onKey);
  // The list says that the folder is gone; nothing can be put into it then.
  show().catch(() => { root.querySelector(".tools").hidden = true; });
  page.load(leftId);

  return {
    close: () => {
      leftId = id;
      session.removeEventListener("change", onChange);
      removeEventListener("paste", onPaste);
      removeEventListener("keydown", onKey);
      closeZone();
      page.close();
    },
  };
}

const isOwn = (folder) => folder.right === "own";

/** Where uploads go. A path from one's own root leads to no folder of somebody else's. */
function placeIn(folder) {
  if (isOwn(folder)) return folder;
  const place = placeOf(folder, { createFolder: api.createFolder, children: api.children, uploadUrl: (folderId, name, onConflict) => api.uploadUrl({ folderId, name }, onConflict) });
  return { ...place, target: async (path, filename) => ({ folder_id: await place.folderAt(path), filename }) };
}

/** A root has the path "" here, so that paths can be joined. */
function tidy(folder) {
  return { ...folder, path: folder.path === "/" ? "" : folder.path ?? "" };
}

function keys(event, state) {
  const isUp = event.key === "Backspace" || (event.altKey && event.key === "ArrowUp");
  if (isUp && state.folder?.parent_id) go(to("folder", state.folder.parent_id));
  else if (isUp && state.folder && !isOwn(state.folder)) go(to("shared"));
  else return;
  event.preventDefault();
}

function crumbs(folder) {
  const names = folder.path.split("/").filter(Boolean);
  const parts = [["My files", "#/folder/root"], ...names.map((name, i) => [name, toPath(names.slice(0, i + 1).join("/"))])];
  return [h("ol", {}, parts.map(([name, href], i) => h("li", {}, i > 0 && icon("right"),
    i === parts.length - 1 ? h("h1.crumb", { "aria-current": "page" }, bdi(name)) : h("a.crumb", { href }, bdi(name)))))];
}

/** The way down from what somebody shared. */
async function crumbsOfOthers(folder) {
  const steps = [folder];
  while (steps[0].parent_id) steps.unshift(await api.node(steps[0].parent_id));
  const links = [["Shared with me", to("shared")], ...steps.slice(0, -1).map((step) => [step.name, to("folder", step.id)])];
  const above = links.map(([name, href], i) => h("li", {}, i > 0 && icon("right"), h("a.crumb", { href }, bdi(name))));
  return [h("ol", {}, above, h("li", {}, icon("right"), h("h1.crumb", { "aria-current": "page" }, bdi(folder.name))))];
}

function tools(state, take) {
  const make = async () => {
    const folder = state.folder && await newFolder(state.folder.id);
    if (folder?.id) toast(`Folder “${folder.name}” created.`, { action: { label: "Open", run: () => go(to("folder", folder.id)) } });
  };
  return [
    button("New folder", "plus", make),
    h("div.split", {}, button("Upload", "upload", () => chooseFiles("files", take), "primary"),
      h("button.button.primary", { type: "button", "aria-label": "More ways to upload", "aria-haspopup": "menu", onclick: (event) => openMenu(event.currentTarget, uploadMenu(take)) }, icon("down"))),
  ];
}

function uploadMenu(take) {
  const choice = (value, label) => ({ label, checked: uploads.onConflict() === value, run: () => uploads.setOnConflict(value) });
  return [
    { label: "Upload files", icon: "file", run: () => chooseFiles("files", take) },
    { label: "Upload a folder", icon: "folder", run: () => chooseFiles("folder", take) },
    "-",
    { heading: "When a name is taken" },
    choice("new_version", "Add a new version"),
    choice("keep_both", "Keep both files"),
    choice("fail", "Skip the file"),
  ];
}

async function upload({ files, emptyFolders, isCut }, folder) {
  if (!folder) return;
  const place = placeIn(folder);
  if (files.length > 0) uploads.add(files, place);
  if (isCut) toast("That is too much at once: only the first 50,000 files are uploaded.", { isError: true });
  for (const path of emptyFolders) {
    await (place.folderAt?.(path) ?? api.createFolders(`${folder.path}/${path}`)).catch((error) => { if (error.status !== 409) toastError(error, `Folder “${path}”`); });
  }
  if (emptyFolders.length > 0) session.dispatchEvent(new Event("acted"));
}

function empty(take, canEdit) {
  if (!canEdit) return notice("folder", "This folder is empty");
  return notice("folder", "This folder is empty", "Drop files or whole folders here, or choose them.",
    button("Upload files", "upload", () => chooseFiles("files", take), "primary"));
}
