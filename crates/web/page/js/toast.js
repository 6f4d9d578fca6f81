// Short messages at the edge that go away by themselves; what they offer can be undone by Ctrl+Z.

import { h, icon, iconButton, isTyping } from "./dom.js";

const SHOWN_MS = 4000;
const OFFERED_MS = 9000;
// There from the start: what is put into a new live region is not read out.
const area = h("div.toasts", { role: "status", "aria-live": "polite" });
let offer = null;

document.body.append(area);
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || isTyping(event) || !offer) return;
  event.preventDefault();
  offer();
});

/** Shows `text`; `action` is `{ label, run }`. */
export function toast(text, { action, isError = false } = {}) {
  // A message behind an open dialog would not be seen.
  const home = document.querySelector("dialog[open]") ?? document.body;
  if (area.parentElement !== home) home.append(area);
  let timer = 0;
  const run = action && (() => { close(); action.run(); });
  const card = h("div.toast", { class: `toast ${isError ? "error" : ""}` },
    icon(isError ? "alert" : "check"), h("span.toast-text", {}, text),
    action && h("button.toast-action", { type: "button", onclick: run }, action.label),
    iconButton("Dismiss", "close", () => close()));
  function close() {
    clearTimeout(timer);
    card.remove();
    if (offer === run) offer = null;
  }
  const start = () => { timer = setTimeout(close, action || isError ? OFFERED_MS : SHOWN_MS); };
  for (const name of ["mouseenter", "focusin"]) card.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["mouseleave", "focusout"]) card.addEventListener(name, start);
  if (run) offer = run;
  area.append(card);
  while (area.children.length > 2) area.firstElementChild.remove();
  start();
}

/** Says what went wrong. A session that ended shows the sign-in page instead. */
export function toastError(error, what = "") {
  if (error.status === 401) return;
  toast(what ? `${what}: ${error.message}` : error.message, { isError: true });
}
