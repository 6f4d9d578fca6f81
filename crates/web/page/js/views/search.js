// What a search found.

import * as api from "../api.js";
import { bdi, h, notice } from "../dom.js";
import { frame } from "../frame.js";
import { go, to } from "../route.js";

const FILTERS = [
  ["", "Everything"], ["folder", "Folders"], ["image", "Images"], ["video", "Video"],
  ["audio", "Audio"], ["text", "Text"], ["pdf", "PDF"], ["archive", "Archives"],
];

/** Shows what matches `params.query`: `q` and `type`. */
export function render(root, params) {
  const q = params.query.get("q") ?? "";
  const type = params.query.get("type") ?? "";
  const choose = (value) => go(to("search", "", { q, type: value }), { replace: true });
  const filter = h("div.chips", { role: "group", "aria-label": "Kind" }, FILTERS.map(([value, label]) =>
    h("button.chip", { type: "button", "aria-pressed": String(value === type), onclick: () => choose(value) }, label)));
  const kind = type === "folder" ? { kind: "folder" } : { type };
  const page = frame(root, {
    heading: h("div.search-head", {}, h("h1.view-title", {}, "Results for “", bdi(q), "”"), filter),
    label: "Results", columns: ["place", "modified", "size"],
    load: (paging) => api.search({ q, ...kind, ...paging }),
    empty: () => notice("search", "Nothing was found", type ? "Try it without the filter, or with fewer letters." : "Any part of a name will do. Try fewer letters."),
    concerns: () => true,
  });
  page.load();
  return page;
}
