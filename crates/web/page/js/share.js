// The dialog in which a person gives a folder or file to others: to people, and by public links.

import * as api from "./api.js";
import { bdi, button, h, icon, iconButton } from "./dom.js";
import { ask, confirm, openDialog } from "./dialogs.js";
import { field, submitting } from "./fields.js";
import * as format from "./format.js";
import { session } from "./session.js";
import { toast, toastError } from "./toast.js";

const RIGHTS = [["view", "Can view"], ["edit", "Can edit"]];
const MODES = [["view", "View and download"], ["edit", "View and edit"], ["drop", "Only put files in"]];
const MODE_NAMES = { view: "View", edit: "Edit", drop: "Drop files" };

/** Opens it for a node. */
export function openShare(node) {
  return openDialog(`Share “${node.name}”`, () => {
    const people = h("ul.rows", { "aria-label": "People with access" });
    const links = h("ul.rows", { "aria-label": "Public links" });
    const load = {
      people: () => fill(people, "Nobody yet.", async () => (await api.access(node.id)).map((share) => personRow(share, node, load.people))),
      links: () => fill(links, "No link yet.", async () => (await api.nodeLinks(node.id)).map((link) => linkRow(link, load.links))),
    };
    load.people();
    load.links();
    return [h("div.share", {},
      h("section", {}, h("h3", {}, "People"), h("p.hint", {}, "Of this server. A folder comes with all that is in it, now and later."), inviteForm(node, load.people), people),
      h("section", {}, h("h3", {}, "Public links"), h("p.hint", {}, "Whoever has the address needs no account."), links,
        button("New link", "link", () => newLink(node, load.links))))];
  }, { wide: true });
}

async function fill(list, none, rowsOf) {
  try {
    const rows = await rowsOf();
    list.replaceChildren(...(rows.length > 0 ? rows : [h("li.picker-note", {}, none)]));
  } catch (error) {
    list.replaceChildren(h("li.picker-note", { role: "alert" }, error.message));
  }
}

function inviteForm(node, done) {
  const rights = node.right === "view" ? RIGHTS.slice(0, 1) : RIGHTS;
  const form = h("form.share-form", { novalidate: true },
    field({ name: "email", label: "E-mail", type: "email", required: true, maxlength: 254, autocapitalize: "none", spellcheck: "false" }),
    field({ name: "right", label: "Right", options: rights, value: "view" }),
    h("button.button.primary", { type: "submit" }, "Share"),
    h("label.check", {}, h("input", { type: "checkbox", name: "may_share" }), h("span", {}, "May share it with others")),
    h("p.form-error", { role: "alert" }));
  submitting(form, async ({ email, right, may_share }) => {
    const share = await api.share({ node_id: node.id, email: email.trim(), right, may_share: may_share === "on" });
    toast(`Shared with ${share.user.full_name || share.user.email}.`);
    form.reset();
    form.elements.email.focus();
    await done();
  });
  return form;
}

function personRow(share, node, load) {
  const name = share.user.full_name || share.user.email;
  // What comes from a folder above is changed there.
  const isHere = share.node.id === node.id;
  const change = (event) => api.changeShare(share.id, { right: event.target.value }).then(() => toast(`${name} ${event.target.value === "edit" ? "can edit" : "can view"} it now.`), toastError).finally(load);
  const end = () => api.endShare(share.id).then(() => toast(`${name} has no access any more.`), toastError).finally(load);
  const notes = [share.user.full_name ? share.user.email : null, !isHere && `by the folder “${share.node.name}”`, share.may_share && "may share it", share.effective_right === null && "without effect now",
    share.given_by.user_id !== session.me.user_id && `given by ${share.given_by.full_name || share.given_by.email}`].filter(Boolean).join(" · ");
  return h("li.row", {}, h("div.row-text", {}, h("span.row-name", {}, bdi(name)), h("span.subline", {}, notes)),
    isHere
      ? h("select.small", { "aria-label": `Right of ${name}`, onchange: change }, RIGHTS.map(([key, text]) => h("option", { value: key, selected: key === share.right }, text)))
      : h("span.badge", {}, RIGHTS.find(([key]) => key === share.right)[1]),
    isHere && iconButton(`End access of ${name}`, "close", end));
}

