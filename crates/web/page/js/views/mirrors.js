// Folders that are kept in step with folders elsewhere: how each is, and what can be done with it.

import { openAddMirror } from "../add_mirror.js";
import * as api from "../api.js";
import { tile } from "../connect.js";
import { bdi, button, h, iconButton, keepingFocus, notice } from "../dom.js";
import * as format from "../format.js";
import { title } from "../frame.js";
import { openMenu } from "../menu.js";
import { counts, hereOf, isBusy, lastSuccess, pairOf, removeMirror, standing, tell, words } from "../mirrors.js";
import { go, to } from "../route.js";
import { session } from "../session.js";
import * as one from "./mirror.js";

const CALM_MS = 8000;
/** While something is being done, there is news soon. */
const BUSY_MS = 1500;
const TICK_MS = 1000;

/** Shows all mirrors, or the one that `params.id` names. */
export function render(root, params) {
  return params.id ? one.render(root, params) : overview(root);
}

function overview(root) {
  const list = h("ul.stores", { "aria-label": "Your mirrors" });
  const message = h("div.list-message");
  const state = { isOpen: true, seen: "", next: 0 };

  async function load() {
    state.next = Date.now() + CALM_MS;
    try {
      const mirrors = await api.mirrors();
      if (!state.isOpen) return;
      if (mirrors.some(isBusy)) state.next = Date.now() + BUSY_MS;
      show(mirrors);
    } catch (error) {
      if (state.isOpen && state.seen === "") message.replaceChildren(notice("alert", "The mirrors could not be loaded", error.message, button("Try again", null, load, "primary")));
    }
  }

  function show(mirrors) {
    const seen = JSON.stringify(mirrors);
    if (seen === state.seen) return;
    state.seen = seen;
    keepingFocus(root, () => {
      list.replaceChildren(...mirrors.map((mirror) => card(mirror, load)));
      message.replaceChildren(...(mirrors.length === 0 ? [nothing(add)] : []));
    });
  }

  const add = async () => {
    const made = await openAddMirror();
    if (made) go(to("mirrors", made.id));
  };
  const ending = new AbortController();
  const soon = () => { state.next = Math.min(state.next, Date.now() + BUSY_MS); };
  for (const name of ["change", "caught-up", "acted"]) session.addEventListener(name, soon, { signal: ending.signal });
  const timer = setInterval(() => {
    format.tellAges(root);
    if (document.visibilityState === "visible" && Date.now() >= state.next) load();
  }, TICK_MS);
  root.replaceChildren(h("div.view-head", {}, title("Mirrors"), h("div.tools", {}, button("Add mirror", "plus", add, "primary"))), h("div.storage.mirrors", {}, list, message));
  load();
  return { close: () => { state.isOpen = false; ending.abort(); clearInterval(timer); } };
}

const nothing = (add) => notice("mirrors", "Nothing is kept in step yet", "A mirror keeps a folder here and a folder at a connection the same: both ways, or one.",
  button("Add mirror", "plus", add, "primary"), h("a.button", { href: "#/connections" }, "Go to your connections"));

function card(mirror, load) {
  const name = hereOf(mirror);
  const at = to("mirrors", mirror.id);
  const told = words(mirror);
  const entries = [
    { label: "Open the plan", icon: "mirrors", run: () => go(at) },
    mirror.folder.path !== null && { label: "Open the folder", icon: "folder", run: () => go(to("folder", mirror.folder.id)) },
    ...told.map(({ word, ...entry }) => ({ ...entry, run: () => tell(mirror, word, load) })),
    "-",
    { label: "Remove", icon: "trash", kind: "danger", run: async () => { if (await removeMirror(mirror)) load(); } },
  ].filter(Boolean);
  return h("li.store.mirror", { "data-id": mirror.id },
    h("div.store-head", {}, tile(mirror.remote.kind ?? "cloud"),
      h("div.grow", {}, h("h2.row-name", {}, h("a.connection-name", { href: at }, bdi(name))), h("p.subline.always", {}, pairOf(mirror))),
      iconButton(`Actions for ${name}`, "more", (event) => openMenu(event.currentTarget, entries), { "aria-haspopup": "menu" })),
    standing(mirror), counts(mirror),
    h("div.connection-foot", {}, h("p.hint.grow", {}, lastSuccess(mirror)),
      told.slice(0, 1).map(({ label, word }) => h("button.button", { type: "button", "aria-label": `${label}: ${name}`, onclick: () => tell(mirror, word, load) }, label)),
      h("a.button", { href: at, "aria-label": `Plan of ${name}` }, "Plan")));
}
