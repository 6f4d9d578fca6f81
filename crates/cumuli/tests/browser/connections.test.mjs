// Linking a drive, looking into it and unlinking it, in a browser. The caller starts the server with people on it and
// with Google's settings leading to a fake; of Microsoft's none are set. CUMULI_FOLDER is below one of
// CUMULI_DIRECTORY_ROOTS and holds `a folder, 100 %/what? #1 & more.txt` with the text `odd words`:
// CUMULI_URL=http://127.0.0.1:8000 CUMULI_GOOGLE=http://127.0.0.1:8090 \
//   CUMULI_FOLDER=/srv/media CUMULI_PEOPLE='{"admin": {"email": …, "password": …}, "alice": …, "bob": …}' node --test connections.test.mjs

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SERVER, assertAccessible, downloaded, launch, watch } from "./harness.mjs";

const GOOGLE = process.env.CUMULI_GOOGLE;
/** Whose drive it is that the fake signs in to. */
const ACCOUNT = "ada@gmail.com";
const HOSTILE = "<img src=x onerror=alert(1)>";
const MANY = 130;
/** What is put to the top of the drive, in the order of the list. */
const MINE = [HOSTILE, "Many", "words.txt", "Plan"];

let browser;
let page;
let people;
const complaints = [];

/** Has the fake do something. */
async function fake(path, body) {
  const reply = await fetch(`${GOOGLE}/_fake/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  assert.ok(reply.ok, `${path}: ${reply.status} ${await reply.clone().text()}`);
  return reply.status === 204 ? null : reply.json();
}

/** Does something to the drive as somebody else; gives the id of what it is about. */
const edit = async (edit) => (await fake("edit", { email: ACCOUNT, edit })).id;

/** A page of a browser that nobody knows yet. */
async function fresh(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(45_000);
  await watch(context, complaints);
  return context.newPage();
}

async function signIn(page, { email, password }) {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** A page on which somebody is signed in and looks at their connections. */
async function at(person, options) {
  const page = await fresh(options);
  await page.goto(`${SERVER}/#/connections`);
  await signIn(page, person);
  await page.getByRole("heading", { name: "Connections", exact: true }).waitFor();
  return page;
}

/** Opens the dialog at a provider. */
async function add(page, provider) {
  await page.getByRole("button", { name: "Add connection" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add a connection" });
  await dialog.getByRole("button", { name: provider }).click();
  return dialog;
}

const card = (page, label) => page.locator(".connection").filter({ has: page.getByRole("link", { name: label, exact: true }) });

/** Chooses from the menu of a connection. */
async function choose(page, label, entry) {
  await page.getByRole("button", { name: `Actions for ${label}` }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

/** Takes the browser's own line about a refusal that the page has to expect out of the complaints. */
const expected = (status) => complaints.splice(0, complaints.length, ...complaints.filter((line) => !line.includes(`status of ${status}`)));

async function shot(page, name) {
  if (process.env.CUMULI_SHOTS) await page.screenshot({ path: `${process.env.CUMULI_SHOTS}/${name}.png` });
}

before(async () => {
  assert.ok(SERVER && GOOGLE, "set CUMULI_URL and CUMULI_GOOGLE");
  people = JSON.parse(process.env.CUMULI_PEOPLE);
  const { root } = await fake("account", { email: ACCOUNT });
  const hostile = await edit({ folder: { parent: root, name: HOSTILE } });
  const deeper = await edit({ folder: { parent: hostile, name: "either/or" } });
  await edit({ file: { parent: deeper, name: "deep.txt", text: "deep words" } });
  await edit({ file: { parent: root, name: "words.txt", text: "some words" } });
  await edit({ doc: { parent: root, name: "Plan", kind: "document", text: "everything goes into a cloud" } });
  const many = await edit({ folder: { parent: root, name: "Many" } });
  for (let i = 0; i < MANY; i += 1) await edit({ file: { parent: many, name: `${String(i).padStart(4, "0")}.txt`, text: String(i) } });
  browser = await launch();
});

after(() => browser?.close());

test("what a provider still needs is told to an administrator, and others are sent to one", async () => {
  const admin = await at(people.admin);
  await admin.getByText("Nothing is connected yet").waitFor();
  await assertAccessible(admin);

  const dialog = await add(admin, "Microsoft OneDrive");
  await dialog.getByText("Missing: ONEDRIVE_CLIENT_ID, ONEDRIVE_CLIENT_SECRET").waitFor();
  await shot(admin, "guide");

  assert.equal(await dialog.getByLabel("Redirect URI").inputValue(), `${SERVER}/auth/onedrive/callback`);
  await dialog.getByText("Microsoft takes http://localhost but no address such as 127.0.0.1").waitFor();
  assert.ok(await dialog.locator(".guide li").count() >= 3);
  await assertAccessible(admin);
  await admin.context().close();

  const bob = await at(people.bob);
  const asked = await add(bob, "Microsoft OneDrive");
  await asked.getByText("Ask the administrator").waitFor();
  assert.equal(await asked.getByLabel("Redirect URI").count(), 0);
  await asked.getByRole("button", { name: "Back to all providers" }).click();
  await asked.getByRole("button", { name: "WebDAV" }).waitFor();
  assert.equal(await asked.getByRole("button", { name: "A folder of the server" }).count(), 0);
  await bob.context().close();
});

test("a drive is linked by signing in there", async () => {
  page = await at(people.alice);
  const dialog = await add(page, "Google Drive");
  await dialog.getByText("https://www.googleapis.com/auth/drive", { exact: true }).waitFor();
  await assertAccessible(page);

  await dialog.getByRole("link", { name: "Go on to Google Drive" }).click();

  await card(page, ACCOUNT).getByText("It works.").waitFor();
  await card(page, ACCOUNT).getByText(/^As of /).waitFor();
  assert.equal(new URL(page.url()).hash, "#/connections");
  await assertAccessible(page);
  await shot(page, "linked");
});

test("it is walked through, and names from elsewhere are text", async () => {
  await page.getByRole("link", { name: `Open ${ACCOUNT}` }).click();
  await page.getByRole("button", { name: "words.txt", exact: true }).waitFor();
  const names = await page.locator("tbody .node-name").allTextContents();
  assert.deepEqual(names.filter((name) => MINE.includes(name)), MINE);
  await assertAccessible(page);
  await shot(page, "root");

  await page.getByRole("link", { name: HOSTILE, exact: true }).click();
  await page.getByRole("heading", { name: HOSTILE }).waitFor();
  await page.getByRole("link", { name: "either/or", exact: true }).click();
  await page.getByRole("button", { name: "deep.txt", exact: true }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "deep.txt", exact: true }).waitFor();
  await page.getByRole("heading", { name: "either/or" }).waitFor();
  assert.deepEqual(await page.getByRole("navigation", { name: "Path" }).getByRole("link").allTextContents(), ["Connections", ACCOUNT, HOSTILE]);
  await shot(page, "deep");

  await page.keyboard.press("Backspace");
  await page.getByRole("heading", { name: HOSTILE }).waitFor();
  await page.getByRole("navigation", { name: "Path" }).getByRole("link", { name: ACCOUNT }).click();
  await page.getByRole("button", { name: "words.txt", exact: true }).waitFor();
  assert.equal(await page.locator("tbody img").count(), 0);
});

test("long folders come page by page", async () => {
  await page.getByRole("link", { name: "Many", exact: true }).click();
  await page.getByRole("button", { name: "0000.txt", exact: true }).waitFor();

  await page.locator(".list-status").scrollIntoViewIfNeeded();

  await page.getByRole("status").getByText(`${MANY} items`, { exact: true }).waitFor();
  assert.equal(await page.locator("tbody tr").count(), MANY);
  await page.getByRole("navigation", { name: "Path" }).getByRole("link", { name: ACCOUNT }).click();
});

test("files are downloaded, and documents in the shape that is chosen", async () => {
  const file = await downloaded(page, () => page.getByRole("button", { name: "words.txt", exact: true }).click());
  assert.deepEqual([file.name, file.bytes.toString()], ["words.txt", "some words"]);

  await page.getByRole("row", { name: "Plan" }).getByText("Google Docs").first().waitFor();
  await page.getByRole("button", { name: "Export Plan as…" }).click();
  await shot(page, "export");
  const shapes = await page.getByRole("menuitem").allTextContents();
  assert.ok(shapes.some((shape) => shape.includes("Word")), shapes.join());
  const [shape] = shapes;
  const document = await downloaded(page, () => page.getByRole("menuitem", { name: shape }).click());
  assert.match(document.name, /^Plan\.\w+$/);
  assert.ok(document.bytes.includes("everything goes into a cloud"));

  const away = page.getByRole("link", { name: "Open words.txt at Google Drive" });
  assert.equal(await away.getAttribute("rel"), "noopener noreferrer");
});

test("what somebody adds there appears when it is looked at again", async () => {
  const { root } = await fake("account", { email: ACCOUNT });
  await edit({ file: { parent: root, name: "added later.txt", text: "x" } });

  await page.getByRole("button", { name: "Refresh" }).click();

  await page.getByRole("button", { name: "added later.txt", exact: true }).waitFor();
});

test("it is called something else where its name stands", async () => {
  await page.goto(`${SERVER}/#/connections`);
  await page.getByRole("button", { name: `Rename ${ACCOUNT}` }).click();
  await page.getByLabel("Name of the connection").fill("Nothing of this");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: `Rename ${ACCOUNT}` }).click();
  await page.getByLabel("Name of the connection").fill("My <b>drive</b>");
  await page.keyboard.press("Enter");

  await card(page, "My <b>drive</b>").getByText(ACCOUNT).waitFor();

  await page.reload();
  await card(page, "My <b>drive</b>").waitFor();
  await choose(page, "My <b>drive</b>", "Rename");
  await page.getByLabel("Name of the connection").fill("Mine");
  await page.keyboard.press("Enter");
  await card(page, "Mine").waitFor();
});

test("a check tells each step", async () => {
  await page.getByRole("button", { name: "Check Mine" }).click();
  const dialog = page.getByRole("dialog", { name: "Check of “Mine”" });

  await dialog.getByText("Everything works.").waitFor();

  assert.equal(await dialog.locator(".step.ok").count(), 7);
  await assertAccessible(page);
  await shot(page, "check");
  await dialog.getByRole("button", { name: "Close", exact: true }).first().click();
});

test("access that was taken away is told, and signing in again brings it back", async () => {
  await fake("faults", { path: "/drive/", times: 50, act: { answer: { status: 401, body: "{}" } } });
  await fake("faults", { path: "/token", times: 50, act: { answer: { status: 400, headers: { "content-type": "application/json" }, body: "{\"error\":\"invalid_grant\"}" } } });
  await choose(page, "Mine", "Check");
  const dialog = page.getByRole("dialog", { name: "Check of “Mine”" });
  await dialog.getByText("It does not work: “Access” failed.").waitFor();
  await shot(page, "check-failed");
  await dialog.getByRole("link", { name: "Sign in again" }).waitFor();
  await dialog.getByRole("button", { name: "Close", exact: true }).first().click();
  await card(page, "Mine").getByText("Somebody has to sign in again.").waitFor();
  await assertAccessible(page);
  await shot(page, "sign-in-again");
  await page.getByRole("link", { name: "Open Mine" }).click();
  await page.getByText("What is shown may be out of date.").waitFor();
  await page.getByRole("button", { name: "words.txt", exact: true }).click();
  await page.locator(".toast.error").waitFor();
  expected(409);
  await fetch(`${GOOGLE}/_fake/faults`, { method: "DELETE" });

  await page.getByRole("alert").getByRole("link", { name: "Sign in again" }).click();

  await card(page, "Mine").getByText("It works.").waitFor();
  assert.equal(await page.locator(".connection").count(), 1);
});

test("a phone shows all of it", async () => {
  const phone = await at(people.alice, { viewport: { width: 390, height: 780 }, colorScheme: "dark", hasTouch: true });
  await card(phone, "Mine").getByText("It works.").waitFor();
  await shot(phone, "phone");
  await phone.getByRole("link", { name: "Open Mine" }).click();
  await phone.getByRole("button", { name: "words.txt", exact: true }).waitFor();
  await phone.getByRole("button", { name: "Download words.txt" }).waitFor();
  await assertAccessible(phone);
  await shot(phone, "phone-root");
  assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 390);
  await phone.context().close();
});

test("what is refused is told where it was typed, and secrets are not shown", async () => {
  let dialog = await add(page, "Amazon S3");
  assert.equal(await dialog.getByLabel("Secret access key").getAttribute("type"), "password");
  assert.equal(await dialog.getByText("For the whole server").count(), 0);
  await dialog.getByRole("button", { name: "Connect" }).click();
  assert.equal(await dialog.getByLabel("Bucket", { exact: true }).getAttribute("aria-invalid"), "true");
  await dialog.getByRole("button", { name: "Back to all providers" }).click();

  dialog = page.getByRole("dialog", { name: "Add a connection" });
  await dialog.getByRole("button", { name: "WebDAV" }).click();
  await dialog.getByLabel("Address of the folder").fill(`${SERVER}/dav/`);
  await dialog.getByLabel("User name").fill("alice");
  await dialog.getByLabel("Password").fill("a secret of another server");
  await dialog.getByRole("button", { name: "Connect" }).click();

  await dialog.locator(".form-error:not(:empty), .hint.wrong").first().waitFor();
  await shot(page, "refused");
  assert.ok(!(await dialog.textContent()).includes("a secret of another server"));
  for (const status of [400, 422, 502]) expected(status);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".connection").count(), 1);
});

