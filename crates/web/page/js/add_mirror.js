// The dialogs in which a mirror is set up, and in which it is changed.

import * as api from "./api.js";
import { bdi, button, h, icon, iconButton } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { field, submitting } from "./fields.js";
import { DIRECTIONS, DRIFTS, EXCEPTIONS, POLICIES, hereOf } from "./mirrors.js";
import { pickFolder } from "./picker.js";
import { pickRemote } from "./remote_picker.js";
import { toast } from "./toast.js";

const MOST_DELETES = 4_294_967_295;

/** Opens it; gives the mirror that was made, or null. */
export function openAddMirror() {
  return openDialog("Add a mirror", (close) => {
    const body = h("div.connect", {}, h("p.picker-note", { role: "status" }, "…"));
    const load = () => api.connections().then((connections) => {
      body.replaceChildren(...(connections.length === 0 ? needsConnection(close) : [form(connections, close)]));
      body.querySelector("button, a")?.focus();
    }, (error) => body.replaceChildren(h("p.form-error", { role: "alert" }, error.message), h("button.button", { type: "button", onclick: load }, "Try again")));
    load();
    return body;
  }, { wide: true });
}

function needsConnection(close) {
  return [h("p.dialog-text", {}, "A mirror needs a connection: a drive, a bucket, a WebDAV server or a folder of the server. There is none yet."),
    h("div.dialog-actions", {}, h("a.button.primary", { href: "#/connections", onclick: () => close() }, "Add a connection"))];
}

function form(connections, close) {
  const chosen = { here: null, there: null };
  const here = shown({ name: "folder_id", label: "Folder here", action: "Choose the folder here", pick: pickHere });
  const there = shown({ name: "remote_id", label: "Folder there", action: "Choose the folder there", pick: pickThere });
  const link = field({ name: "connection_id", label: "Connection", options: connections.map(({ id, label }) => [id, label]) });
  const select = link.querySelector("select");
  const settings = settingsOf({ direction: "two-way", policy: "keep-both", drift: "leave", rules: [], most_deletes: null, default: false });

  async function pickHere(put) {
    const folder = await pickFolder({ title: "The folder here", text: "Everything in it is kept in step.", action: "Choose this folder", startId: chosen.here?.id ?? "root", without: [] });
    if (!folder) return;
    chosen.here = folder;
    put(folder.name);
  }

  async function pickThere(put) {
    const folder = await pickRemote(connections.find(({ id }) => id === select.value));
    if (!folder) return;
    chosen.there = folder;
    put(folder.path === "/" ? "All of it" : `${folder.path}${folder.isNew ? " (new)" : ""}`);
  }

  select.addEventListener("change", () => {
    chosen.there = null;
    there.querySelector("input").value = "";
  });
  const element = h("form", { novalidate: true, autocomplete: "off" }, here, link, there, ...settings.parts,
    h("label.check", {}, h("input", { type: "checkbox", name: "paused", checked: true }), h("span", {}, "Show me the plan first: nothing happens until I resume it")),
    h("p.form-error", { role: "alert" }),
    h("div.dialog-actions", {}, h("p.hint.grow", {}, "Nothing that is on either side is lost."), h("button.button.primary", { type: "submit" }, "Add mirror")));
  submitting(element, async (values) => {
    if (!chosen.here || !chosen.there) throw missing(chosen);
    const remote = chosen.there.isNew ? { remote_path: chosen.there.path, make_remote: true } : { remote_id: chosen.there.id };
    const made = await api.createMirror({ folder_id: chosen.here.id, connection_id: values.connection_id, ...remote, ...settings.read(values), paused: values.paused === "on" });
    toast(`“${hereOf(made)}” has a mirror.`);
    close(made);
  });
  return element;
}

const missing = ({ here, there }) => Object.assign(new Error("Choose both folders."), {
  fields: { ...(here ? {} : { folder_id: "Choose a folder here." }), ...(there ? {} : { remote_id: "Choose a folder there." }) },
});

