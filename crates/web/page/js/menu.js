// A menu that pops up at a button or at the pointer.

import { h, icon } from "./dom.js";

let closeOpen = null;

/** Opens `entries` at an element or a point. An entry: `{ label, icon, run, kind, checked }`, or "-" for a line. */
export function openMenu(at, entries) {
  closeOpen?.();
  const opener = document.activeElement;
  const menu = h("div.menu", { role: "menu", tabindex: "-1" }, entries.map((entry) => itemOf(entry, close)));
  function close({ refocus = true } = {}) {
    menu.remove();
    removeEventListener("pointerdown", outside, true);
    for (const name of ["scroll", "resize", "hashchange"]) removeEventListener(name, leave, true);
    closeOpen = null;
    if (refocus && opener?.isConnected) opener.focus();
  }
  const leave = () => close({ refocus: false });
  const outside = (event) => {
    if (!menu.contains(event.target)) leave();
  };
  menu.addEventListener("keydown", (event) => steer(event, menu, close));
  document.body.append(menu);
  place(menu, at);
  menu.querySelector("button")?.focus();
  addEventListener("pointerdown", outside, true);
  for (const name of ["scroll", "resize", "hashchange"]) addEventListener(name, leave, true);
  closeOpen = close;
}

function itemOf(entry, close) {
  if (entry === "-") return h("hr", { role: "separator" });
  if (entry.heading) return h("div.menu-heading", { role: "presentation" }, entry.heading);
  const isChoice = entry.checked !== undefined;
  return h("button.menu-item", {
    type: "button", tabindex: "-1", class: `menu-item ${entry.kind ?? ""}`,
    role: isChoice ? "menuitemradio" : "menuitem", "aria-checked": isChoice ? String(entry.checked) : null,
    onclick: () => { close(); entry.run(); },
  }, isChoice ? icon("check", entry.checked ? "" : "off") : icon(entry.icon), h("span", {}, entry.label),
  entry.keys && h("kbd", {}, entry.keys));
}

function steer(event, menu, close) {
  const items = [...menu.querySelectorAll("button")];
  const now = items.indexOf(document.activeElement);
  const steps = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 };
  event.stopPropagation();
  if (event.key === "Escape" || event.key === "Tab") {
    event.preventDefault();
    close();
  } else if (event.key in steps) {
    event.preventDefault();
    items[(steps[event.key] + items.length) % items.length].focus();
  } else if (event.key.length === 1 && event.key !== " ") {
    items.find((item) => item.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  }
}

function place(menu, at) {
  const anchor = at instanceof Element ? at.getBoundingClientRect() : { left: at.x, right: at.x, top: at.y, bottom: at.y };
  const { width, height } = menu.getBoundingClientRect();
  const left = anchor.left + width > innerWidth - 8 ? anchor.right - width : anchor.left;
  const top = anchor.bottom + height > innerHeight - 8 ? anchor.top - height - 4 : anchor.bottom + 4;
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${Math.max(8, top)}px`;
}
