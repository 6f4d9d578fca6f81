// Contents that were found missing, short or changed, and the files that need them.

import * as api from "../api.js";
import { bdi, button, h, notice } from "../dom.js";
import * as format from "../format.js";
import { go, to } from "../route.js";
import { toast, toastError } from "../toast.js";

const PAGE_ROWS = 25;

/** The part of the storage view about damage: `{ element, load }`. */
export function damageSection() {
  const body = h("tbody");
  const message = h("div.list-message");
  const more = h("button.button.more", { type: "button", hidden: true }, "Show more");
  const table = h("table.plain", { "aria-label": "Damaged contents", hidden: true }, h("thead", {}, h("tr", {},
    ["Content", "Size", "Checked", "Needed by"].map((text) => h("th", { scope: "col" }, text)))), body);
  const nodes = new Map();

  async function load(cursor = null) {
    try {
      const page = await api.damage({ limit: PAGE_ROWS, cursor });
      const rows = page.damaged.map((content) => row(content, nodes));
      if (cursor) body.append(...rows);
      else body.replaceChildren(...rows);
      table.hidden = body.children.length === 0;
      more.hidden = !page.next_cursor;
      more.onclick = () => load(page.next_cursor);
      message.replaceChildren(...(table.hidden ? [h("p", {}, "Nothing that was read back so far is damaged.")] : []));
    } catch (error) {
      message.replaceChildren(notice("alert", "The damaged contents could not be loaded", error.message, button("Try again", null, () => load(), "primary")));
    }
  }

  const element = h("section.damage", { "aria-labelledby": "damage-title" },
    h("div.store-head", {}, h("h2.row-name.grow", { id: "damage-title" }, "Damaged contents"), button("Check now", "search", check)),
    h("p.hint", {}, "A check reads back what was not read for as long as the setting CUMULI_SCRUB_EVERY says."), message, table, more);
  return { element, load };
}

async function check() {
  try {
    await api.scrub();
    toast("The check has begun.", { action: { label: "Show jobs", run: () => go("#/jobs") } });
  } catch (error) {
    toastError(error, "The check could not be started");
  }
}

function row(content, nodes) {
  return h("tr", {},
    h("td", {}, h("div.name-lines", {}, h("span.row-name.digest", { title: content.sha256 }, content.blob_id),
      h("span.subline.always", { title: content.key }, content.store ? `in ${content.store}` : "in the database"))),
    h("td", {}, format.size(content.size)),
    h("td", {}, format.time(content.checked_at)),
    h("td", {}, content.files.length === 0 ? "No file" : h("ul", {}, content.files.map((file) => need(file, nodes)))));
}

/** A version that needs it. Its name appears where the administrator may see the file; its id stays elsewhere. */
function need({ node_id, version }, nodes) {
  const item = h("li", {}, h("span.digest", {}, node_id), `, version ${version}`);
  if (!nodes.has(node_id)) nodes.set(node_id, api.node(node_id).catch(() => null));
  nodes.get(node_id).then((node) => {
    if (node) item.replaceChildren(h("a", { href: to("folder", node.parent_id ?? "root", { file: node.id }) }, bdi(node.name)), `, version ${version}`);
  });
  return item;
}