/** A field that shows what was chosen in a dialog of its own. */
function shown({ name, label, action, pick }) {
  const element = field({ name, label, readonly: true, placeholder: "Not chosen yet", hint: "" });
  const input = element.querySelector("input");
  const open = () => pick((text) => { input.value = text; });
  const row = h("div.chosen", {});
  input.replaceWith(row);
  row.append(input, h("button.button", { type: "button", "aria-label": action, onclick: open }, "Choose…"));
  input.addEventListener("click", open);
  return element;
}

/** The fields of what can be changed later too: `parts`, and `read(values)` as the API takes it. */
function settingsOf(now) {
  const way = field({ name: "direction", label: "Direction", options: DIRECTIONS, value: now.direction });
  const drift = field({ name: "drift", label: "Changes on the side that only receives", options: DRIFTS, value: now.drift });
  const select = way.querySelector("select");
  const follow = () => { drift.hidden = select.value === "two-way"; };
  select.addEventListener("change", follow);
  follow();
  const rules = h("ul.rules", { "aria-label": "Exceptions" }, now.rules.map(rule));
  const add = button("Add an exception", "plus", () => {
    rules.append(rule({ pattern: "", policy: "exclude" }));
    rules.lastElementChild.querySelector("input").focus();
  });
  const most = field({ name: "most_deletes", label: "Ask me before more deletes than", type: "number", min: 0, max: MOST_DELETES, step: 1, value: now.most_deletes ?? "", hint: "Empty: as the server has it set." });
  const parts = [way, drift, field({ name: "policy", label: "When both sides changed a file", options: POLICIES, value: now.policy }),
    h("details.set-up", { open: now.rules.length > 0 }, h("summary", {}, "Exceptions and limits"),
      h("p.hint", {}, "A pattern such as *.tmp or Drafts/**; the first that matches counts."), rules, add, most,
      h("label.check", {}, h("input", { type: "checkbox", name: "default", checked: now.default }), h("span", {}, "Uploads that ask for a copy at this kind of provider go here")))];
  const read = ({ direction, policy, drift: kept, most_deletes: limit, default: isDefault }) => ({
    direction, policy, drift: kept, rules: [...rules.children].map(readRule).filter((one) => one.pattern), most_deletes: limit ? Number(limit) : null, default: isDefault === "on",
  });
  return { parts, read };
}

function rule({ pattern, policy }) {
  const remove = iconButton("Remove this exception", "close", () => row.remove());
  const row = h("li.rule", {}, h("input", { value: pattern, "aria-label": "Pattern", placeholder: "*.tmp", maxlength: 1024, spellcheck: "false", autocomplete: "off" }),
    h("select", { "aria-label": "What is done with it" }, EXCEPTIONS.map(([word, text]) => h("option", { value: word, selected: word === policy }, text))), remove);
  return row;
}

const readRule = (row) => ({ pattern: row.querySelector("input").value.trim(), policy: row.querySelector("select").value });

/** Opens the settings of a mirror; gives the mirror as it is then, or null. */
export function openMirrorSettings(mirror) {
  return openDialog(`Settings of “${hereOf(mirror)}”`, (close) => {
    const settings = settingsOf(mirror);
    const element = h("form", { novalidate: true, autocomplete: "off" },
      h("p.dialog-text", {}, icon("mirrors"), " ", bdi(hereOf(mirror)), ". What is then done differently is looked at anew."), ...settings.parts,
      h("p.form-error", { role: "alert" }),
      h("div.dialog-actions", {}, h("button.button", { type: "button", onclick: () => close() }, "Cancel"), h("button.button.primary", { type: "submit" }, "Save")));
    submitting(element, async (values) => close(await api.changeMirror(mirror.id, settings.read(values))));
    return h("div.connect", {}, element);
  }, { wide: true });
}
