// What an administrator does with whole stores: moving contents from one to another, letting go of one.

import * as api from "./api.js";
import { openDialog } from "./dialogs.js";
import { h } from "./dom.js";
import { field, submitting } from "./fields.js";
import * as format from "./format.js";
import { toast } from "./toast.js";

const cancel = (close) => h("button.button", { type: "button", onclick: () => close() }, "Cancel");
const check = (name, text) => h("label.check", {}, h("input", { type: "checkbox", name }), h("span", {}, text));

/** Asks what to move where, says what will happen, and begins; `from` and `to` are chosen already where they are given. */
export function moveContents(stores, { from, to }, done) {
  const names = stores.filter((store) => store.configured).map((store) => store.name);
  const source = from ?? stores.find((store) => store.default)?.name ?? names[0];
  const target = to ?? names.find((name) => name !== source);
  return openDialog("Move contents", (close) => {
    const what = h("p.dialog-text", { role: "status" });
    const options = names.map((name) => [name, name]);
    const form = h("form", { novalidate: true },
      field({ name: "from", label: "From", options, value: source }), field({ name: "to", label: "To", options, value: target }),
      check("verify", "Read each copy back and compare it"), what, h("p.form-error", { role: "alert" }),
      h("div.dialog-actions", {}, cancel(close), h("button.button.primary", { type: "submit" }, "Start moving")));
    const explain = () => {
      const store = stores.find(({ name }) => name === form.elements.from.value);
      what.textContent = consequences(store, form.elements.to.value, form.elements.verify.checked);
    };
    form.addEventListener("change", explain);
    explain();
    submitting(form, async (values) => {
      await api.copyStore({ from: values.from, to: values.to, verify: values.verify === "on" });
      toast(`Moving “${values.from}” to “${values.to}” has begun.`);
      close(true);
      done();
    });
    return form;
  }, { wide: true });
}

function consequences(store, to, isVerified) {
  if (store.name === to) return "Choose two stores that differ.";
  const compared = isVerified ? "compared with its digest, and read back," : "compared with its digest";
  return `From now on new files go to “${to}”. The ${format.items(store.contents, "content")} (${format.size(store.bytes)}) in “${store.name}” are copied there `
    + `one after another while everything goes on working; each is ${compared} before the files use the copy. `
    + `Nothing is removed from “${store.name}” until it is retired. Name “${to}” in the setting STORAGE_BACKEND when the server is restarted next.`;
}

/** Asks whether to let go of a store; with what is in it only for whoever types its name. */
export function retire(store, done) {
  return openDialog(`Retire “${store.name}”?`, (close) => {
    const name = field({ name: "name", label: `Type ${store.name} to confirm`, autocapitalize: "none", spellcheck: "false" });
    const form = h("form", { novalidate: true },
      h("p.dialog-text", {}, "Cumuli stops using it. That is refused while any file needs what is in it, and while new files go to it."),
      check("erase", "Erase all that Cumuli has stored in it"), name, h("p.form-error", { role: "alert" }),
      h("div.dialog-actions", {}, cancel(close), h("button.button.danger", { type: "submit" }, "Retire")));
    const { erase, name: typed } = form.elements;
    const follow = () => {
      name.hidden = !erase.checked;
      typed.required = erase.checked;
    };
    erase.addEventListener("change", follow);
    follow();
    submitting(form, async (values) => {
      const isErased = values.erase === "on";
      if (isErased && values.name !== store.name) throw new api.ApiError(0, { errors: [{ field: "name", detail: "This is not its name." }] });
      const { removed } = await api.retireStore(store.name, isErased);
      toast(isErased ? `“${store.name}” is retired; ${format.items(removed, "content")} erased.` : `“${store.name}” is retired.`);
      close(true);
      done();
    });
    return form;
  });
}
