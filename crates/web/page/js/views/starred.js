// Everything that the person starred.

import * as api from "../api.js";
import { notice } from "../dom.js";
import { frame, title } from "../frame.js";

/** Shows the starred nodes. */
export function render(root) {
  const page = frame(root, {
    heading: title("Starred"), label: "Starred", columns: ["place", "modified", "size"],
    load: (query) => api.starred(query),
    empty: () => notice("star", "Nothing is starred yet", "Star files and folders that you need often, and find them here."),
  });
  page.load();
  return page;
}
