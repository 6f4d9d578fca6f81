// Deleted nodes, until they are deleted for good.

import { emptyTrash, purge, trashCommands } from "../actions.js";
import * as api from "../api.js";
import { button, notice } from "../dom.js";
import { frame, title } from "../frame.js";

/** Shows the trash. */
export function render(root) {
  const emptyButton = button("Empty trash", "trash", emptyTrash, "danger");
  const page = frame(root, {
    heading: title("Trash"), tools: [emptyButton], label: "Trash", columns: ["deleted", "size"],
    load: async (query) => {
      const reply = await api.trashed(query);
      if (!query.cursor) emptyButton.disabled = reply.items.length === 0;
      return reply;
    },
    commands: trashCommands,
    href: null,
    onStar: null,
    // What is in the trash has no content to show until it is back.
    onOpen: (node) => page.list.choose([node.id]),
    onKey: (event, nodes) => event.key === "Delete" && (purge(nodes), true),
    empty: () => notice("trash", "The trash is empty", "Deleted files wait here and can be restored."),
    concerns: (change) => ["trashed", "restored", "purged"].includes(change.kind),
  });
  page.load();
  return page;
}
