// Drives, buckets and folders elsewhere: how each is, and what can be done with it.

import * as api from "../api.js";
import { openCheck, unlink } from "../checks.js";
import { openConnect, tile } from "../connect.js";
import { bdi, button, h, icon, iconButton, keepingFocus, notice } from "../dom.js";
import * as format from "../format.js";
import { title } from "../frame.js";
import { EAGER_MS, againUrl, freshness, isBroken, isBusy, providerOf, refresh } from "../linked.js";
import { openMenu } from "../menu.js";
import { go, toRemote } from "../route.js";
import { session } from "../session.js";
import { toastError } from "../toast.js";
import * as remote from "./remote.js";

const CALM_MS = 8000;
/** While something is being looked at, there is news soon. */
const BUSY_MS = 1500;
const TICK_MS = 1000;

/** Shows all connections, or what is in the one that `params.id` names. */
export function render(root, params) {
  return params.id ? remote.render(root, params) : overview(root);
}

function overview(root) {
  const own = h("ul.stores", { "aria-label": "Your connections" });
  const servers = h("ul.stores", { "aria-labelledby": "of-server" });
  const section = h("section", { hidden: true, "aria-labelledby": "of-server" }, h("h2", { id: "of-server" }, "The server's"), h("p.hint", {}, "Every administrator may use these."), servers);
  const message = h("div.list-message");
  const state = { isOpen: true, seen: "", next: 0, eager: 0, providers: null };

  async function load() {
    state.next = Date.now() + CALM_MS;
    try {
      const [providers, all] = await Promise.all([state.providers ?? api.providers(), api.connections()]);
      state.providers = providers;
      if (!state.isOpen) return;
      if (all.some(isBusy) || Date.now() < state.eager) state.next = Date.now() + BUSY_MS;
      show(all);
    } catch (error) {
      if (state.isOpen && state.seen === "") message.replaceChildren(notice("alert", "The connections could not be loaded", error.message, button("Try again", null, load, "primary")));
    }
  }

  function show(all) {
    const seen = JSON.stringify(all);
    // Whoever is writing a name is not interrupted.
    if (seen === state.seen || root.querySelector(".renaming")) return;
    state.seen = seen;
    const cards = (rows) => rows.map((connection) => card(connection, { provider: providerOf(state.providers, connection), load, soon }));
    keepingFocus(root, () => {
      own.replaceChildren(...cards(all.filter((connection) => !connection.server)));
      servers.replaceChildren(...cards(all.filter((connection) => connection.server)));
      section.hidden = servers.children.length === 0;
      message.replaceChildren(...(all.length === 0 ? [nothing(add)] : []));
    });
  }

  // Something was begun whose outcome will be seen.
  const soon = () => {
    state.eager = Date.now() + EAGER_MS;
    return load();
  };
  const add = async () => { if (await openConnect()) load(); };
  const timer = setInterval(() => {
    format.tellAges(root);
    if (document.visibilityState === "visible" && Date.now() >= state.next) load();
  }, TICK_MS);
  root.replaceChildren(h("div.view-head", {}, title("Connections"), h("div.tools", {}, button("Add connection", "plus", add, "primary"))),
    h("div.storage.connections", {}, own, section, message));
  load();
  return { close: () => { state.isOpen = false; clearInterval(timer); } };
}

const nothing = (add) => notice("cloud", "Nothing is connected yet", session.me.role === "admin"
  ? "Link a Google Drive or a OneDrive, or connect a bucket, a WebDAV server or a folder of this server."
  : "Link a Google Drive or a OneDrive, or connect a bucket or a WebDAV server.", button("Add connection", "plus", add, "primary"));

