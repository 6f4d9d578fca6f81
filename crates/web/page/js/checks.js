// The dialogs about one connection: what a check found step by step, and unlinking.

import * as api from "./api.js";
import { bdi, h, icon } from "./dom.js";
import { confirm, openDialog } from "./dialogs.js";
import { toast, toastError } from "./toast.js";

const STEPS = {
  credentials: "Credentials", access: "Access", scopes: "What was allowed", drive: "The same drive", clock: "Clocks", quota: "Room", list: "Listing",
};
const OUTCOMES = { ok: ["check", "good"], warning: ["alert", "needs a look"], failed: ["alert", "failed"], skipped: ["more", "not tried"] };

/** Tries a connection out and shows what came of it. `again` is a way to sign in again, if there is one. */
export function openCheck(connection, again) {
  return openDialog(`Check of “${connection.label}”`, (close, dialog) => {
    const body = h("div.check-result", { role: "status", "aria-busy": "true" }, h("p.dialog-text", {}, "Trying it out…"), h("progress", { "aria-label": "Trying it out" }));
    const actions = h("div.dialog-actions", {}, h("button.button.primary", { type: "button", onclick: () => close() }, "Close"));
    api.checkConnection(connection.id).then(
      (report) => {
        body.replaceChildren(h("p.check-sum", { class: `check-sum ${sumOf(report).kind}` }, sumOf(report).text), h("ol.steps", { "aria-label": "Steps" }, report.steps.map(stepRow)));
        if (again && report.connection.state === "sign_in_again") actions.prepend(h("a.button", { href: again }, icon("person"), "Sign in again"));
      },
      (error) => body.replaceChildren(h("p.form-error", { role: "alert" }, error.message)),
    ).finally(() => { body.setAttribute("aria-busy", "false"); if (dialog.isConnected) dialog.querySelector(".dialog-actions .primary").focus(); });
    return [body, actions];
  }, { wide: true });
}

function sumOf({ ok, steps }) {
  if (ok) return { kind: "works", text: "Everything works." };
  const failed = steps.find((step) => step.state === "failed");
  if (failed) return { kind: "fails", text: `It does not work: “${STEPS[failed.name] ?? failed.name}” failed.` };
  return { kind: "warns", text: "It works, and something should be looked after." };
}

function stepRow({ name, state, detail }) {
  const [glyph, word] = OUTCOMES[state] ?? OUTCOMES.skipped;
  return h("li.step", { class: `step ${state}` }, icon(glyph),
    h("div.row-text", {}, h("span.row-name", {}, STEPS[name] ?? name, h("span.hidden-text", {}, `: ${word}`)), h("span.subline", {}, detail)));
}

/** Asks, and unlinks. Gives whether it was done. */
export async function unlink(connection) {
  const text = `What was brought here stays, and nothing is removed there. What this server needs to get in there is forgotten; to use it again, connect it anew.`;
  if (!await confirm({ title: `Unlink “${connection.label}”?`, text, action: "Unlink", isDanger: true })) return false;
  try {
    const { advice } = await api.unlink(connection.id);
    if (advice) await tell(connection, advice);
    else toast(`“${connection.label}” is unlinked.`);
    return true;
  } catch (error) {
    toastError(error, `“${connection.label}” could not be unlinked`);
    // It may be gone all the same.
    return error.status === 404;
  }
}

function tell(connection, advice) {
  return openDialog("Unlinked", (close) => [
    h("p.dialog-text", {}, "“", bdi(connection.label), "” is unlinked here. One thing is left to do:"), h("p.advice", {}, advice),
    h("div.dialog-actions", {}, h("button.button.primary", { type: "button", onclick: () => close() }, "Done")),
  ]);
}
