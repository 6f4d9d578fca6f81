// The page of a public link: starts it, asks for its password, and shows what the link opens.

import * as api from "./api.js";
import { h, logo, notice } from "./dom.js";
import { field, submitting } from "./fields.js";
import * as drop from "./link/drop.js";
import * as file from "./link/file.js";
import * as folder from "./link/folder.js";

const root = document.getElementById("app");
const visit = api.visit(location.pathname.split("/")[2] ?? "");

/** Shows `main` below the head line, which says who shares. */
function frame(main, info) {
  root.className = "visit";
  root.replaceChildren(
    h("header.visit-head", {}, h("span.brand", {}, logo(30), h("span.wordmark", {}, "Cumuli")), info?.owner_name && h("p", {}, "Shared by ", h("bdi", {}, info.owner_name))),
    main);
}

function show(info) {
  document.title = `${info.name} · Cumuli`;
  const main = h("main", { id: "main", tabindex: "-1" });
  frame(main, info);
  const view = info.may.drop ? drop : info.kind === "folder" ? folder : file;
  view.render(main, { info, visit, again: start });
}

function askPassword() {
  document.title = "Password · Cumuli";
  const form = h("form", { novalidate: true }, h("h1", {}, "This link has a password"),
    h("p.lead", {}, "Whoever sent you the link can tell you."),
    field({ name: "password", label: "Password", type: "password", autocomplete: "off", required: true, maxlength: 1024 }),
    h("p.form-error", { role: "alert" }), h("button.button.primary.full", { type: "submit" }, "Open"));
  submitting(form, async ({ password }) => {
    try {
      await visit.unlock(password);
    } catch (error) {
      if (error.status === 401) throw new api.ApiError(401, { detail: "This is not the password." });
      throw error;
    }
    await start();
  });
  frame(h("main.card", { id: "main" }, form));
  form.querySelector("input").focus();
}

function tellGone() {
  document.title = "Nothing here · Cumuli";
  frame(h("main.card", { id: "main" }, h("h1.hidden-text", {}, "Nothing here"),
    notice("alert", "This link opens nothing", "It may have ended or been revoked, or the address is not complete. Ask whoever sent it to you.")));
}

async function start() {
  try {
    show(await visit.info());
  } catch (error) {
    if (error.status === 401) return askPassword();
    if (error.status === 404) return tellGone();
    frame(h("main.card", { id: "main" }, h("h1.hidden-text", {}, "Cumuli"), notice("alert", "This could not be loaded", error.message,
      h("button.button.primary", { type: "button", onclick: start }, "Try again"))));
  }
}

start();
