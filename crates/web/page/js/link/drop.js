// A link for dropping files: they go in, and nothing of the folder is seen.

import { bdi, button, h, icon } from "../dom.js";
import { chooseFiles, dropZone } from "../drop.js";
import * as format from "../format.js";
import { toastError } from "../toast.js";
import { uploads } from "../uploads.js";
import { render as renderUploads } from "../views/uploads.js";

/** Shows the place to drop files at. */
export function render(root, { info, visit }) {
  const veil = h("div.drop-mark", { hidden: true });
  const sent = h("ul.sent", { "aria-label": "What you sent" });
  const heading = h("h2", { hidden: true }, "Sent");
  const tray = h("div.tray");
  // The folders of what is dropped are left out: only files can be put in.
  const place = { id: "root", path: "", address: (path, name) => visit.uploadUrl("root", name) };
  const take = (entries) => uploads.add(entries.map(({ file }) => ({ file, path: "" })), place);
  const zone = h("div.drop-zone", {}, veil, icon("upload", "big"), h("p", {}, "Drop files here, or choose them."),
    button("Choose files", "file", () => chooseFiles("files", take), "primary"));
  root.className = "card visit-drop";
  root.replaceChildren(h("h1", {}, "Send files to ", bdi(info.name)),
    h("p.lead", {}, "They go into this folder; what is in it is not shown to you."), zone, heading, sent, tray);
  renderUploads(tray, { signal: new AbortController().signal });
  dropZone(zone, veil, (drop) => drop.then((found) => take(found.files), toastError));
  const told = new Set();
  uploads.addEventListener("progress", () => {
    for (const item of uploads.items) {
      if (item.state !== "done" || told.has(item)) continue;
      told.add(item);
      heading.hidden = false;
      sent.prepend(h("li", {}, icon("check"), bdi(item.name), h("span.subline", {}, format.size(item.size))));
    }
  });
}
