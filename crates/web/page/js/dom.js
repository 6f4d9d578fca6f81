// Elements from data. Data only ever becomes text or attribute values, never markup.

/**
 * Makes an element: `h("button.quiet", { type: "button", onclick }, "Text", child, …)`.
 * Keys that start with `on` are listeners; null, undefined and false leave an attribute away.
 */
export function h(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "indeterminate") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A name that somebody chose: isolated, so that its reading direction does not leak. */
export function bdi(name) {
  return h("bdi", { title: name }, name);
}

/** A button with an icon and a visible label. */
export function button(label, glyph, onclick, kind = "") {
  return h("button", { type: "button", class: `button ${kind}`, onclick, title: label },
    glyph && icon(glyph), h("span.label", {}, label));
}

/** A button that shows only an icon; `label` is what it is called. */
export function iconButton(label, glyph, onclick, props = {}) {
  return h("button.icon-button", { type: "button", "aria-label": label, title: label, onclick, ...props }, icon(glyph));
}

/** Whether keys typed now belong to a text field, a menu or a dialog. */
export function isTyping(event) {
  return event.target.closest("input:not([type=checkbox]), textarea, select, dialog, [role=menu]") !== null;
}

const SVG = "http://www.w3.org/2000/svg";

// Strokes on a 24 by 24 grid, drawn for this page.
const PATHS = {
  folder: "M3 7.5A2.5 2.5 0 0 1 5.5 5h3.3l2.2 2.5h7.5A2.5 2.5 0 0 1 21 10v6.5a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 16.5z",
  file: "M6 3.5h7.5L18.5 8.5V19A1.5 1.5 0 0 1 17 20.5H7A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5zM13.5 3.5v5h5",
  text: "M6 3.5h7.5L18.5 8.5V19A1.5 1.5 0 0 1 17 20.5H7A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5zM13.5 3.5v5h5M8.5 12.5h7M8.5 16h5",
  image: "M5.5 4.5h13A1.5 1.5 0 0 1 20 6v12a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18V6a1.5 1.5 0 0 1 1.5-1.5zM4 16.5l4.5-4.5 4 4 2.5-2.5 5 4.5M15.5 9h.01",
  video: "M4.5 6h10A1.5 1.5 0 0 1 16 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-10A1.5 1.5 0 0 1 3 16.5v-9A1.5 1.5 0 0 1 4.5 6zM16 10.5l5-3v9l-5-3",
  audio: "M9 17.5V6l10-2v11.5M9 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 15.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  archive: "M4 5h16v4H4zM5.5 9v9A1.5 1.5 0 0 0 7 19.5h10a1.5 1.5 0 0 0 1.5-1.5V9M10 12.5h4",
  code: "M8.5 8l-4.5 4 4.5 4M15.5 8l4.5 4-4.5 4M13.5 5.5l-3 13",
  clock: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM12 7.5v5l3 2",
  star: "M12 4l2.47 5 5.53.8-4 3.9.94 5.5L12 16.6 7.06 19.2 8 13.7 4 9.8l5.53-.8z",
  trash: "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12A1.5 1.5 0 0 0 8.8 20.5h6.4a1.5 1.5 0 0 0 1.5-1.5l.8-12M10 11v5.5M14 11v5.5",
  users: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5c0-3 2.9-5 6.5-5s6.5 2 6.5 5M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14.9c2.1.7 3.5 2.3 3.5 4.6",
  jobs: "M12 8.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M18.4 5.6l-2.2 2.2M7.8 16.2l-2.2 2.2",
  search: "M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 15l5 5",
  upload: "M12 15.5V4.5M7.5 9L12 4.5 16.5 9M4.5 15.5V18A1.5 1.5 0 0 0 6 19.5h12a1.5 1.5 0 0 0 1.5-1.5v-2.5",
  download: "M12 4.5v11M7.5 11l4.5 4.5 4.5-4.5M4.5 15.5V18A1.5 1.5 0 0 0 6 19.5h12a1.5 1.5 0 0 0 1.5-1.5v-2.5",
  plus: "M12 5v14M5 12h14",
  pencil: "M4.5 19.5l1-4.5L16 4.5l3.5 3.5L9 18.5zM13.5 7l3.5 3.5",
  move: "M3 7.5A2.5 2.5 0 0 1 5.5 5h3.3l2.2 2.5h7.5A2.5 2.5 0 0 1 21 10v6.5a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 16.5zM9 13.2h6M12.5 10.5l2.7 2.7-2.7 2.7",
  copy: "M9.5 8.5h8A1.5 1.5 0 0 1 19 10v8a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 8 18v-8a1.5 1.5 0 0 1 1.5-1.5zM16 8.5V6a1.5 1.5 0 0 0-1.5-1.5h-8A1.5 1.5 0 0 0 5 6v8a1.5 1.5 0 0 0 1.5 1.5H8",
  restore: "M4.5 12a7.5 7.5 0 1 0 2.2-5.3L4.5 9M4.5 4.5V9H9",
  info: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM12 11v5M12 8h.01",
  close: "M6 6l12 12M18 6L6 18",
  more: "M12 6h.01M12 12h.01M12 18h.01",
  down: "M7 10l5 5 5-5",
  right: "M10 7l5 5-5 5",
  check: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 4l9 15.5H3zM12 10v4.5M12 17h.01",
  out: "M10 4.5H6A1.5 1.5 0 0 0 4.5 6v12A1.5 1.5 0 0 0 6 19.5h4M15 8l4 4-4 4M19 12H9.5",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  play: "M8 5l11 7-11 7z",
  storage: "M4 6.5C4 4.8 7.6 3.5 12 3.5s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6.5v11c0 1.7 3.6 3 8 3s8-1.3 8-3v-11M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c.5-3.6 3.6-5.5 7.5-5.5s7 1.9 7.5 5.5",
  share: "M17.5 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM6.5 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM17.5 21a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.8 10.8l6.4-3.9M8.8 13.2l6.4 4",
  link: "M10 14a4 4 0 0 0 6 .4l2.5-2.5a4 4 0 0 0-5.7-5.7l-1.4 1.4M14 10a4 4 0 0 0-6-.4l-2.5 2.5a4 4 0 0 0 5.7 5.7l1.4-1.4",
  cloud: "M7 18.5a4.5 4.5 0 0 1-.6-8.96 6 6 0 0 1 11.5 1.02A4 4 0 0 1 17.5 18.5z",
  drive: "M8.6 4h6.8L21.5 14.5 18 20H6l-3.5-5.5zM8.6 4l6.9 10.5M15.4 4L8.6 15.6 6 20M9.3 14.5h12.2",
  bucket: "M4.5 6c0-1.4 3.4-2.5 7.5-2.5s7.5 1.1 7.5 2.5-3.4 2.5-7.5 2.5S4.5 7.4 4.5 6zM4.5 6l2.2 13c.2.9 2.5 1.5 5.3 1.5s5.1-.6 5.3-1.5l2.2-13",
  flame: "M12 20.5c-3.6 0-6-2.4-6-5.6 0-4 3.6-5.6 4.4-11.4 3.2 1.5 4.3 4.2 4 6.6.7-.2 1.3-.8 1.5-1.6 1.4 1.6 2.1 3.8 2.1 6.2 0 3.4-2.4 5.8-6 5.8z",
  box: "M12 3.5l7.5 4v9l-7.5 4-7.5-4v-9zM4.5 7.5l7.5 4 7.5-4M12 11.5v9",
  globe: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM3.5 12h17M12 3.5c2.3 2.3 3.4 5.2 3.4 8.5s-1.1 6.2-3.4 8.5c-2.3-2.3-3.4-5.2-3.4-8.5S9.7 5.8 12 3.5z",
  server: "M5 4.5h14A1.5 1.5 0 0 1 20.5 6v4a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 10V6A1.5 1.5 0 0 1 5 4.5zM5 11.5h14a1.5 1.5 0 0 1 1.5 1.5v5a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 18v-5A1.5 1.5 0 0 1 5 11.5zM7 8h.01M7 15.5h.01",
  away: "M13.5 4.5h6v6M19.5 4.5l-9 9M17 13.5V18a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 18V8.5A1.5 1.5 0 0 1 6 7h4.5",
  mirrors: "M4 8.5h15.5M16 5l3.5 3.5L16 12M20 15.5H4.5M8 12l-3.5 3.5L8 19",
  conflicts: "M3 12h7M7 8.5l3.5 3.5L7 15.5M21 12h-7M17 8.5L13.5 12l3.5 3.5M12 3.5v2.5M12 18v2.5",
  sheet: "M5.5 4.5h13A1.5 1.5 0 0 1 20 6v12a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18V6a1.5 1.5 0 0 1 1.5-1.5zM4 9.5h16M4 14.5h16M10 9.5v10",
  slides: "M5 4.5h14A1.5 1.5 0 0 1 20.5 6v8a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 14V6A1.5 1.5 0 0 1 5 4.5zM12 15.5v4M8.5 19.5h7",
  book: "M5 5.5A1.5 1.5 0 0 1 6.5 4H19v13H6.5A1.5 1.5 0 0 0 5 18.5zM5 18.5A1.5 1.5 0 0 0 6.5 20H19v-3",
};
PATHS.pdf = PATHS.text;

/** A decorative icon; what it stands beside says what it means. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name} ${extra}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.file);
  svg.append(path);
  return svg;
}

/** Cumuli's cloud as an image; the words beside it name it. */
export function logo(size) {
  return h("img.logo", { src: "/assets/icons/logo.svg", alt: "", width: size, height: size });
}

/** Draws anew without taking the keyboard's place away. */
export function keepingFocus(root, draw) {
  const label = root.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  draw();
  if (label) root.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}

/** An address that others chose, if a browser may be sent there; null otherwise. */
export function safeUrl(text) {
  const url = URL.canParse(text ?? "") ? new URL(text) : null;
  return ["https:", "http:"].includes(url?.protocol) ? url.href : null;
}

/** A whole area with a picture, a headline, a sentence and maybe something to do. */
export function notice(glyph, title, text, ...actions) {
  return h("div.notice", {}, icon(glyph, "big"), h("h2", {}, title), text && h("p", {}, text), ...actions);
}
