// Signing in with a provider, in a browser. The caller starts the server with people on it, and the provider:
// CUMULI_URL=http://127.0.0.1:8000 CUMULI_PERSON='{"email": …, "password": …}' node --test sign_in.test.mjs

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SERVER, assertAccessible, launch, watch } from "./harness.mjs";

let browser;
const complaints = [];

/** A page of a browser that nobody knows yet. */
async function fresh() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  context.setDefaultTimeout(45_000);
  await watch(context, complaints);
  return context.newPage();
}

/** Fills the provider's forms in: who it is, and that this server may know. */
async function agree(page, login) {
  await page.locator("input[name=login]").fill(login);
  await page.locator("input[name=password]").fill("any");
  await page.locator("[type=submit]").click();
  await page.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" });
  await page.locator("[type=submit]").click();
}

before(async () => { browser = await launch(); });
after(() => browser?.close());

test("a stranger signs in, is where they wanted to be, and sets a first password", async () => {
  const page = await fresh();
  await page.goto(`${SERVER}/#/recent`);
  await page.getByRole("link", { name: "Sign in with Example Inc." }).waitFor();
  await assertAccessible(page);
  await page.getByRole("link", { name: "Sign in with Example Inc." }).click();
  await agree(page, "stranger");

  await page.getByRole("heading", { name: "Recent" }).waitFor();

  assert.equal(new URL(page.url()).hash, "#/recent");
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Account" }).click();
  const account = page.getByRole("dialog", { name: "Account" });
  await account.getByRole("button", { name: "Remove stranger@example.org" }).waitFor();
  await account.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog", { name: "Set a password" });
  await dialog.getByLabel("New password").fill("a password of my own");
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByText("Your password is changed.").waitFor();
});

test("who has an account joins it by its password, once", async () => {
  const { email, password } = JSON.parse(process.env.CUMULI_PERSON);
  const login = email.split("@")[0];
  const page = await fresh();
  await page.goto(SERVER);
  await page.getByRole("link", { name: "Sign in with Example Inc." }).click();
  await agree(page, login);
  await page.getByRole("heading", { name: "Is this your account?" }).waitFor();
  await assertAccessible(page);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("heading", { name: "My files" }).waitFor();

  const later = await fresh();
  await later.goto(SERVER);
  await later.getByRole("link", { name: "Sign in with Example Inc." }).click();
  await agree(later, login);

  await later.getByRole("heading", { name: "My files" }).waitFor();
});

test("no script failed, no policy was broken", () => {
  // What the provider's own pages complain of is not ours.
  const ours = complaints.filter((complaint) => !complaint.startsWith("console:") || complaint.includes(SERVER));
  assert.deepEqual(ours, []);
});
