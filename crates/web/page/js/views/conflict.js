// One conflict: how it came about, both sides beside one another, and the decision.

import * as api from "../api.js";
import { WAYS, endOf, hintOf, kindOf, resolve, undo } from "../conflicts.js";
import { diffOf } from "../diff.js";
import { bdi, button, h, icon, notice } from "../dom.js";
import * as format from "../format.js";
import { go, to } from "../route.js";
import { session } from "../session.js";

const TICK_MS = 1000;
const CALM_MS = 1500;
const DIGEST_CHARS = 12;
const SIDES = [["base", "Agreed last", "Both sides never agreed on a content before."], ["here", "Ours, here", "It was deleted here."], ["there", "Theirs, there", "It was deleted there."]];
const SINGLE = WAYS.filter(({ word }) => word !== "later");

/** Shows the conflict that `params.id` names. */
export function render(root, { id, setTitle }) {
  const body = h("div.storage.conflict", { "aria-busy": "true" }, h("p.picker-note", { role: "status" }, "Looking at both sides…"));
  const crumb = h("h1.crumb", { "aria-current": "page" }, "…");
  const state = { isOpen: true, next: 0, seen: "", notes: "" };

  async function load() {
    state.next = 0;
    try {
      const conflict = await api.conflict(id);
      const seen = JSON.stringify(conflict);
      if (!state.isOpen || seen === state.seen) return;
      state.seen = seen;
      setTitle(conflict.filename);
      crumb.replaceChildren(bdi(conflict.filename));
      body.replaceChildren(...parts(conflict, state, load).flat().filter(Boolean));
    } catch (error) {
      if (state.isOpen && state.seen === "") body.replaceChildren(trouble(error, load));
    } finally {
      body.setAttribute("aria-busy", "false");
    }
  }

  const ending = new AbortController();
  const soon = () => { state.next ||= Date.now() + CALM_MS; };
  for (const name of ["change", "caught-up", "acted"]) session.addEventListener(name, soon, { signal: ending.signal });
  const timer = setInterval(() => {
    format.tellAges(root);
    if (state.next && Date.now() >= state.next && document.visibilityState === "visible") load();
  }, TICK_MS);
  root.replaceChildren(h("div.view-head.one-head", {}, h("nav.crumbs", { "aria-label": "Path" }, h("ol", {}, h("li", {}, h("a.crumb", { href: "#/conflicts" }, "Conflicts")), h("li", {}, icon("right"), crumb)))), body);
  load();
  return { close: () => { state.isOpen = false; ending.abort(); clearInterval(timer); } };
}

function trouble(error, load) {
  if (error.status === 404) return notice("conflicts", "This conflict is not here", "It may be gone together with its mirror.", h("a.button", { href: "#/conflicts" }, "Go to your conflicts"));
  return notice("alert", "The conflict could not be loaded", error.message, button("Try again", null, load, "primary"));
}

function parts(conflict, state, load) {
  return [standing(conflict, load),
    !conflict.resolved && decision(conflict, state, load),
    h("section", { "aria-labelledby": "sides" }, h("h2", { id: "sides" }, "Both sides"), h("div.sides", {}, SIDES.map((side) => sideOf(conflict, side)))),
    diffOf(conflict),
    h("section", { "aria-labelledby": "told" }, h("h2", { id: "told" }, "How it came about"), h("ol.timeline", {}, conflict.timeline.map(sentence))),
    conflict.resolved && h("details.set-up", {}, h("summary", {}, "Decide otherwise"), decision(conflict, state, load)),
    h("p.hint.where", {}, "In the mirror with ", bdi(conflict.provider), ", at ", bdi(conflict.path), ". ", h("a", { href: to("mirrors", conflict.mirror_id) }, "Look at the mirror"))];
}

function standing(conflict, load) {
  const { resolution } = conflict;
  if (!conflict.resolved) {
    return h("div.store-state.warns", {}, icon("alert"), h("div.grow", {}, h("strong", {}, `${kindOf(conflict)}.`),
      h("p", {}, "Both sides keep theirs until you decide. Found ", format.ago(conflict.found_at), ".")));
  }
  return h("div.store-state.works", {}, icon("check"), h("div.grow", {}, h("strong", {}, `${endOf(conflict)}.`),
    h("p", {}, kindOf(conflict), ". Decided ", format.ago(resolution.at), "."), resolution.notes && h("p", {}, "“", bdi(resolution.notes), "”"),
    conflict.can_undo ? h("button.button", { type: "button", onclick: () => undo(conflict).then(load) }, icon("restore"), "Undo")
      : h("p.hint", {}, "It cannot be taken back, but decided otherwise."),
    fileLink(conflict, "file_id", "Open the file"), fileLink(conflict, "copy_id", "Open the file beside")));
}

