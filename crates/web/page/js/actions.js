// What can be done to nodes, with its questions and its messages.

import * as api from "./api.js";
import { h } from "./dom.js";
import { askName, choose, confirm } from "./dialogs.js";
import * as format from "./format.js";
import { pickFolder } from "./picker.js";
import { session } from "./session.js";
import { openShare } from "./share.js";
import { toast, toastError } from "./toast.js";

const PARALLEL = 4;
const ARCHIVE_NODES = 100;

// The journal will tell as well; this does not wait for it.
const changed = () => session.dispatchEvent(new Event("acted"));

const called = (nodes) => (nodes.length === 1 ? `“${nodes[0].name}”` : format.items(nodes.length));

/** Does `work` to each node, a few at a time; gives those that went well and the errors of the others. */
async function each(nodes, work) {
  const queue = [...nodes];
  const done = [];
  const errors = [];
  await Promise.all(Array.from({ length: PARALLEL }, async () => {
    for (let node = queue.shift(); node; node = queue.shift()) {
      try {
        await work(node);
        done.push(node);
      } catch (error) {
        errors.push({ node, error });
      }
    }
  }));
  changed();
  return { done, errors };
}

// Without a text the list itself shows what happened.
function tell({ done, errors }, text, action) {
  if (text && done.length > 0) toast(text(called(done)), { action });
  const [first] = errors;
  if (first) toastError(first.error, errors.length === 1 ? `“${first.node.name}”` : `${errors.length} items were left as they are`);
}

/** Asks for a name and makes a folder. */
export function newFolder(parentId) {
  return askName({
    title: "New folder", label: "Name", name: "", action: "Create",
    submit: async (name) => {
      const folder = await api.createFolder(parentId, name);
      changed();
      return folder;
    },
  });
}

/** Asks for another name. */
export function rename(node) {
  return askName({
    title: "Rename", label: "Name", name: node.name, action: "Rename",
    submit: async (name) => {
      if (name === node.name) return node;
      const renamed = await api.rename(node.id, name);
      changed();
      return renamed;
    },
  });
}

/** Moves nodes to the trash, which can be undone. */
export async function trash(nodes) {
  const outcome = await each(nodes, (node) => api.trash(node.id));
  tell(outcome, (what) => `${what} moved to the trash.`, { label: "Undo", run: () => undoTrash(outcome.done) });
}

async function undoTrash(nodes) {
  tell(await each(nodes, (node) => api.restore(node.id)), (what) => `${what} is back.`);
}

/** Asks for a folder and moves nodes there. */
export async function move(nodes) {
  const target = await pickFolder({ title: `Move ${called(nodes)}`, action: "Move here", startId: nodes[0].parent_id ?? "root", without: nodes.map((node) => node.id) });
  if (target) await moveTo(nodes, target);
}

async function moveTo(nodes, target) {
  const outcome = await each(nodes, (node) => api.move(node.id, target.id, "fail"));
  const taken = outcome.errors.filter(({ error }) => error.status === 409).map(({ node }) => node);
  tell({ ...outcome, errors: outcome.errors.filter(({ error }) => error.status !== 409) }, (what) => `${what} moved to “${target.name}”.`,
    { label: "Undo", run: () => moveBack(outcome.done) });
  if (taken.length === 0) return;
  const isBoth = await choose({
    title: "The name is taken", text: `“${target.name}” already holds ${taken.length === 1 ? `an item called “${taken[0].name}”` : `${taken.length} items of these names`}.`,
    answers: [{ label: "Leave it", value: false }, { label: "Keep both", value: true, kind: "primary" }],
  });
  if (isBoth) tell(await each(taken, (node) => api.move(node.id, target.id, "keep_both")), (what) => `${what} moved to “${target.name}”.`);
}

async function moveBack(nodes) {
  tell(await each(nodes, (node) => api.move(node.id, node.parent_id, "keep_both")), (what) => `${what} moved back.`);
}

/** Asks for a folder and copies nodes there. */
export async function copy(nodes, right = "own") {
  const startId = right === "own" ? nodes[0].parent_id ?? "root" : "root";
  const target = await pickFolder({ title: `Copy ${called(nodes)}`, action: "Copy here", startId, without: [] });
  if (target) tell(await each(nodes, (node) => api.copy(node.id, target.id)), (what) => `${what} copied to “${target.name}”.`);
}

