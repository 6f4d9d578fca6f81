// What surrounds every view: head line, navigation, quota, the place for details, the line about the connection.

import * as api from "./api.js";
import { h, icon, isTyping, logo } from "./dom.js";
import * as format from "./format.js";
import { openMenu } from "./menu.js";
import { avatar } from "./photo.js";
import { go, here, to } from "./route.js";
import { session } from "./session.js";
import { openAccount } from "./views/account.js";
import { render as renderUploads } from "./views/uploads.js";

const TYPING_MS = 250;
const KNOCK_MS = 4000;

/** Fills `root`; `places` are the rows of the navigation. Gives `{ main, side, follow, close }`. */
export function buildShell(root, { places, onSignedOut }) {
  const main = h("main", { id: "main", tabindex: "-1" });
  const side = h("aside.details", { "aria-label": "Details", hidden: true });
  const tray = h("div.tray");
  const ending = new AbortController();
  const until = { signal: ending.signal };
  const search = searchBox(main, until);
  const nav = h("nav.places", { "aria-label": "Places" }, h("ul", {}, places.map((place) => placeRow(place, until))), quota(until));
  root.replaceChildren(
    h("button.skip", { type: "button", onclick: () => main.focus() }, "Skip to the files"), banner(until),
    h("header.top", {}, h("a.brand", { href: "#/folder/root", "aria-label": "Cumuli, to your files" }, logo(34), h("span.wordmark", {}, "Cumuli")), search.element, accountButton(onSignedOut, until)),
    nav, main, side, tray);
  renderUploads(tray, until);
  return { main, side, follow: () => { markPlace(nav); search.follow(); }, close: () => ending.abort() };
}

function placeRow({ view, label, glyph, count, id = "" }, until) {
  return h("li", {}, h("a.place", { href: to(view, id), "data-view": view }, icon(glyph), h("span", {}, label), count && waiting(count, until)));
}

/** How many things wait behind a place, for as long as there are any. */
function waiting(count, until) {
  const number = h("span.place-count");
  const show = () => {
    number.hidden = !count.text;
    number.replaceChildren(count.text, h("span.hidden-text", {}, " open"));
  };
  count.addEventListener("count", show, until);
  count.watch(until.signal);
  show();
  return number;
}

function markPlace(nav) {
  const { view } = here();
  for (const link of nav.querySelectorAll("a[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // On a phone the places may be more than fit beside one another.
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function quota(until) {
  const bar = h("meter", { min: 0, max: 1, "aria-label": "Space used" });
  const text = h("p");
  const box = h("div.quota", {}, bar, text);
  const show = () => {
    const { used_bytes: used, quota_bytes: limit } = session.me;
    bar.hidden = !limit;
    if (limit) Object.assign(bar, { max: limit, high: limit * 0.9, low: limit * 0.75, optimum: 0, value: used });
    text.textContent = limit ? `${format.size(used)} of ${format.size(limit)} used` : `${format.size(used)} used`;
    text.title = format.exactSize(used);
  };
  session.addEventListener("me", show, until);
  show();
  return box;
}

function searchBox(main, until) {
  const input = h("input", { type: "search", placeholder: "Search", "aria-label": "Search files and folders", autocomplete: "off", spellcheck: "false", maxlength: "500", enterkeyhint: "search", "aria-keyshortcuts": "/" });
  let timer = 0;
  const run = () => {
    clearTimeout(timer);
    const q = input.value.trim();
    const { view, query } = here();
    if (q) go(to("search", "", { q, type: view === "search" ? query.get("type") : "" }), { replace: view === "search" });
    else if (view === "search") go("#/folder/root");
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(run, TYPING_MS); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { input.value = ""; run(); input.blur(); }
    if (event.key === "ArrowDown") { event.preventDefault(); main.querySelector("tbody tr")?.focus(); }
  });
  const onKey = (event) => {
    if (event.key !== "/" || isTyping(event) || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    input.select();
  };
  addEventListener("keydown", onKey, until);
  const form = h("form.search", { role: "search", onsubmit: (event) => { event.preventDefault(); run(); } }, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/"));
  return {
    element: form,
    follow: () => {
      const { view, query } = here();
      if (document.activeElement !== input) input.value = view === "search" ? query.get("q") ?? "" : "";
    },
  };
}

function accountButton(onSignedOut, until) {
  const signOut = () => api.signOut().catch(() => null).then(onSignedOut);
  const entries = () => [
    { heading: session.me.email },
    { label: "Account", icon: "person", run: () => openAccount(onSignedOut) },
    { label: "Connections", icon: "cloud", run: () => go("#/connections") },
    { label: "Mirrors", icon: "mirrors", run: () => go("#/mirrors") },
    ...(session.me.role === "admin" ? [{ label: "Users", icon: "users", run: () => go("#/users") }, { label: "Storage", icon: "storage", run: () => go("#/storage") }, { label: "Jobs", icon: "jobs", run: () => go("#/jobs") }] : []),
    { label: "API documents", icon: "book", run: () => window.open("/docs", "_blank", "noopener") },
    "-",
    { label: "Sign out", icon: "out", run: signOut },
  ];
  return h("button.account-button", { type: "button", "aria-label": "Account", "aria-haspopup": "menu", title: session.me.email, onclick: (event) => openMenu(event.currentTarget, entries()) }, avatar(until));
}

function banner(until) {
  const text = h("span");
  const bar = h("div.offline", { role: "alert", hidden: true }, icon("alert"), text);
  let timer = 0;
  const look = () => { api.knock(); };
  api.line.addEventListener("unreachable", () => {
    text.textContent = navigator.onLine ? "The server does not answer. Trying again…" : "You are offline. Changes can be made when the connection is back.";
    bar.hidden = false;
    clearInterval(timer);
    timer = setInterval(look, KNOCK_MS);
  }, until);
  api.line.addEventListener("reachable", () => {
    bar.hidden = true;
    clearInterval(timer);
    session.dispatchEvent(new Event("caught-up"));
  }, until);
  until.signal.addEventListener("abort", () => clearInterval(timer));
  for (const name of ["offline", "online"]) addEventListener(name, look, until);
  return bar;
}