test("unlinking asks first, and tells what is left to do", async () => {
  await choose(page, "Mine", "Unlink");
  const dialog = page.getByRole("dialog", { name: "Unlink “Mine”?" });
  await dialog.getByText("What was brought here stays").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await card(page, "Mine").waitFor();
  await fake("faults", { path: "/revoke", times: 50, act: { answer: { status: 500 } } });

  await choose(page, "Mine", "Unlink");
  await dialog.getByRole("button", { name: "Unlink" }).click();

  await page.getByRole("dialog", { name: "Unlinked" }).getByText("remove this application in your account there").waitFor();
  await shot(page, "unlinked");
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByText("Nothing is connected yet").waitFor();
});

test("who comes to link a drive without being signed in signs in and goes on", async () => {
  const stranger = await fresh();
  await stranger.goto(`${SERVER}/auth/google/start?redirect_to=/%23/connections`);
  await stranger.getByRole("heading", { name: "Sign in" }).waitFor();
  const google = await stranger.getByRole("link", { name: "Sign in with Google" }).getAttribute("href");
  assert.equal(new URLSearchParams(google.split("?")[1]).get("link"), "false");

  await signIn(stranger, people.bob);

  await card(stranger, ACCOUNT).getByText("It works.").waitFor();
  await stranger.context().close();
});