/** Stars nodes, or takes the star away if all have one. */
export async function toggleStar(nodes) {
  const isOn = !nodes.every((node) => node.starred);
  tell(await each(nodes, (node) => (isOn ? api.star(node.id) : api.unstar(node.id))));
}

/** Downloads a file, or everything else as archives of a hundred nodes at the most. */
export function download(nodes) {
  const [first] = nodes;
  const isFile = nodes.length === 1 && first.kind === "file";
  const count = Math.ceil(nodes.length / ARCHIVE_NODES);
  const addresses = isFile ? [api.contentUrl(first.id)]
    : Array.from({ length: count }, (_, i) => api.zipUrl(nodes.slice(i * ARCHIVE_NODES, (i + 1) * ARCHIVE_NODES)));
  addresses.forEach((href, i) => {
    const link = h("a", { href, download: isFile ? first.name : "" });
    // Browsers drop downloads that start in the same moment.
    setTimeout(() => link.click(), i * 300);
  });
}

/** Gives up what others shared, after asking. */
export async function leave(nodes) {
  const isSure = await confirm({ title: `Leave ${called(nodes)}?`, text: "You lose access to it until it is shared with you again.", action: "Leave", isDanger: true });
  if (isSure) tell(await each(nodes, (node) => api.endShare(node.share.id)), (what) => `You left ${what}.`);
}

/** Puts nodes back where they were, or at the top when that place is gone. */
export async function restore(nodes) {
  tell(await each(nodes, (node) => api.restore(node.id).catch((error) => restoreElsewhere(node, error))), (what) => `${what} restored.`);
}

async function restoreElsewhere(node, error) {
  if (error.status !== 409) throw error;
  const target = await pickFolder({ title: `Where should “${node.name}” go?`, text: error.message, action: "Restore here", startId: "root", without: [] });
  if (!target) throw error;
  return api.restore(node.id, { parent_id: target.id });
}

/** Deletes trashed nodes for good, after asking. */
export async function purge(nodes) {
  const isSure = await confirm({ title: `Delete ${called(nodes)} forever?`, text: "All versions are deleted with it. This cannot be undone.", action: "Delete forever", isDanger: true });
  if (isSure) tell(await each(nodes, (node) => api.purge(node.id)), (what) => `${what} deleted.`);
}

/** Deletes everything in the trash for good, after asking. */
export async function emptyTrash() {
  const isSure = await confirm({ title: "Empty the trash?", text: "Everything in it is deleted with all its versions. This cannot be undone.", action: "Empty trash", isDanger: true });
  if (!isSure) return;
  await api.emptyTrash().then(() => toast("The trash is empty."), toastError);
  changed();
}

/** The menu of nodes that are not in the trash, on which the person has `right` and `mayShare`. */
export function commands(nodes, { onDetails, right = "own", mayShare = true }) {
  const single = nodes.length === 1;
  const canEdit = right !== "view";
  return [
    { label: "Download", icon: "download", run: () => download(nodes) },
    single && mayShare && { label: "Share", icon: "share", run: () => share(nodes[0]) },
    single && canEdit && { label: "Rename", icon: "pencil", keys: "F2", run: () => rename(nodes[0]) },
    right === "own" && { label: "Move", icon: "move", run: () => move(nodes) },
    { label: "Copy", icon: "copy", run: () => copy(nodes, right) },
    { label: nodes.every((node) => node.starred) ? "Remove star" : "Add star", icon: "star", run: () => toggleStar(nodes) },
    single && { label: "Details", icon: "info", run: () => onDetails(nodes[0]) },
    canEdit && { label: "Delete", icon: "trash", keys: "Del", kind: "danger", run: () => trash(nodes) },
  ].filter(Boolean);
}

/** Opens the dialog of sharing, with the right that the person has on the node now. */
export async function share(node) {
  await api.node(node.id).then(openShare, toastError);
}

/** The menu of nodes in the trash. */
export function trashCommands(nodes) {
  return [
    { label: "Restore", icon: "restore", run: () => restore(nodes) },
    { label: "Delete forever", icon: "trash", keys: "Del", kind: "danger", run: () => purge(nodes) },
  ];
}

/** Keys that act on nodes outside the trash, on which the person has `right`; says whether it was one. */
export function actByKey(event, nodes, right = "own") {
  if (right === "view") return false;
  if (event.key === "F2" && nodes.length === 1) rename(nodes[0]);
  else if (event.key === "Delete" || (event.metaKey && event.key === "Backspace")) trash(nodes);
  else return false;
  return true;
}
