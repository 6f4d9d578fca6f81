// The dialog in which a drive, a bucket or a folder is connected.

import * as api from "./api.js";
import { h, icon } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { field, submitting } from "./fields.js";
import * as format from "./format.js";
import { connectionOf, fieldsOf, glyphOf } from "./providers.js";
import { session } from "./session.js";
import { toast } from "./toast.js";

const isAdmin = () => session.me?.role === "admin";

/** Opens it; gives the connection that was made, or null. */
export function openConnect() {
  return openDialog("Add a connection", (close, dialog) => {
    const body = h("div.connect", {}, h("p.picker-note", { role: "status" }, "…"));
    const show = (...parts) => {
      body.replaceChildren(...parts.flat().filter(Boolean));
      dialog.scrollTop = 0;
      body.querySelector("[autofocus], form input, .provider, .button")?.focus();
    };
    const load = () => api.providers().then(
      (providers) => list(providers.filter((provider) => provider.by !== "path" || isAdmin())),
      (error) => show(h("p.form-error", { role: "alert" }, error.message), h("button.button", { type: "button", onclick: load }, "Try again")));
    const list = (providers) => show(h("p.dialog-text", {}, "Where is what you want to reach from here?"),
      h("ul.providers", { "aria-label": "Providers" }, providers.map((provider) => h("li", {}, choice(provider, () => show(head(provider, () => list(providers)), partsOf(provider, close)))))));
    load();
    return body;
  }, { wide: true });
}

function choice(provider, open) {
  const isReady = provider.configured;
  return h("button.provider", { type: "button", onclick: open }, tile(provider.name), h("span.provider-name", {}, provider.title),
    !isReady && h("span.badge", {}, "not set up"), icon("right"));
}

export const tile = (kind) => h("span", { class: `tile provider-${kind}` }, icon(glyphOf(kind)));

function head(provider, back) {
  return h("div.connect-head", {}, h("button.icon-button", { type: "button", "aria-label": "Back to all providers", title: "Back to all providers", onclick: back }, icon("right", "flipped")),
    tile(provider.name), h("h3", {}, provider.title));
}

function partsOf(provider, close) {
  if (provider.configured && provider.by === "oauth") return [concern(provider), ...consent(provider), isAdmin() && setUp(provider)];
  if (provider.configured) return [keys(provider, close)];
  if (!isAdmin()) return [h("p.dialog-text", {}, `${provider.title} is not set up on this server. Ask the administrator: it takes a few minutes, once for everybody.`)];
  return [h("p.dialog-text", {}, "It is not set up on this server yet. This is done once, for everybody:"), ...guide(provider)];
}

const concern = ({ concern: text, concern_at: at }) => text && h("p.warning", {}, icon("alert"), h("span", {}, sentence(text), at && [" (", format.time(at), ")"]));

/** What people are asked for, and the way there. */
function consent(provider) {
  return [h("p.dialog-text", {}, `You go on to the sign-in page of ${provider.title}, choose an account there, and are asked to allow:`),
    h("ul.scopes", { "aria-label": "What you are asked to allow" }, provider.scopes.map(({ scope, purpose }) => h("li", {}, icon("check"), h("div", {}, h("span.scope-purpose", {}, sentence(purpose)), h("span.digest", {}, scope))))),
    h("p.hint", {}, "Your password stays there: this server never sees it. You can take the access back at any time, here or there."),
    isAdmin() && redirectProblem(provider),
    h("div.dialog-actions", {}, h("a.button.primary", { href: api.linkUrl(provider.name), autofocus: true }, `Go on to ${provider.title}`))];
}

function setUp(provider) {
  return h("details.set-up", {}, h("summary", {}, "How it is set up"), ...guide(provider));
}

function guide(provider) {
  return [h("ol.guide", {}, provider.guide.map((step) => h("li", {}, step))), provider.redirect_uri && address(provider), redirectProblem(provider),
    provider.by === "oauth" && !provider.redirect_uri && h("p.warning", {}, icon("alert"), h("span", {}, "The redirect URI is not known yet: set CUMULI_PUBLIC_URL to the address that people reach this server by.")),
    provider.missing.length > 0 && h("p.missing", {}, "Missing: ", provider.missing.flatMap((name, i) => [i > 0 && ", ", h("code", {}, name)]))];
}

const redirectProblem = ({ redirect_problem: text }) => text && h("p.warning", {}, icon("alert"), h("span", {}, sentence(text)));

function address({ redirect_uri: uri }) {
  const input = h("input", { readonly: true, value: uri, "aria-label": "Redirect URI", onfocus: () => input.select() });
  const copy = async () => {
    input.select();
    await navigator.clipboard?.writeText(uri).then(() => toast("The redirect URI is copied."), () => null);
  };
  return h("div.redirect", {}, h("span.hint", {}, "Redirect URI, to be registered exactly so"),
    h("div.link-address", {}, input, h("button.button", { type: "button", onclick: copy }, icon("copy"), "Copy")));
}

const tick = (name, text, isOn = false) => h("label.check", {}, h("input", { type: "checkbox", name, checked: isOn }), h("span", {}, text));

/** The form of what is connected with keys or a path. */
function keys(provider, close) {
  const isFolder = provider.by === "path";
  const form = h("form", { novalidate: true, autocomplete: "off" },
    provider.guide.length > 0 && !isFolder && h("ul.guide-notes", {}, provider.guide.map((step) => h("li.hint", {}, step))),
    fieldsOf(provider.name)?.map(field), isFolder && tick("read_only", "Nothing is written there"),
    isAdmin() && tick("server", "For the whole server: every administrator may use it", isFolder),
    h("p.form-error", { role: "alert" }),
    h("div.dialog-actions", {}, h("p.hint.grow", {}, "It is tried out before it is kept."), h("button.button.primary", { type: "submit" }, "Connect")));
  submitting(form, async (values) => {
    form.classList.add("busy");
    try {
      const made = await api.connect(connectionOf(provider.name, values));
      toast(`“${made.label}” is connected.`);
      close(made);
    } finally {
      form.classList.remove("busy");
    }
  });
  return form;
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
