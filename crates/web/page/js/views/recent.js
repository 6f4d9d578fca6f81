// The files that changed last.

import * as api from "../api.js";
import { notice } from "../dom.js";
import { frame, title } from "../frame.js";

/** Shows the newest files. */
export function render(root) {
  const page = frame(root, {
    heading: title("Recent"), label: "Recent", columns: ["place", "modified", "size"],
    load: (query) => api.recent(query),
    empty: () => notice("clock", "Nothing here yet", "Files that you upload or change appear here."),
  });
  page.load();
  return page;
}
