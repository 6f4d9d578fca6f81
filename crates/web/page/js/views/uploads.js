// The panel of the upload queue.

import { bdi, h, icon, iconButton } from "../dom.js";
import * as format from "../format.js";
import { uploads } from "../uploads.js";

/** Rows shown at most; a queue may hold tens of thousands. */
const LIMIT_ROWS = 60;
const ORDER = ["sending", "paused", "failed", "waiting", "skipped", "cancelled", "done"];

/** Keeps `root` showing the queue while there is one; `until` holds the signal that ends it. */
export function render(root, until) {
  const title = h("h2", { id: "uploads-title" });
  const bar = h("progress", { max: 1, value: 0, "aria-labelledby": "uploads-title" });
  const list = h("ul.upload-list");
  const said = h("p.hidden-text", { role: "status" });
  const fold = iconButton("Show or hide the list", "down", () => setFolded(!panel.classList.contains("folded")), { "aria-expanded": "true" });
  const retry = h("button.link", { type: "button", "aria-label": "Retry failed", onclick: uploads.retryAll }, "Retry");
  const stop = h("button.link", { type: "button", onclick: uploads.cancelAll }, "Cancel all");
  const close = iconButton("Close", "close", uploads.clear);
  const panel = h("section.uploads", { "aria-labelledby": "uploads-title", hidden: true },
    h("header", {}, title, retry, stop, fold, close), bar, list);
  root.append(panel, said);
  const rows = new Map();

  function setFolded(isFolded) {
    panel.classList.toggle("folded", isFolded);
    fold.setAttribute("aria-expanded", String(!isFolded));
  }

  function show() {
    const figures = uploads.figures();
    const isBusy = figures.waiting + figures.sending > 0;
    panel.hidden = uploads.items.length === 0;
    title.textContent = heading(figures, isBusy);
    bar.hidden = !isBusy;
    bar.value = figures.totalBytes === 0 ? 0 : figures.sentBytes / figures.totalBytes;
    retry.hidden = figures.failed === 0;
    stop.hidden = !isBusy && figures.paused === 0;
    close.hidden = !stop.hidden;
    const now = [...shown().map((item) => rowOf(item, rows)), ...hiddenNote()];
    // What is taken out and put back loses the focus.
    if (now.length !== list.children.length || now.some((row, i) => row !== list.children[i])) list.replaceChildren(...now);
    if (uploads.items.length === 0) rows.clear();
  }

  uploads.addEventListener("progress", show, until);
  uploads.addEventListener("settled", () => { said.textContent = heading(uploads.figures(), false); }, until);
  show();
}

function heading(figures, isBusy) {
  if (isBusy) {
    const total = figures.waiting + figures.sending + figures.paused + figures.done;
    return `Uploading ${figures.done + 1 > total ? total : figures.done + 1} of ${format.items(total, "file")}`;
  }
  const parts = [figures.paused && `${figures.paused} paused`, figures.done && `${format.items(figures.done, "file")} uploaded`, figures.skipped && `${figures.skipped} skipped`,
    figures.failed && `${figures.failed} failed`, figures.cancelled && `${figures.cancelled} cancelled`].filter(Boolean);
  return parts.join(", ") || "Uploads";
}

function shown() {
  const rank = (item) => ORDER.indexOf(item.state);
  const items = uploads.items.length <= LIMIT_ROWS ? uploads.items : [...uploads.items].sort((a, b) => rank(a) - rank(b)).slice(0, LIMIT_ROWS);
  return items;
}

function hiddenNote() {
  const count = uploads.items.length - LIMIT_ROWS;
  return count > 0 ? [h("li.upload-note", {}, `and ${format.items(count, "more file", "more files")}`)] : [];
}

// Only the figures of a row change while it is sent; a new row would lose its focus.
function rowOf(item, rows) {
  let row = rows.get(item);
  if (!row || row.state !== item.state) {
    const old = row?.element;
    row = { state: item.state, ...build(item) };
    rows.set(item, row);
    // Whoever paused a file by keyboard goes on from there.
    if (old?.contains(document.activeElement)) setTimeout(() => row.element.querySelector("button")?.focus());
  }
  if (item.state === "sending") {
    row.bar.value = item.size === 0 ? 0 : item.sent / item.size;
    const sent = `${format.size(item.sent)} of ${format.size(item.size)}`;
    row.note.textContent = item.isWaiting ? `Waiting for the server, ${sent}` : sent;
    row.element.classList.toggle("stalled", item.isWaiting);
  }
  return row.element;
}

function build(item) {
  const glyph = { done: "check", paused: "pause", failed: "alert", skipped: "info", cancelled: "close" }[item.state] ?? format.glyph({ kind: "file", name: item.name });
  const note = h("span.subline", {}, item.note || { waiting: "Waiting", paused: `Paused, ${format.size(item.sent)} of ${format.size(item.size)}`, done: format.size(item.size) }[item.state] || "");
  const canStop = ["waiting", "sending", "paused"].includes(item.state);
  const hasBar = ["sending", "paused"].includes(item.state);
  const bar = hasBar ? h("progress", { max: 1, value: item.size === 0 ? 0 : item.sent / item.size, "aria-label": `Progress of ${item.name}` }) : null;
  const canRetry = ["failed", "cancelled"].includes(item.state);
  const element = h("li", { class: `upload ${item.state}` }, icon(glyph), h("div.upload-text", {}, h("span.node-name", {}, bdi(item.name)), note, bar),
    item.isBig && item.state === "sending" && iconButton(`Pause ${item.name}`, "pause", () => uploads.pause(item)),
    item.state === "paused" && iconButton(`Resume ${item.name}`, "play", () => uploads.resume(item)),
    canStop && iconButton(`Cancel ${item.name}`, "close", () => uploads.cancel(item)),
    canRetry && iconButton(`Retry ${item.name}`, "restore", () => uploads.retry(item)));
  return { element, bar, note };
}
