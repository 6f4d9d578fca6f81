// A link of one file: what it looks like, what is known of it, its bytes.

import { bdi, button, h, icon } from "../dom.js";
import { chooseFiles } from "../drop.js";
import * as format from "../format.js";
import { pictureOf, previewOf } from "../preview.js";
import { session } from "../session.js";
import { uploads } from "../uploads.js";
import { render as renderUploads } from "../views/uploads.js";

/** Shows the file of a link. */
export function render(root, { info, visit, again }) {
  const tray = h("div.tray");
  const until = { signal: new AbortController().signal };
  root.className = "card visit-file";
  root.replaceChildren(h("h1", {}, bdi(info.name)), picture(info, visit), facts(info), ...note(info),
    h("div.visit-actions", {},
      h("a.button.primary", { href: visit.contentUrl(), download: info.name }, icon("download"), `Download (${format.size(info.size)})`),
      info.may.edit && button("New version", "upload", () => chooseFiles("files", ([first]) => replace(first, info, visit)))), tray);
  renderUploads(tray, until);
  session.addEventListener("caught-up", again, { once: true });
}

// Where downloads are counted, a picture would be one.
function picture(info, visit) {
  return info.downloads_left === null ? previewOf(info, visit) : pictureOf(info);
}

function replace(entry, info, visit) {
  if (entry) uploads.add([{ file: entry.file, path: "" }], { id: info.id, path: "", address: () => visit.contentUrl(info.id) });
}

function facts(info) {
  const rows = [["Size", h("span", { title: format.exactSize(info.size) }, format.size(info.size))], ["Type", info.mime_type ?? "unknown"],
    ["Modified", format.time(info.updated_at)], info.expires_at && ["Link ends", format.time(info.expires_at)]].filter(Boolean);
  return h("dl.facts", {}, rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

function note(info) {
  return info.downloads_left === null ? [] : [h("p.hint", {}, `This link allows ${format.items(info.downloads_left, "more download", "more downloads")}.`)];
}
