// Questions to the person, each a <dialog> that gives its answer as a promise.

import { h, iconButton } from "./dom.js";
import { field, submitting } from "./fields.js";

let serial = 0;

/** Opens a dialog with `body`; `close(answer)` ends it. Escape and the cross answer null. */
export function openDialog(title, build, { wide = false } = {}) {
  return new Promise((done) => {
    const titleId = `dialog-${serial += 1}`;
    const dialog = h("dialog", { "aria-labelledby": titleId, class: wide ? "wide" : "" });
    let answer = null;
    const close = (value = null) => { answer = value; dialog.close(); };
    dialog.append(h("header.dialog-head", {}, h("h2", { id: titleId }, title), iconButton("Close", "close", () => close())),
      ...[build(close, dialog)].flat());
    dialog.addEventListener("close", () => {
      // Messages may have been moved here to be seen; they outlive the dialog.
      const toasts = dialog.querySelector(".toasts");
      if (toasts) document.body.append(toasts);
      dialog.remove();
      done(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    // The cross is first in reading order, but what the dialog asks for should have the focus.
    (dialog.querySelector("[autofocus]") ?? dialog.querySelector("input, .dialog-actions button"))?.focus();
  });
}

const cancel = (close, label = "Cancel") => h("button.button", { type: "button", onclick: () => close() }, label);

/** Asks yes or no. */
export async function confirm({ title, text, action, isDanger = false }) {
  return await openDialog(title, (close) => [
    h("p.dialog-text", {}, text),
    h("div.dialog-actions", {}, cancel(close),
      h("button.button", { type: "button", autofocus: true, class: `button ${isDanger ? "danger" : "primary"}`, onclick: () => close(true) }, action)),
  ]) === true;
}

/** Offers several answers: `{ label, value, kind }` each. */
export function choose({ title, text, answers }) {
  return openDialog(title, (close) => [
    h("p.dialog-text", {}, text),
    h("div.dialog-actions", {}, answers.map(({ label, value, kind = "" }) =>
      h("button.button", { type: "button", class: `button ${kind}`, onclick: () => close(value) }, label))),
  ]);
}

/**
 * Asks for fields (see `field`) and gives what `submit(values)` gives; what the server refuses
 * is shown at the field, and the dialog stays.
 */
export function ask({ title, text, fields, action, submit }) {
  return openDialog(title, (close) => {
    const form = h("form", { novalidate: true }, text && h("p.dialog-text", {}, text), fields.map(field),
      h("p.form-error", { role: "alert" }),
      h("div.dialog-actions", {}, cancel(close), h("button.button.primary", { type: "submit" }, action)));
    submitting(form, async (values) => close((await submit(values)) ?? true));
    return form;
  });
}

/** Asks for a name; everything before the ending is selected. */
export function askName({ title, label, name = "", action, submit }) {
  const answer = ask({ title, action, submit: ({ name: text }) => submit(text), fields: [{ name: "name", label, value: name, maxlength: 255, required: true }] });
  const input = document.querySelector("dialog[open] input[name=name]");
  const dot = name.lastIndexOf(".");
  input?.setSelectionRange(0, dot > 0 ? dot : name.length);
  return answer;
}

/** Shows a secret that will not be shown again. */
export function showSecret({ title, text, label, secret }) {
  return openDialog(title, (close) => {
    const input = h("input.secret", { id: "secret", readonly: true, value: secret, onfocus: () => input.select() });
    const copied = h("span.hint", { role: "status" });
    const copy = async () => {
      input.select();
      await navigator.clipboard?.writeText(secret).then(() => { copied.textContent = "Copied."; }, () => null);
    };
    return [h("p.dialog-text", {}, text), h("label.field", { for: "secret" }, h("span", {}, label), input), copied,
      h("div.dialog-actions", {}, h("button.button", { type: "button", onclick: copy }, "Copy"),
        h("button.button.primary", { type: "button", onclick: () => close() }, "Done"))];
  });
}
