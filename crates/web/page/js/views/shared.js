// What others gave to the person.

import { leave } from "../actions.js";
import * as api from "../api.js";
import { notice } from "../dom.js";
import { frame, title } from "../frame.js";

/** Shows it, the newest first. */
export function render(root, params) {
  params.setTitle("Shared with me");
  const page = frame(root, {
    heading: title("Shared with me"), label: "Shared with me", columns: ["from", "right", "since"],
    load: async (query) => {
      const { shares, next_cursor } = await api.sharedWithMe(query);
      return { items: shares.map(itemOf), next_cursor };
    },
    // What was given stays where its owner put it.
    rightOf: () => "view",
    extra: (nodes) => [{ label: "Leave", icon: "out", kind: "danger", run: () => leave(nodes) }],
    onKey: () => false,
    onStar: null,
    empty: () => notice("share", "Nothing is shared with you yet", "Folders and files that others share with you appear here."),
    concerns: (change) => ["shared", "unshared"].includes(change.kind),
  });
  page.load();
  return page;
}

/** A share as a node of a list; a path of somebody else's would mislead. */
function itemOf(share) {
  return { ...share.node, path: null, etag: `${share.node.etag} ${share.updated_at} ${share.effective_right}`, share };
}
