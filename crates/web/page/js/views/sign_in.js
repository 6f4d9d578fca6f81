// Signing in, with a password or a provider, and making an account where this server lets one.

import * as api from "../api.js";
import { h, logo } from "../dom.js";
import { field, submitting } from "../fields.js";

const EMAIL = { name: "email", label: "E-mail", type: "email", autocomplete: "username", required: true, maxlength: 254, autocapitalize: "none", spellcheck: "false" };
const NEW_PASSWORD = { name: "password", label: "Password", type: "password", autocomplete: "new-password", required: true, minlength: 8, maxlength: 1024, hint: "At least 8 characters. A few words are easier than one odd one." };

/**
 * Shows the forms. `params.signUp` is what the server says of new accounts, `params.invite` a code from the
 * address, `params.ticket` what a provider's callback left there to join an account by;
 * `params.isOnTheWay`: the address leads on to somewhere else.
 */
export function render(root, params) {
  const { signUp } = params;
  const canRegister = signUp.first_account || signUp.mode !== "closed";
  const card = h("main.card", { id: "main" });
  root.replaceChildren(h("div.welcome", {}, h("div.brand", {}, logo(72), h("p.wordmark", {}, "Cumuli")), card,
    h("p.fine", {}, "Your files, on your own server.")));
  const switchTo = (build) => { card.replaceChildren(...build()); card.querySelector("input")?.focus(); };

  const signIn = () => {
    const form = h("form", { novalidate: true }, h("h1", {}, "Sign in"),
      params.isOnTheWay && h("p.lead", {}, "Then it goes on to where you were going."), field(EMAIL),
      field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true }),
      h("p.form-error", { role: "alert" }), h("button.button.primary.full", { type: "submit" }, "Sign in"));
    submitting(form, async ({ email, password }) => { await api.signIn(email, password); params.onDone(); });
    form.append(...providers(signUp));
    const label = signUp.mode === "invite" ? "I have an invitation" : "Make an account";
    return [form, canRegister && h("p.switch", {}, h("button.link", { type: "button", onclick: () => switchTo(register) }, label))].filter(Boolean);
  };

  const register = () => {
    const form = h("form", { novalidate: true }, ...intro(signUp), ...registerFields(signUp, params.invite).map(field),
      h("p.form-error", { role: "alert" }), h("button.button.primary.full", { type: "submit" }, signUp.first_account ? "Set up" : "Make the account"));
    submitting(form, async (values) => {
      await api.register(Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "")));
      params.onDone();
    });
    if (!signUp.first_account) form.append(...providers(signUp));
    return [form, !signUp.first_account && h("p.switch", {}, h("button.link", { type: "button", onclick: () => switchTo(signIn) }, "I have an account"))].filter(Boolean);
  };

  const join = () => {
    const form = h("form", { novalidate: true }, h("h1", {}, "Is this your account?"),
      h("p.lead", {}, "An account with your e-mail address exists. Give its password once; from then on the provider opens it too."),
      field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true }),
      h("p.form-error", { role: "alert" }), h("button.button.primary.full", { type: "submit" }, "Join"));
    submitting(form, async ({ password }) => { await api.join(params.ticket, password); params.onDone(); });
    return [form, h("p.switch", {}, h("button.link", { type: "button", onclick: () => switchTo(signIn) }, "Sign in otherwise"))];
  };

  params.setTitle(signUp.first_account ? "Welcome" : "Sign in");
  if (params.ticket) switchTo(join);
  else switchTo(signUp.first_account || (params.invite && canRegister) ? register : signIn);
  return { close: () => null };
}

/** A button for each provider that this server knows. */
function providers(signUp) {
  if (signUp.providers.length === 0) return [];
  const link = ({ name, title }) => h("a.button.full", { href: api.providerUrl(name) }, `Sign in with ${title}`);
  return [h("p.or", { "aria-hidden": "true" }, "or"), ...signUp.providers.map(link)];
}

function intro(signUp) {
  if (!signUp.first_account) return [h("h1", {}, "Make an account")];
  return [h("h1", {}, "Welcome"), h("p.lead", {}, "The server runs. Make the first account; it will be the administrator.")];
}

function registerFields(signUp, invite) {
  const fields = [{ name: "full_name", label: "Name", autocomplete: "name", maxlength: 255 }, EMAIL, NEW_PASSWORD];
  if (signUp.needs_setup_code) fields.push({ name: "setup_code", label: "Setup code", required: true, hint: "The server printed it when it was started for the first time." });
  else if (signUp.mode === "invite" && !signUp.first_account) fields.push({ name: "invite", label: "Invitation code", value: invite ?? "", required: true });
  return fields;
}
