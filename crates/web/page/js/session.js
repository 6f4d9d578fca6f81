// The signed-in person, and the journal that tells what changes.

import * as api from "./api.js";

const REST_MS = 15_000;
const CALM_MS = 1500;
const KNOCK_MS = 5000;

/** Fires `me` when the account's figures changed, `change` (detail: a journal entry) `caught-up` after a gap and `acted` when the person did something here. */
export const session = new EventTarget();
/** The account, or null. */
session.me = null;

/** The id of a folder that an address may call `root`. */
session.folderId = (id) => (id === "root" ? session.me.root_id : id);

/** Asks who is signed in. */
session.load = async () => {
  session.me = await api.me();
  if (session.me) session.dispatchEvent(new Event("me"));
  return session.me;
};

let calm = 0;

function refreshMe() {
  // One question for a burst of changes.
  calm ||= setTimeout(() => {
    calm = 0;
    if (session.me) session.load().catch(() => null);
  }, CALM_MS);
}

for (const name of ["caught-up", "acted"]) session.addEventListener(name, refreshMe);

let stream = null;
let rest = 0;
let isCatchingUp = false;

function listen() {
  if (stream || !session.me) return;
  stream = api.events();
  stream.addEventListener("open", () => {
    if (isCatchingUp) session.dispatchEvent(new Event("caught-up"));
    isCatchingUp = true;
  });
  stream.addEventListener("change", (event) => {
    session.dispatchEvent(new CustomEvent("change", { detail: JSON.parse(event.data) }));
    refreshMe();
  });
  stream.addEventListener("error", () => {
    // A browser gives up for good when the answer was an error; knock until the server is back.
    if (stream?.readyState === EventSource.CLOSED) {
      stop();
      setTimeout(ask, KNOCK_MS);
    }
  });
}

// A session that ended is told by this question as well.
function ask() {
  if (session.me && document.visibilityState === "visible") session.load().then(listen, () => setTimeout(ask, KNOCK_MS));
}

function stop() {
  stream?.close();
  stream = null;
}

// A browser opens about six connections to a server. Tabs that nobody sees give theirs back.
document.addEventListener("visibilitychange", () => {
  clearTimeout(rest);
  if (document.visibilityState === "visible") listen();
  else rest = setTimeout(stop, REST_MS);
});

/** Starts telling changes. */
session.open = () => {
  isCatchingUp = false;
  listen();
};

/** Forgets the person. */
session.close = () => {
  session.me = null;
  stop();
};

addEventListener("pagehide", stop);
addEventListener("pageshow", listen);