function linkRow(link, load) {
  const address = link.url ?? "";
  const notes = [MODE_NAMES[link.mode], link.has_password && "password", link.expires_at && ["until ", format.time(link.expires_at)],
    link.max_downloads ? `${link.downloads} of ${format.items(link.max_downloads, "download")}` : link.mode !== "drop" && format.items(link.downloads, "download")]
    .filter(Boolean).flatMap((part, i) => (i === 0 ? [part] : [" · ", part].flat()));
  const input = h("input.secret", { readonly: true, value: address, "aria-label": `Address of ${link.label || "the link"}`, onfocus: () => input.select() });
  const copy = async () => {
    input.select();
    await navigator.clipboard?.writeText(address).then(() => toast("The address is copied."), () => null);
  };
  const revoke = async () => {
    const isSure = await confirm({ title: "Revoke this link?", text: "It opens nothing from then on, for nobody.", action: "Revoke", isDanger: true });
    if (isSure) await api.revokeLink(link.id).then(() => toast("The link is revoked."), toastError).finally(load);
  };
  return h("li.link-row", {}, h("div.row-text", {}, link.label && h("span.row-name", {}, bdi(link.label)), h("span.subline", {}, notes)),
    iconButton("Change link", "pencil", () => changeLink(link, load)), iconButton("Revoke link", "trash", revoke),
    link.url && h("div.link-address", {}, input, h("button.button", { type: "button", onclick: copy }, icon("copy"), "Copy")));
}

/** A moment in the browser's own time, as `<input type=datetime-local>` has it. */
function localTime(text) {
  if (!text) return "";
  const at = new Date(text);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const FIELDS = (modes, link = {}) => [
  { name: "label", label: "Name", value: link.label ?? "", maxlength: 255, hint: "For yourself; may be empty." },
  { name: "mode", label: "What visitors may do", options: modes, value: link.mode ?? "view" },
  { name: "password", label: "Password", type: "password", autocomplete: "new-password", maxlength: 1024, hint: link.has_password ? "Empty: it stays as it is." : "Empty: none." },
  { name: "expires_at", label: "Ends", type: "datetime-local", value: localTime(link.expires_at), hint: "Empty: never." },
  { name: "max_downloads", label: "Downloads", type: "number", min: "1", step: "1", value: link.max_downloads ? String(link.max_downloads) : "", hint: "Empty: any number." },
];

const limitsOf = ({ expires_at, max_downloads }) => ({
  expires_at: expires_at === "" ? null : new Date(expires_at).toISOString(),
  max_downloads: max_downloads === "" ? null : Number(max_downloads),
});

const modesOf = (node) => MODES.filter(([key]) => (key === "view" || node.right !== "view") && (key !== "drop" || node.kind === "folder"));

async function newLink(node, load) {
  const made = await ask({
    title: "New link", action: "Create", fields: FIELDS(modesOf(node)),
    submit: ({ label, mode, password, ...limits }) => api.createLink({ node_id: node.id, label, mode, ...(password ? { password } : {}), ...limitsOf(limits) }),
  });
  if (made) await load();
}

async function changeLink(link, load) {
  const fields = FIELDS(MODES.filter(([key]) => key !== "drop" || link.node.kind === "folder"), link);
  if (link.has_password) fields.splice(3, 0, { name: "keeps", label: "The password", options: [["yes", "stays"], ["no", "is taken away"]], value: "yes" });
  await ask({
    title: "Change link", action: "Save", fields,
    submit: ({ label, mode, password, keeps, ...limits }) => api.changeLink(link.id, { label, mode, ...(password ? { password } : keeps === "no" ? { password: null } : {}), ...limitsOf(limits) }),
  });
  await load();
}