function card(connection, { provider, load, soon }) {
  const { label } = connection;
  const heading = h("h2.row-name", {}, h("a.connection-name", { href: toRemote(connection.id) }, bdi(label)));
  const rename = () => renameIn(heading, connection, load);
  const again = againUrl(connection, provider);
  const check = () => openCheck(connection, again).then(soon);
  const entries = [
    { label: "Open", icon: "folder", run: () => go(toRemote(connection.id)) },
    { label: "Check", icon: "check", run: check },
    { label: "Refresh", icon: "restore", run: () => refresh(connection, soon) },
    again && { label: "Sign in again", icon: "person", run: () => location.assign(again) },
    { label: "Rename", icon: "pencil", run: rename },
    "-",
    { label: "Unlink", icon: "out", kind: "danger", run: async () => { if (await unlink(connection)) load(); } },
  ].filter(Boolean);
  return h("li.store.connection", { "data-id": connection.id },
    h("div.store-head", {}, tile(connection.kind),
      h("div.grow", {}, h("div.connection-title", {}, heading, iconButton(`Rename ${label}`, "pencil", rename)), h("p.subline.always", {}, provider.title, account(connection))),
      iconButton(`Actions for ${label}`, "more", (event) => openMenu(event.currentTarget, entries), { "aria-haspopup": "menu" })),
    standing(connection, again), usage(connection),
    h("div.connection-foot", {}, h("p.hint.grow", { title: connection.news.detail }, freshness(connection), connection.news.told && " · changes are told at once"),
      iconButton(`Refresh ${label}`, "restore", () => refresh(connection, soon)),
      h("button.button", { type: "button", "aria-label": `Check ${label}`, onclick: check }, "Check"),
      h("a.button", { href: toRemote(connection.id), "aria-label": `Open ${label}` }, "Open")));
}

const account = ({ account: name, label, flavour }) => [name && name !== label && [" · ", bdi(name)], flavour && ` · ${flavour}`];

/** How it is, in words. */
function standing(connection, again) {
  const { state, concerns } = connection;
  if (state === "active" && concerns.length === 0) return h("div.store-state.works", {}, icon("check"), h("strong.grow", {}, "It works."));
  const isBad = isBroken(connection) || concerns.some((concern) => concern.broken);
  const words = { sign_in_again: "Somebody has to sign in again.", misconfigured: "It is not set up right." };
  const needsAgain = again && (state === "sign_in_again" || concerns.some((concern) => concern.code === "access_ends"));
  return h("div", { class: `store-state ${isBad ? "fails" : "warns"}` }, icon("alert"),
    h("div.grow", {}, h("strong", {}, words[state] ?? (isBad ? "It does not work as it should." : "It works, and something should be looked after.")),
      h("ul", {}, concerns.map(({ detail, at }) => h("li", {}, detail, at && [" (", format.time(at), ")"]))),
      needsAgain && h("a.button", { href: again }, icon("person"), "Sign in again")));
}

function usage({ used_bytes: used, limit_bytes: limit, label }) {
  if (used === null) return null;
  const bar = limit ? h("meter", { min: "0", max: String(limit), low: String(limit * 0.75), high: String(limit * 0.95), optimum: "0", value: String(used), "aria-label": `Room used in ${label}` }) : null;
  return h("div.connection-usage", {}, bar, h("p.hint", { title: format.exactSize(used) }, limit ? `${format.size(used)} of ${format.size(limit)} used there` : `${format.size(used)} used there`));
}

/** Lets the name be written where it stands. */
function renameIn(heading, connection, load) {
  if (heading.querySelector("input")) return;
  const shown = [...heading.childNodes];
  const input = h("input", { value: connection.label, "aria-label": "Name of the connection", maxlength: "255", autocomplete: "off", spellcheck: "false" });
  let isDone = false;
  const end = () => {
    isDone = true;
    heading.classList.remove("renaming");
    heading.replaceChildren(...shown);
    heading.querySelector("a").focus();
  };
  const save = async (byKey) => {
    const label = input.value.trim();
    if (isDone) return;
    if (label === "" || label === connection.label) return end();
    isDone = true;
    try {
      await api.renameConnection(connection.id, label);
      end();
      await load();
      if (byKey) document.querySelector(`[data-id="${CSS.escape(connection.id)}"] .connection-name`)?.focus();
    } catch (error) {
      isDone = false;
      input.setAttribute("aria-invalid", "true");
      toastError(error, "It could not be renamed");
    }
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") save(true);
    if (event.key === "Escape") end();
    event.stopPropagation();
  });
  input.addEventListener("blur", () => save(false));
  heading.classList.add("renaming");
  heading.replaceChildren(input);
  input.select();
}
