// Labelled inputs, and forms that say at each field what is wrong with it.

import { h } from "./dom.js";

let serial = 0;

/** A labelled input: `{ name, label, type, value, hint, options, … }`; anything else becomes an attribute. */
export function field({ name, label, hint, options, value = "", ...attributes }) {
  const id = `field-${serial += 1}`;
  const common = { id, name, "aria-describedby": `${id}-hint` };
  const input = options
    ? h("select", common, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)))
    : h("input", { ...common, type: "text", autocomplete: "off", ...attributes, value });
  return h("div.field", {}, h("label", { for: id }, label), input, h("p.hint", { id: `${id}-hint` }, hint));
}

function show(form, message, fields = {}) {
  form.querySelector(".form-error").textContent = message;
  let first = null;
  for (const input of form.elements) {
    if (!input.name) continue;
    const wrong = fields[input.name];
    const hint = document.getElementById(`${input.id}-hint`);
    // A box to tick has nothing that could be wrong with it.
    if (!hint) continue;
    hint.dataset.hint ??= hint.textContent;
    hint.textContent = wrong ?? hint.dataset.hint;
    hint.classList.toggle("wrong", Boolean(wrong));
    input.toggleAttribute("aria-invalid", false);
    if (wrong) input.setAttribute("aria-invalid", "true");
    if (wrong) first ??= input;
  }
  first?.focus();
}

function localErrors(form) {
  const wrong = {};
  for (const input of form.elements) {
    if (input.name && !input.validity.valid) wrong[input.name] = input.validationMessage;
  }
  return wrong;
}

/** Calls `send(values)` when the form is submitted; its buttons rest meanwhile, and refusals are shown. */
export function submitting(form, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = localErrors(form);
    show(form, "", wrong);
    if (Object.keys(wrong).length > 0) return;
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      const named = Object.keys(error.fields ?? {}).filter((name) => form.elements[name]);
      show(form, named.length > 0 ? "" : error.message, error.fields);
    } finally {
      button.disabled = false;
    }
  });
}
