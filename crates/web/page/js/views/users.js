// The accounts of this server, for administrators.

import * as api from "../api.js";
import { bdi, button, h, iconButton, notice } from "../dom.js";
import { ask, confirm, showSecret } from "../dialogs.js";
import * as format from "../format.js";
import { title } from "../frame.js";
import { openMenu } from "../menu.js";
import { session } from "../session.js";
import { toast, toastError } from "../toast.js";

const GB = 1e9;

/** Shows the accounts. */
export function render(root) {
  const body = h("tbody");
  const message = h("div.list-message");
  const more = h("button.button.more", { type: "button", hidden: true }, "Show more");
  const table = h("table.plain", { "aria-label": "Users" }, h("thead", {}, h("tr", {},
    ["Name", "Role", "Used", "Since"].map((text) => h("th", { scope: "col" }, text)), h("th", { scope: "col" }, h("span.hidden-text", {}, "Actions")))), body);
  const state = { isOpen: true };

  async function load(cursor = null) {
    try {
      const page = await api.users({ limit: 200, cursor });
      if (!state.isOpen) return;
      const rows = page.users.map((user) => row(user, load));
      if (cursor) body.append(...rows);
      else body.replaceChildren(...rows);
      more.hidden = !page.next_cursor;
      more.onclick = () => load(page.next_cursor);
      message.replaceChildren();
    } catch (error) {
      message.replaceChildren(notice("alert", "The users could not be loaded", error.message, button("Try again", null, () => load(), "primary")));
    }
  }

  root.replaceChildren(h("div.view-head", {}, title("Users"), h("div.tools", {}, button("Invite", "person", invite), button("New user", "plus", () => create(load), "primary"))),
    h("section.list", {}, table, message, more));
  load();
  return { close: () => { state.isOpen = false; } };
}

function row(user, load) {
  const isMe = user.user_id === session.me.user_id;
  const quota = user.quota_bytes ? ` of ${format.size(user.quota_bytes)}` : "";
  return h("tr", { class: user.disabled ? "off" : "" },
    h("td", {}, h("div.name-lines", {}, h("span.row-name", {}, bdi(user.full_name || user.email), isMe && h("span.badge", {}, "you"), user.disabled && h("span.badge.warn", {}, "disabled")),
      h("span.subline.always", {}, bdi(user.email)))),
    h("td", {}, user.role === "admin" ? "Administrator" : "User"),
    h("td", {}, `${format.size(user.used_bytes)}${quota}`),
    h("td", {}, format.time(user.created_at)),
    h("td.col-tools", {}, iconButton(`Actions for ${user.email}`, "more", (event) => openMenu(event.currentTarget, menu(user, isMe, load)), { "aria-haspopup": "menu" })));
}

function menu(user, isMe, load) {
  const update = (fields, text) => api.updateUser(user.user_id, fields).then(() => { toast(text); load(); }, toastError);
  const disable = async () => {
    if (await confirm({ title: `Disable ${user.email}?`, text: "They are signed out and cannot sign in. Their files stay.", action: "Disable", isDanger: true })) update({ disabled: true }, `${user.email} is disabled.`);
  };
  return [
    { label: "Set quota", icon: "info", run: () => quota(user, load) },
    !isMe && (user.role === "admin"
      ? { label: "Make a plain user", icon: "person", run: () => update({ role: "user" }, `${user.email} is a plain user.`) }
      : { label: "Make administrator", icon: "users", run: () => update({ role: "admin" }, `${user.email} is an administrator.`) }),
    !isMe && (user.disabled
      ? { label: "Enable", icon: "check", run: () => update({ disabled: false }, `${user.email} may sign in again.`) }
      : { label: "Disable", icon: "close", kind: "danger", run: disable }),
  ].filter(Boolean);
}

function quota(user, load) {
  return ask({
    title: `Quota of ${user.email}`, action: "Save",
    fields: [{ name: "quota_bytes", label: "Gigabytes", type: "number", min: "0", step: "any", value: user.quota_bytes ? String(user.quota_bytes / GB) : "", hint: "Empty: the server's default." }],
    submit: async ({ quota_bytes }) => {
      await api.updateUser(user.user_id, { quota_bytes: quota_bytes === "" ? null : Math.round(Number(quota_bytes) * GB) });
      load();
    },
  });
}

function create(load) {
  return ask({
    title: "New user", action: "Create",
    fields: [
      { name: "full_name", label: "Name", maxlength: 255 },
      { name: "email", label: "E-mail", type: "email", required: true, maxlength: 254 },
      { name: "password", label: "First password", type: "password", autocomplete: "new-password", required: true, minlength: 8, hint: "At least 8 characters. They can change it." },
      { name: "role", label: "Role", options: [["user", "User"], ["admin", "Administrator"]], value: "user" },
    ],
    submit: async (user) => {
      await api.createUser(user);
      toast(`${user.email} can sign in now.`);
      load();
    },
  });
}

async function invite() {
  try {
    const made = await api.createInvite();
    await showSecret({ title: "Invitation", text: "Send this address to one person. It works once.", label: "Address", secret: `${location.origin}/#/invite/${made.invite}` });
  } catch (error) {
    toastError(error);
  }
}