test("an address leads on to nothing but signing in at a provider", async () => {
  for (const place of ["//example.org/auth/", "/auth/../api/v1/me", "https://example.org/auth/", "javascript:alert(1)"]) {
    await page.goto(`${SERVER}/#/continue/${encodeURIComponent(place)}`);
    await page.getByRole("heading", { name: "This address leads nowhere" }).waitFor();
    assert.equal(new URL(page.url()).origin, SERVER);
    await page.goto(`${SERVER}/#/connections`);
    await page.getByRole("heading", { name: "Connections", exact: true }).waitFor();
  }
});

test("an administrator connects a folder of the server, and nobody else sees it", async () => {
  const admin = await at(people.admin);
  let dialog = await add(admin, "A folder of the server");
  assert.equal(await dialog.getByLabel("For the whole server").isChecked(), true);
  await dialog.getByLabel("Path of the folder").fill("/");
  await dialog.getByRole("button", { name: "Connect" }).click();
  await dialog.locator(".form-error:not(:empty), .hint.wrong").first().waitFor();
  for (const status of [400, 422]) expected(status);
  await shot(admin, "folder-refused");

  await dialog.getByLabel("Path of the folder").fill(process.env.CUMULI_FOLDER);
  await dialog.getByLabel("Name", { exact: true }).fill("Media");
  await dialog.getByRole("button", { name: "Connect" }).click();

  const ours = admin.getByRole("region", { name: "The server's" });
  await ours.locator(".connection").getByText(/^As of /).waitFor();
  await shot(admin, "folder");
  await admin.getByRole("link", { name: "Open Media" }).click();
  await admin.getByRole("link", { name: "a folder, 100 %" }).click();
  await admin.getByRole("heading", { name: "a folder, 100 %" }).waitFor();
  const file = await downloaded(admin, () => admin.getByRole("button", { name: "Download what? #1 & more.txt" }).click());
  assert.deepEqual([file.name.endsWith(".txt"), file.bytes.toString()], [true, "odd words"]);
  await page.goto(`${SERVER}/#/connections`);
  await page.getByText("Nothing is connected yet").waitFor();

  await admin.goto(`${SERVER}/#/connections`);
  await choose(admin, "Media", "Unlink");
  dialog = admin.getByRole("dialog", { name: "Unlink “Media”?" });
  await dialog.getByRole("button", { name: "Unlink" }).click();
  await admin.getByText("“Media” is unlinked.").waitFor();
  await admin.getByText("Nothing is connected yet").waitFor();
  await admin.context().close();
});

test("no script failed, no policy was broken", () => {
  assert.deepEqual(complaints, []);
});
