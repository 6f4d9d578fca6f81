// The dialog of the person's own account.

import * as api from "../api.js";
import { bdi, h, icon, iconButton } from "../dom.js";
import { ask, confirm, openDialog, showSecret } from "../dialogs.js";
import { field, submitting } from "../fields.js";
import * as format from "../format.js";
import { photoLine } from "../photo.js";
import { session } from "../session.js";
import { toast, toastError } from "../toast.js";

/** Opens it. `onSignedOut()` is called when nothing is signed in any more. */
export function openAccount(onSignedOut) {
  const ending = new AbortController();
  const closed = openDialog("Account", (close) => [
    h("div.account", {}, profile({ signal: ending.signal }), password(),
      h("section", {}, h("h3", {}, "Linked drives"), h("p.hint", {}, "Accounts, buckets and folders elsewhere, and how they are."),
        h("a.button", { href: "#/connections", onclick: () => close() }, icon("cloud"), "Connections")),
      section("Sessions", "Where you are signed in.", sessionsOf, h("button.button", { type: "button", onclick: () => everywhere(close, onSignedOut) }, icon("out"), "Sign out everywhere")),
      section("Sign-in providers", "Who else opens this account. To add one, sign out and sign in with it.", identitiesOf),
      section("App passwords", "For programs such as WebDAV clients and scripts. Each can be taken back on its own.", appPasswordsOf)),
  ], { wide: true });
  return closed.finally(() => ending.abort());
}

function profile(until) {
  const { me } = session;
  const form = h("form", { novalidate: true }, field({ name: "full_name", label: "Name", value: me.full_name ?? "", autocomplete: "name", maxlength: 255 }),
    h("p.form-error", { role: "alert" }), h("button.button", { type: "submit" }, "Save"));
  submitting(form, async ({ full_name }) => {
    await api.renameMe(full_name);
    await session.load();
    toast("Your name is saved.");
  });
  return h("section", {}, h("h3", {}, "Profile"), h("p.hint", {}, bdi(me.email), ` · ${me.role === "admin" ? "Administrator" : "User"} · since `, format.time(me.created_at),
    ` · ${format.size(me.used_bytes)} used`, me.quota_bytes ? ` of ${format.size(me.quota_bytes)}` : ""), form, photoLine(until));
}

function password() {
  const change = async () => {
    const { has_password } = await api.identities().catch(() => ({ has_password: true }));
    return askFor(has_password);
  };
  const askFor = (hasOne) => ask({
    title: hasOne ? "Change password" : "Set a password", action: hasOne ? "Change" : "Set",
    text: "Everything else that is signed in will be signed out.",
    fields: [
      ...(hasOne ? [{ name: "current_password", label: "Current password", type: "password", autocomplete: "current-password", required: true }] : []),
      { name: "new_password", label: "New password", type: "password", autocomplete: "new-password", required: true, minlength: 8, maxlength: 1024, hint: "At least 8 characters." },
    ],
    submit: async (values) => {
      await api.changePassword(values.current_password, values.new_password);
      toast("Your password is changed.");
    },
  });
  return h("section", {}, h("h3", {}, "Password"), h("button.button", { type: "button", onclick: change }, "Change password"));
}

function section(title, text, fill, ...more) {
  const body = h("div.rows", {}, h("p.hint", {}, "…"));
  const load = () => fill(load).then((rows) => body.replaceChildren(...rows), (error) => body.replaceChildren(h("p.hint.wrong", {}, error.message)));
  load();
  return h("section", {}, h("h3", {}, title), h("p.hint", {}, text), body, ...more);
}

const line = (main, under, ...tools) => h("div.row", {}, h("div.row-text", {}, h("span.row-name", {}, main), h("span.subline", {}, under)), ...tools);

async function sessionsOf(load) {
  const all = await api.sessions();
  const end = (id) => api.endSession(id).then(load, toastError);
  return all.map((one) => line([bdi(format.agent(one.label)), one.current && h("span.badge", {}, "this one")].filter(Boolean),
    ["Last used ", format.time(one.used_at ?? one.created_at)],
    !one.current && iconButton(`End the session of ${format.agent(one.label)}`, "out", () => end(one.id))));
}

async function identitiesOf(load) {
  const { identities } = await api.identities();
  const drop = async (one) => {
    const text = "Whoever is signed in stays so. From now on it needs the password or another provider.";
    if (await confirm({ title: `Remove ${one.email}?`, text, action: "Remove", isDanger: true })) api.removeIdentity(one.number).then(load, toastError);
  };
  const name = (one) => ({ google: "Google", onedrive: "Microsoft" })[one.provider] ?? new URL(one.issuer).host;
  const rows = identities.map((one) => line(bdi(one.email), [`${name(one)} · last used `, format.time(one.used_at)], iconButton(`Remove ${one.email}`, "trash", () => drop(one))));
  return rows.length > 0 ? rows : [h("p.hint", {}, "None.")];
}

async function appPasswordsOf(load) {
  const all = await api.appPasswords();
  const create = async () => {
    let made = null;
    await ask({
      title: "New app password", action: "Create", fields: [{ name: "label", label: "What is it for?", required: true, maxlength: 255, hint: "Such as “Laptop” or “Backup script”." }],
      submit: async ({ label }) => { made = await api.createAppPassword(label); },
    });
    if (!made) return;
    await showSecret({ title: "App password", text: "Copy it now: it will not be shown again. Use it with your e-mail address.", label: made.label, secret: made.password });
    load();
  };
  const drop = async (one) => {
    if (await confirm({ title: `Take back “${one.label}”?`, text: "The program that uses it can no longer sign in.", action: "Take back", isDanger: true })) api.removeAppPassword(one.id).then(load, toastError);
  };
  return [...all.map((one) => line(bdi(one.label), one.used_at ? ["Last used ", format.time(one.used_at)] : "Never used", iconButton(`Take back ${one.label}`, "trash", () => drop(one)))),
    h("button.button", { type: "button", onclick: create }, icon("plus"), "New app password")];
}

async function everywhere(close, onSignedOut) {
  const isSure = await confirm({ title: "Sign out everywhere?", text: "Every browser and program is signed out, this one too. App passwords stay.", action: "Sign out everywhere", isDanger: true });
  if (!isSure) return;
  await api.signOutEverywhere().then(() => { close(); onSignedOut(); }, toastError);
}
