// How sizes, times and kinds are written for a person.

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];

function unitFormat(unit, digits) {
  return new Intl.NumberFormat(undefined, {
    style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", maximumFractionDigits: digits,
  });
}

/** `1.4 MB`: three figures at most. */
export function size(bytes) {
  let step = 0;
  let value = bytes ?? 0;
  while (value >= 999.5 && step < UNITS.length - 1) {
    value /= 1000;
    step += 1;
  }
  return unitFormat(UNITS[step], step === 0 || value >= 100 ? 0 : 1).format(value);
}

/** `1,402,332 bytes`. */
export function exactSize(bytes) {
  return unitFormat("byte", 0).format(bytes ?? 0);
}

const count = new Intl.NumberFormat();

/** `1 item`, `3 items`. */
export function items(n, one = "item", many = `${one}s`) {
  return `${count.format(n)} ${n === 1 ? one : many}`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const thisYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const otherYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function short(date) {
  const today = new Date();
  const midnight = new Date(today.getFullYear(), today.getMonth(), today.getDate());
  const days = Math.ceil((midnight - date) / 86_400_000);
  if (days <= 0 && date <= Date.now() + 60_000) return `Today ${clock.format(date)}`;
  if (days === 1) return `Yesterday ${clock.format(date)}`;
  return (date.getFullYear() === today.getFullYear() ? thisYear : otherYear).format(date);
}

/** A `<time>` that shows the day and knows the second. */
export function time(text) {
  const element = document.createElement("time");
  const date = new Date(text ?? NaN);
  if (Number.isNaN(date.getTime())) return element;
  element.dateTime = text;
  element.title = exact.format(date);
  element.textContent = short(date);
  return element;
}

const distance = new Intl.RelativeTimeFormat(undefined, { style: "short" });
/** Seconds up to which an age is told in a unit, and the seconds of that unit. */
const AGES = [[60, 1, "second"], [3600, 60, "minute"], [86_400, 3600, "hour"]];

function age(date) {
  // A browser's clock may be behind the server's.
  const seconds = Math.max(0, Math.round((Date.now() - date) / 1000));
  if (seconds < 2) return "just now";
  const unit = AGES.find(([limit]) => seconds < limit);
  return unit ? distance.format(-Math.floor(seconds / unit[1]), unit[2]) : short(date);
}

/** A `<time>` that shows how long ago it was, for as long as `tellAges` is called. */
export function ago(text) {
  const element = time(text);
  element.className = "ago";
  if (element.dateTime) element.textContent = age(new Date(element.dateTime));
  return element;
}

/** Tells anew how long ago everything in `root` was. */
export function tellAges(root) {
  for (const element of root.querySelectorAll("time.ago")) {
    const told = age(new Date(element.dateTime));
    if (element.textContent !== told) element.textContent = told;
  }
}

const LENGTHS = [[86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

/** `3 minutes`: how long something lasts, in one unit. */
export function duration(seconds) {
  const [length, unit] = LENGTHS.find(([limit]) => seconds >= limit) ?? LENGTHS.at(-1);
  return new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "long" }).format(Math.round(seconds / length));
}

const ENDINGS = [
  ["archive", /\.(zip|gz|tgz|bz2|xz|zst|7z|rar|tar)$/i],
  ["code", /\.(js|mjs|ts|tsx|jsx|rs|py|go|c|h|cc|cpp|java|rb|sh|css|html?|json|toml|ya?ml|xml|sql)$/i],
  ["text", /\.(txt|md|rst|log|csv|tsv|ini|conf|tex)$/i],
  ["image", /\.(png|jpe?g|gif|webp|avif|svg|bmp|heic|tiff?)$/i],
  ["video", /\.(mp4|webm|mov|mkv|avi)$/i],
  ["audio", /\.(mp3|ogg|opus|flac|wav|m4a)$/i],
  ["pdf", /\.pdf$/i],
];

/** The icon of a node: by its ending, or else by its media type. */
export function glyph(node) {
  if (node.kind === "folder") return "folder";
  const ending = ENDINGS.find(([, pattern]) => pattern.test(node.name));
  if (ending) return ending[0];
  const family = (node.mime_type ?? "").split("/")[0];
  return ["image", "video", "audio", "text"].includes(family) ? family : "file";
}

const SHOWN = {
  image: /^image\/(png|jpeg|gif|webp|avif|bmp)$/,
  audio: /^audio\//,
  video: /^video\//,
  text: /^(text\/|application\/(json|xml|javascript|toml|yaml|x-yaml|x-sh|sql))/,
};

/** How a file can be shown safely in the page: `image`, `audio`, `video`, `text` or null. */
export function preview(node) {
  const type = (node.mime_type ?? "").split(";")[0].trim();
  const known = Object.keys(SHOWN).find((kind) => SHOWN[kind].test(type));
  if (known) return known;
  return ["text", "code"].includes(glyph(node)) ? "text" : null;
}

/** `Firefox on Linux` from what a browser says of itself; the text as it is when nothing is known. */
export function agent(label) {
  const browser = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]
    .find(([mark]) => label?.includes(mark))?.[1];
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]]
    .find(([mark]) => label?.includes(mark))?.[1];
  if (!browser) return label || "Unknown program";
  return system ? `${browser} on ${system}` : browser;
}
