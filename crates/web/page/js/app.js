// Starts the page: who is signed in, which view the address names.

import * as api from "./api.js";
import { openConflicts } from "./conflicts.js";
import { h, logo, notice } from "./dom.js";
import { here } from "./route.js";
import { session } from "./session.js";
import { buildShell } from "./shell.js";
import { uploads } from "./uploads.js";
import * as at from "./views/at.js";
import * as conflicts from "./views/conflicts.js";
import * as connections from "./views/connections.js";
import * as goOn from "./views/continue.js";
import * as details from "./views/details.js";
import * as folder from "./views/folder.js";
import * as jobs from "./views/jobs.js";
import * as mirrors from "./views/mirrors.js";
import * as recent from "./views/recent.js";
import * as search from "./views/search.js";
import * as shared from "./views/shared.js";
import * as signIn from "./views/sign_in.js";
import * as starred from "./views/starred.js";
import * as storage from "./views/storage.js";
import * as trash from "./views/trash.js";
import * as users from "./views/users.js";

/**
 * Every view. Those with a `glyph` are in the navigation, those for `admin` only in an administrator's; `count` is how
 * many things in one wait for the person.
 */
const VIEWS = {
  folder: { render: folder.render, label: "Files", glyph: "folder", id: "root" },
  shared: { render: shared.render, label: "Shared", glyph: "share" },
  recent: { render: recent.render, label: "Recent", glyph: "clock" },
  starred: { render: starred.render, label: "Starred", glyph: "star" },
  connections: { render: connections.render, label: "Connections", glyph: "cloud" },
  mirrors: { render: mirrors.render, label: "Mirrors", glyph: "mirrors" },
  conflicts: { render: conflicts.render, label: "Conflicts", glyph: "conflicts", count: openConflicts },
  trash: { render: trash.render, label: "Trash", glyph: "trash" },
  users: { render: users.render, label: "Users", glyph: "users", isAdmin: true },
  storage: { render: storage.render, label: "Storage", glyph: "storage", isAdmin: true },
  jobs: { render: jobs.render, label: "Jobs", glyph: "jobs", isAdmin: true },
  search: { render: search.render, label: "Search" },
  at: { render: at.render, label: "Files" },
  continue: { render: goOn.render, label: "Go on" },
};

const root = document.getElementById("app");
let shell = null;
let view = null;
let side = null;

const setTitle = (text) => { document.title = `${text} · Cumuli`; };

function closeViews() {
  view?.close();
  side?.close();
  view = null;
  side = null;
}

/** Shows what the address names; only the file beside the list may have changed. */
function follow() {
  if (!session.me) return;
  const address = here();
  const row = VIEWS[address.view];
  if (!row || (row.isAdmin && session.me.role !== "admin")) {
    location.replace("#/folder/root");
    return;
  }
  shell.follow();
  if (view?.place !== address.place) {
    view?.close();
    setTitle(row.label);
    shell.main.scrollTop = 0;
    const id = address.id || row.id || "";
    view = { ...row.render(shell.main, { id, query: address.query, setTitle }), place: address.place };
  }
  followFile(address.file);
}

function followFile(id) {
  if (side?.id === id) return;
  const opener = side ? null : document.activeElement;
  const back = side?.opener;
  side?.close();
  side = id ? { ...details.render(shell.side, { id }), id, opener: opener ?? back } : null;
  shell.side.hidden = !id;
  root.classList.toggle("with-details", Boolean(id));
  if (id && !back) shell.side.querySelector("button").focus();
  if (!id && back?.isConnected) (back.closest("tr") ?? back).focus();
}

function enter() {
  const places = Object.entries(VIEWS).filter(([, row]) => row.glyph && (!row.isAdmin || session.me.role === "admin")).map(([name, row]) => ({ view: name, ...row }));
  root.className = "shell";
  shell = buildShell(root, { places, onSignedOut: leave });
  session.open();
  if (["invite", "join"].includes(here().view)) location.replace("#/folder/root");
  follow();
}

/** Nobody is signed in any more. */
function leave() {
  uploads.cancelAll();
  uploads.clear();
  start();
}

async function start() {
  closeViews();
  shell?.close();
  shell = null;
  session.close();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  try {
    if (await session.load()) return enter();
    const signUp = await api.signUp();
    const address = here();
    root.className = "signed-out";
    const named = (name) => (address.view === name ? address.id : null);
    signIn.render(root, { signUp, invite: named("invite"), ticket: named("join"), isOnTheWay: address.view === "continue", setTitle, onDone: start });
  } catch (error) {
    root.className = "signed-out";
    root.replaceChildren(h("main.welcome", { id: "main" }, logo(72), notice("alert", "Cumuli does not answer", error.message,
      h("button.button.primary", { type: "button", onclick: start }, "Try again"))));
  }
}

addEventListener("hashchange", follow);
// A session that ends elsewhere ends here; the view comes back after signing in.
api.line.addEventListener("signed-out", () => { if (session.me) start(); });
start();
