// Files and folders that come from outside: dropped, pasted or chosen.

import { h } from "./dom.js";

/** Most files taken at once; beyond it a page is the wrong tool. */
const LIMIT_FILES = 50_000;

/** The files that were chosen in an `<input type=file>`, as `{ file, path }`. */
export function chosen(files) {
  return [...files].map((file) => ({ file, path: (file.webkitRelativePath ?? "").split("/").slice(0, -1).join("/") }));
}

/** Opens the browser's own chooser, for files or for a whole folder. */
export function chooseFiles(what, take) {
  const input = h("input", { type: "file", multiple: true, hidden: true, webkitdirectory: what === "folder" });
  input.addEventListener("change", () => { take(chosen(input.files)); input.remove(); });
  input.addEventListener("cancel", () => input.remove());
  // Some browsers only answer for an input that is in the page.
  document.body.append(input);
  input.click();
}

/** What a drop holds: `{ files: [{ file, path }], emptyFolders: [path], isCut }`. Must be called while the event is handled. */
export async function dropped(transfer) {
  // The items are gone after the first await, so their entries are taken at once.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const loose = items.map((item) => item.getAsFile());
  const found = { files: [], emptyFolders: [], isCut: false };
  for (const [i, entry] of entries.entries()) {
    if (entry) await walk(entry, "", found);
    else if (loose[i]) found.files.push({ file: loose[i], path: "" });
  }
  return found;
}

async function walk(entry, path, found) {
  if (found.files.length >= LIMIT_FILES) {
    found.isCut = true;
    return;
  }
  if (entry.isFile) {
    found.files.push({ file: await new Promise((done, fail) => { entry.file(done, fail); }), path });
    return;
  }
  const inner = path ? `${path}/${entry.name}` : entry.name;
  const reader = entry.createReader();
  let count = 0;
  // A reader gives a hundred entries at a time and none at the end.
  for (let batch = await read(reader); batch.length > 0; batch = await read(reader)) {
    count += batch.length;
    for (const child of batch) await walk(child, inner, found);
  }
  if (count === 0) found.emptyFolders.push(inner);
}

const read = (reader) => new Promise((done, fail) => { reader.readEntries(done, fail); });

/** Lets `element` take drops; `take` gets what `dropped` found. Gives a function that ends it. */
export function dropZone(element, veil, take) {
  const isFiles = (event) => [...event.dataTransfer.types].includes("Files");
  let depth = 0;
  const show = (isOver) => { veil.hidden = !isOver; };
  const listeners = {
    dragenter: (event) => { if (isFiles(event)) { event.preventDefault(); depth += 1; show(true); } },
    dragover: (event) => { if (isFiles(event)) { event.preventDefault(); event.dataTransfer.dropEffect = "copy"; } },
    dragleave: (event) => { if (isFiles(event)) { depth = Math.max(0, depth - 1); show(depth > 0); } },
    drop: (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      depth = 0;
      show(false);
      take(dropped(event.dataTransfer));
    },
  };
  for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) element.removeEventListener(name, listener);
  };
}
