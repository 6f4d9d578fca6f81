// An address by path, such as a step of the path line: finds the node and goes there.

import * as api from "../api.js";
import { h, notice } from "../dom.js";
import { go, to } from "../route.js";

/** Resolves the path `params.id`. */
export function render(root, params) {
  api.resolve(`/${params.id}`).then(
    (node) => go(node.kind === "folder" ? to("folder", node.id) : to("folder", node.parent_id ?? "root", { file: node.id }), { replace: true }),
    (error) => root.replaceChildren(notice("folder", "Nothing is at this address", error.message, h("a.button", { href: "#/folder/root" }, "Go to your files"))));
  return { close: () => null };
}