function fileLink(conflict, which, label) {
  const id = conflict[which];
  if (!id) return null;
  const open = async () => {
    const node = await api.node(id).catch(() => null);
    // A file is shown beside the list of its folder.
    go(node ? to("folder", node.parent_id ?? "root", { file: id }) : "#/trash");
  };
  return h("button.button", { type: "button", onclick: open }, icon("file"), label);
}

function decision(conflict, state, load) {
  const notes = h("input", { id: "conflict-notes", value: state.notes, maxlength: 1000, autocomplete: "off", "aria-describedby": "conflict-notes-hint", oninput: () => { state.notes = notes.value; } });
  const box = h("section.decision", { "aria-labelledby": "decision" });
  const decide = async (way) => {
    for (const each of box.querySelectorAll("button")) each.disabled = true;
    if (await resolve(conflict, way, { notes: notes.value.trim(), again: conflict.resolved, onUndone: load })) state.notes = "";
    for (const each of box.querySelectorAll("button")) each.disabled = false;
    await load();
  };
  box.append(h("h2", { id: "decision" }, conflict.resolved ? "Another decision" : "Your decision"),
    h("div.field", {}, h("label", { for: "conflict-notes" }, "Note"), notes, h("p.hint", { id: "conflict-notes-hint" }, "For the record; may be empty.")),
    h("ul.ways", {}, waysOf(conflict).map((way) => h("li", {}, h("button.way", { type: "button", "aria-describedby": `way-${way.word}`, "aria-label": way.label, onclick: () => decide(way) },
      icon(way.icon), h("span.way-name", {}, way.label), h("span.hint", { id: `way-${way.word}` }, hintOf(way, conflict)))))));
  if (!conflict.resolved && conflict.here) box.append(h("p.decision-more", {}, fileLink(conflict, "file_id", "Open ours")));
  return box;
}

/** A file and a folder cannot become one. */
const waysOf = ({ kind }) => SINGLE.filter(({ word }) => kind !== "kind_kind" || word === "both");

function sideOf(conflict, [key, label, without]) {
  const side = conflict[key];
  const seen = conflict.preview[key];
  const facts = side && rows(conflict, key, side, seen);
  return h("article.side", { "aria-label": label }, h("h3", {}, label),
    side ? h("dl.facts", {}, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])) : h("p.hint", {}, without),
    seen?.problem && h("p.warning", {}, icon("alert"), h("span", {}, seen.problem)), side && download(conflict, key, side));
}

function rows(conflict, key, side, seen) {
  const size = side.size ?? seen?.size ?? null;
  return [
    side.name !== conflict.filename && ["Name", bdi(side.name)],
    side.changed_at && ["Changed", format.time(side.changed_at)],
    side.author && ["By", bdi(side.author)],
    side.origin && [key === "there" ? "From" : "Came", bdi(side.origin)],
    size !== null && ["Size", h("span", { title: format.exactSize(size) }, format.size(size))],
    seen?.width && ["Picture", `${seen.width} × ${seen.height} pixels`],
    side.mime_type && ["Type", bdi(side.mime_type)],
    side.version && ["Version", `${side.version} here`],
    side.digest && ["Digest", h("span.digest", { title: side.digest }, short(side.digest))],
  ].filter(Boolean);
}

/** The beginning of a digest, with the name of its kind where it has one. */
function short(digest) {
  const cut = digest.indexOf(":") + 1;
  const text = digest.slice(cut);
  return `${digest.slice(0, cut)}${text.length > DIGEST_CHARS ? `${text.slice(0, DIGEST_CHARS)}…` : text}`;
}

function download(conflict, key, side) {
  if (!conflict.file_id || !side.version || key === "there") return null;
  return h("a.button", { href: api.versionUrl(conflict.file_id, String(side.version)), download: "", "aria-label": `Download ${key === "base" ? "what was agreed" : "ours"}` }, icon("download"), "Download");
}

const sentence = ({ at, text }) => h("li", {}, at ? format.time(at) : h("span.hint", {}, "—"), h("span", {}, text));
