// What every view with a list of nodes has: a heading, its buttons, the bar of the selection, the list.

import { actByKey, commands, toggleStar } from "./actions.js";
import { button, h, iconButton, isTyping } from "./dom.js";
import { NodeList } from "./list.js";
import { openMenu } from "./menu.js";
import { go, to, withFile } from "./route.js";
import { session } from "./session.js";

const SHOWN_COMMANDS = 5;

let isByKey = false;
addEventListener("keydown", () => { isByKey = true; }, true);
addEventListener("pointerdown", () => { isByKey = false; }, true);

/** Opens a folder, or a file beside the list. */
export function open(node) {
  go(node.kind === "folder" ? to("folder", node.id) : withFile(node.id));
}

/**
 * Fills `root`. Options: `heading` and `tools` (elements), `concerns(change)`, `rightOf()` and
 * `mayShare()` (on what is listed; all of it where it is the person's own), `extra(nodes)` (more commands) and those of NodeList.
 * Gives `{ list, load, close }`; `load` fetches the first page and places the focus.
 */
export function frame(root, { heading, tools = [], concerns = () => true, rightOf = () => "own", mayShare = () => rightOf() === "own", extra = () => [], ...options }) {
  const bar = h("div.selection-bar", { role: "toolbar", "aria-label": "Selection", hidden: true });
  const head = h("div.view-head", {}, heading, h("div.tools", {}, tools), bar);
  const list = new NodeList({
    commands: (nodes) => [...commands(nodes, { onDetails: (node) => go(withFile(node.id)), right: rightOf(), mayShare: mayShare() }), ...extra(nodes)],
    href: (node) => (node.kind === "folder" ? to("folder", node.id) : withFile(node.id)),
    onOpen: open,
    onKey: (event, nodes) => actByKey(event, nodes, rightOf()),
    onStar: (node) => toggleStar([node]),
    onSelection: (nodes) => fillBar(bar, head, nodes, list),
    ...options,
  });
  root.replaceChildren(head, list.element);

  const onChange = (event) => { if (!event.detail || list.rows.has(event.detail.node_id) || concerns(event.detail)) list.refresh("soon"); };
  const onActed = () => list.refresh("now");
  session.addEventListener("change", onChange);
  session.addEventListener("caught-up", onChange);
  session.addEventListener("acted", onActed);
  const onKey = (event) => {
    if (isTyping(event) || event.target.closest("tbody")) return;
    if (event.key === "ArrowDown" && event.target === document.body) list.focus();
    else if ((event.ctrlKey || event.metaKey) && event.key === "a") list.chooseAll(true);
    else return;
    event.preventDefault();
  };
  addEventListener("keydown", onKey);

  return {
    list,
    load: async (revealId = null) => {
      await list.reload();
      const isFree = document.activeElement === document.body || document.activeElement?.id === "main";
      if (!isByKey || !isFree) return;
      if (revealId && list.rows.has(revealId)) list.reveal(revealId);
      else list.focus();
    },
    close: () => {
      session.removeEventListener("change", onChange);
      session.removeEventListener("caught-up", onChange);
      session.removeEventListener("acted", onActed);
      removeEventListener("keydown", onKey);
      list.close();
    },
  };
}

/** Shows what can be done to the selected nodes, in place of the heading. */
export function fillBar(bar, head, nodes, list) {
  const mark = nodes.map((node) => [node.id, node.etag, node.name, node.parent_id, node.starred]).join();
  if (bar.dataset.mark === mark) return;
  bar.dataset.mark = mark;
  bar.hidden = nodes.length === 0;
  head.classList.toggle("selecting", nodes.length > 0);
  if (nodes.length === 0) return bar.replaceChildren();
  const entries = list.commands(nodes);
  const hidden = entries.length > SHOWN_COMMANDS ? entries.filter((entry) => entry.kind !== "danger").slice(SHOWN_COMMANDS - 1) : [];
  bar.replaceChildren(
    iconButton("Clear selection", "close", () => { list.choose([]); list.focus(); }),
    h("span.selection-count", { role: "status" }, h("b", {}, String(nodes.length)), h("span", {}, nodes.length === 1 ? " item selected" : " items selected")),
    ...entries.filter((entry) => !hidden.includes(entry)).map((entry) => button(entry.label, entry.icon, entry.run, entry.kind ?? "")),
    ...(hidden.length > 0 ? [iconButton("More actions", "more", (event) => openMenu(event.currentTarget, hidden), { "aria-haspopup": "menu" })] : []));
}

/** The title of a view that is not a folder. */
export const title = (text) => h("h1.view-title", {}, text);
