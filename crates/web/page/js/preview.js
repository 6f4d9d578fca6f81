// What a file looks like, as far as that can be shown without harm.

import { h, icon } from "./dom.js";
import * as format from "./format.js";

const TEXT_BYTES = 256 * 1024;

/** Shows a file; `source` gives its bytes: `inlineUrl(file)` and `head(file, limit)`. */
export function previewOf(node, source) {
  const kind = node.size > 0 ? format.preview(node) : null;
  if (kind === "text") return textOf(node, source);
  if (kind === null) return pictureOf(node);
  const address = source.inlineUrl(node);
  const element = kind === "image" ? h("img", { src: address, alt: `Preview of ${node.name}` }) : h(kind, { src: address, controls: true, preload: "metadata", "aria-label": node.name });
  const holder = h("div", { class: `preview ${kind}` }, element);
  element.addEventListener("error", () => holder.replaceWith(pictureOf(node)));
  return holder;
}

/** The icon of a node, large. */
export function pictureOf(node) {
  return h("div.preview.plain", {}, h("span", { class: `tile kind-${format.glyph(node)}` }, icon(format.glyph(node))));
}

function textOf(node, source) {
  const text = h("pre", { tabindex: "0", "aria-label": `Text of ${node.name}` }, "…");
  const holder = h("div.preview.text", {}, text);
  source.head(node, TEXT_BYTES).then((bytes) => {
    const isBinary = new Uint8Array(bytes).includes(0);
    text.textContent = isBinary ? "This file is not text." : new TextDecoder().decode(bytes);
    if (!isBinary && node.size > TEXT_BYTES) holder.append(h("p.hint", {}, `The first ${format.size(TEXT_BYTES)} of ${format.size(node.size)}.`));
  }, (error) => { text.textContent = error.message; });
  return holder;
}
