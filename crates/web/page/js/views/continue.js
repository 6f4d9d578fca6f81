// The way on for a browser that has to sign in here before it may go where it was sent.

import { h, logo } from "../dom.js";

const TRIED = "cumuli-went-on";
/** Whoever is back so soon was sent back; going on once more would go round in circles. */
const BACK_SOON_MS = 60_000;

/** Goes on to the path `params.id`, once; whoever comes back is asked. */
export function render(root, params) {
  const path = ownWay(params.id);
  if (path && !wasTried(path)) {
    sessionStorage.setItem(TRIED, JSON.stringify({ path, at: Date.now() }));
    location.replace(path);
  }
  params.setTitle("Go on");
  root.replaceChildren(h("div.notice", {}, logo(72), h("h1.view-title", {}, path ? "Go on" : "This address leads nowhere"),
    h("p", {}, path ? "You are signed in, and can go on to the provider." : "It is not one that this page goes on to."),
    path && h("a.button.primary", { href: path }, "Go on"), h("a.button", { href: "#/connections" }, "Go to your connections")));
  return { close: () => null };
}

/** The path if it is one of signing in at a provider, on this server; null otherwise. */
function ownWay(text) {
  const url = text.startsWith("/auth/") && URL.canParse(text, location.origin) ? new URL(text, location.origin) : null;
  const isOwn = url?.origin === location.origin && url.pathname.startsWith("/auth/");
  return isOwn ? `${url.pathname}${url.search}` : null;
}

function wasTried(path) {
  try {
    const last = JSON.parse(sessionStorage.getItem(TRIED) ?? "null");
    return last?.path === path && Date.now() - last.at < BACK_SOON_MS;
  } catch {
    return false;
  }
}
