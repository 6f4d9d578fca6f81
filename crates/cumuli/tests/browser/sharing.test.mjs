// Flows of sharing: the owner's dialog, the page of a public link, and what others are shown. The server and
// its first account are those of page.test.mjs, or fresh: see there.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PERSON, SERVER, assertAccessible, choose, downloaded, launch, listed, names, row, textFile, watch } from "./harness.mjs";

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNkYPjPwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==", "base64");

let browser;
let token;
const complaints = [];
const ids = {};

/** Asks the API as the owner. */
async function ask(method, path, body) {
  const isJson = body !== undefined && !Buffer.isBuffer(body);
  const reply = await fetch(`${SERVER}${path}`, {
    method, headers: { Authorization: `Bearer ${token}`, ...(isJson ? { "Content-Type": "application/json" } : {}) },
    body: isJson ? JSON.stringify(body) : body,
  });
  assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${reply.ok ? "" : await reply.text()}`);
  return reply.status === 204 ? null : reply.json();
}

const link = async (body) => (await ask("POST", "/api/v1/links", body)).url;
const put = (folder, name, text, type = "text/plain") => fetch(`${SERVER}/api/v1/folders/${folder}/files/${encodeURIComponent(name)}`, {
  method: "PUT", headers: { Authorization: `Bearer ${token}`, "Content-Type": type }, body: text,
}).then((reply) => reply.json());

/** A visitor's own browser, without anybody's cookies. */
async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(45_000);
  await watch(context, complaints);
  return context.newPage();
}

async function shot(page, name) {
  if (process.env.CUMULI_SHOTS) await page.screenshot({ path: `${process.env.CUMULI_SHOTS}/${name}.png` });
}

/** Takes the browser's own line about a refusal that the page has to expect out of the complaints. */
const expected = (status) => complaints.splice(0, complaints.length, ...complaints.filter((line) => !line.includes(`status of ${status}`)));

before(async () => {
  assert.ok(SERVER, "set CUMULI_URL to the address of a server");
  browser = await launch();
  const { email, password, name } = PERSON;
  const send = (path, body) => fetch(`${SERVER}${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const registered = await send("/auth/register", { email, password, full_name: name });
  const reply = registered.ok ? registered : await send("/auth/login", { email, password });
  token = (await reply.json()).access_token;
  const folder = await ask("POST", "/api/v1/folders", { name: `Shared ${Date.now()}` });
  ids.folder = folder.id;
  ids.name = folder.name;
  ids.inner = (await ask("POST", "/api/v1/folders", { parent_id: folder.id, name: "Inner" })).id;
  await put(ids.inner, "deep.txt", "deep words");
  ids.text = (await put(folder.id, "words.txt", "some words")).id;
  await put(folder.id, "sky.png", PICTURE, "image/png");
  await put(folder.id, "<b>bold.html", "<script>window.pwned = 1</script>", "text/html");
});

after(() => browser?.close());

test("a file is shown and downloaded", async () => {
  const page = await visitor();
  await page.goto(await link({ node_id: ids.text }));

  await page.getByRole("heading", { name: "words.txt", exact: true }).waitFor();
  await page.locator("pre", { hasText: "some words" }).waitFor();
  await page.getByText(`Shared by ${PERSON.name}`).waitFor();
  await assertAccessible(page);
  await shot(page, "file");

  const { name, bytes } = await downloaded(page, () => page.getByRole("link", { name: /Download/ }).click());
  assert.deepEqual([name, bytes.toString()], ["words.txt", "some words"]);
  await page.context().close();
});

test("a link with few downloads spends none on a preview", async () => {
  const page = await visitor();
  const address = await link({ node_id: ids.text, max_downloads: 1 });
  await page.goto(address);
  await page.getByText("This link allows 1 more download.").waitFor();

  const { bytes } = await downloaded(page, () => page.getByRole("link", { name: /Download/ }).click());

  assert.equal(bytes.toString(), "some words");
  await page.reload();
  await page.getByRole("heading", { name: "This link opens nothing" }).waitFor();
  expected(404);
  await page.context().close();
});

test("a folder is walked through, sorted and downloaded whole", async () => {
  const page = await visitor();
  await page.goto(await link({ node_id: ids.folder }));
  await listed(page, ["Inner", "<b>bold.html", "sky.png", "words.txt"]);
  await page.getByRole("heading", { name: ids.name, exact: true }).waitFor();
  await assertAccessible(page);
  await shot(page, "folder");
  assert.equal(await page.getByRole("button", { name: "Upload", exact: true }).count(), 0);

  await page.getByRole("button", { name: "Size" }).click();
  await row(page, "words.txt").and(page.locator("tr:last-child")).waitFor();
  await page.getByRole("button", { name: "Name" }).click();
  await row(page, "Inner").getByRole("link").click();
  await listed(page, ["deep.txt"]);
  await page.reload();
  await listed(page, ["deep.txt"]);
  await page.getByRole("navigation", { name: "Path" }).getByRole("link", { name: ids.name }).click();
  await names(page, 4);

  const zip = await downloaded(page, () => page.getByRole("link", { name: "Download all" }).click());
  assert.equal(zip.name, `${ids.name}.zip`);
  assert.equal(zip.bytes.subarray(0, 2).toString(), "PK");
  await page.context().close();
});

test("a file of a folder is shown beside it, by keyboard too", async () => {
  const page = await visitor();
  await page.goto(await link({ node_id: ids.folder }));
  await names(page, 4);
  await row(page, "words.txt").getByRole("link").click();
  const dialog = page.getByRole("dialog", { name: "words.txt" });
  await dialog.locator("pre", { hasText: "some words" }).waitFor();
  await assertAccessible(page);
  await page.goBack();
  await dialog.waitFor({ state: "hidden" });

  await page.locator("tbody tr").first().focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  const picture = page.getByRole("dialog", { name: "sky.png" });
  await picture.getByRole("img").evaluate((image) => image.decode());
  await page.keyboard.press("Escape");
  await picture.waitFor({ state: "hidden" });

  await row(page, "<b>bold.html").getByRole("link").click();
  await page.getByRole("dialog").locator("pre", { hasText: "<script>" }).waitFor();
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  await page.context().close();
});

test("a password opens a link, and a wrong one is refused in words", async () => {
  const page = await visitor();
  await page.goto(await link({ node_id: ids.folder, password: "open sesame" }));
  await page.getByRole("heading", { name: "This link has a password" }).waitFor();
  await assertAccessible(page);
  await shot(page, "password");
  await page.keyboard.type("shut sesame");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "This is not the password" }).waitFor();

  await page.getByLabel("Password").fill("open sesame");
  await page.keyboard.press("Enter");

  await names(page, 4);
  await page.reload();
  await names(page, 4);
  assert.ok(!page.url().includes("sesame"));
  expected(401);
  await page.context().close();
});

test("an editor uploads, makes folders, renames and deletes", async () => {
  const { id } = await ask("POST", "/api/v1/folders", { parent_id: ids.folder, name: "Desk" });
  const page = await visitor();
  await page.goto(await link({ node_id: id, mode: "edit" }));
  await page.getByText("This folder is empty").waitFor();
  await choose(page, () => page.getByRole("button", { name: "Upload", exact: true }).click(), [textFile("one.txt", "1"), textFile("two.txt", "22")]);
  await page.getByRole("heading", { name: "2 files uploaded" }).waitFor();
  await listed(page, ["one.txt", "two.txt"]);
  await shot(page, "editing");
  await page.locator(".uploads").getByRole("button", { name: "Close" }).click();

  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Made");
  await page.keyboard.press("Enter");
  await listed(page, ["Made", "one.txt", "two.txt"]);
  await row(page, "one.txt").locator(".col-size").click();
  await page.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name: "Rename" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("three.txt");
  await page.keyboard.press("Enter");
  await row(page, "three.txt").waitFor();
  await row(page, "two.txt").locator(".col-size").click();
  await page.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name: "Delete" }).click();

  await listed(page, ["Made", "three.txt"]);
  const held = await ask("GET", `/api/v1/folders/${id}/children`);
  assert.deepEqual(held.items.map((item) => item.name), ["Made", "three.txt"]);
  await page.context().close();
});

test("files are dropped into a folder of which nothing is seen", async () => {
  const page = await visitor();
  await page.goto(await link({ node_id: ids.inner, mode: "drop" }));
  await page.getByRole("heading", { name: "Send files to Inner" }).waitFor();
  await assertAccessible(page);
  await choose(page, () => page.getByRole("button", { name: "Choose files" }).click(), [textFile("deep.txt", "mine"), textFile("letter.txt", "dear")]);

  await page.getByRole("list", { name: "What you sent" }).getByText("letter.txt").waitFor();

  await shot(page, "drop");
  assert.ok(!(await page.content()).includes("deep (2)"));
  const held = await ask("GET", `/api/v1/folders/${ids.inner}/children`);
  assert.deepEqual(held.items.map((item) => item.name), ["deep (2).txt", "deep.txt", "letter.txt"]);
  await page.context().close();
});

test("on a telephone it fits, too", async () => {
  const page = await visitor({ viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true });
  await page.goto(await link({ node_id: ids.folder, mode: "edit" }));
  await names(page, 5);
  await shot(page, "telephone");

  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);

  await row(page, "words.txt").locator(".node-name").tap();
  await page.getByRole("dialog", { name: "words.txt" }).locator("pre", { hasText: "some words" }).waitFor();
  await page.context().close();
});

test("a link that opens nothing says so", async () => {
  const page = await visitor({ colorScheme: "dark" });
  await page.goto(`${SERVER}/s/0000000000000000000000`);

  await page.getByRole("heading", { name: "This link opens nothing" }).waitFor();

  await assertAccessible(page);
  await shot(page, "gone");
  expected(404);
  await page.context().close();
});

/** Signs a person in with a browser of their own. */
async function signedIn(email, password) {
  const page = await visitor();
  await page.goto(SERVER);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "My files", exact: true }).waitFor();
  expected(401);
  return page;
}

const GRACE = { email: `grace.${Date.now()}@example.org`, password: "another plain phrase", full_name: "Grace Hopper" };
let owner;
let grace;

test("a folder is shared with a person, who finds it and may only look", async () => {
  await ask("POST", "/api/v1/admin/users", GRACE);
  const desk = await ask("POST", "/api/v1/folders", { name: `Desk ${Date.now()}` });
  Object.assign(ids, { desk: desk.id, deskName: desk.name });
  ids.drawer = (await ask("POST", "/api/v1/folders", { parent_id: desk.id, name: "Drawer" })).id;
  await put(ids.drawer, "plan.txt", "the plan");
  owner = await signedIn(PERSON.email, PERSON.password);
  await row(owner, desk.name).locator(".col-size").click();
  await owner.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name: "Share" }).click();
  const dialog = owner.getByRole("dialog", { name: `Share “${desk.name}”` });
  await dialog.getByRole("list", { name: "People with access" }).getByText("Nobody yet").waitFor();
  await dialog.getByLabel("E-mail").fill("nobody@example.org");
  await dialog.getByRole("button", { name: "Share", exact: true }).click();
  await dialog.getByRole("alert").filter({ hasText: "no such person" }).waitFor();
  expected(404);

  await dialog.getByLabel("E-mail").fill(GRACE.email);
  await owner.keyboard.press("Enter");
  await dialog.getByRole("combobox", { name: "Right of Grace Hopper" }).waitFor();
  await assertAccessible(owner);

  grace = await signedIn(GRACE.email, GRACE.password);
  await grace.getByRole("link", { name: "Shared" }).click();
  await grace.getByRole("heading", { name: "Shared with me" }).waitFor();
  await listed(grace, [desk.name]);
  await row(grace, desk.name).getByText("Can view").waitFor();
  await assertAccessible(grace);
  await shot(grace, "shared");
  await row(grace, desk.name).getByRole("link").click();
  await row(grace, "Drawer").getByRole("link").click();
  await listed(grace, ["plan.txt"]);
  const path = grace.getByRole("navigation", { name: "Path" });
  await path.getByRole("link", { name: desk.name }).waitFor();
  assert.equal(await grace.getByRole("button", { name: "Upload", exact: true }).isVisible(), false);
  await row(grace, "plan.txt").getByRole("link").click();
  const details = grace.getByRole("complementary", { name: "Details" });
  await details.locator("pre", { hasText: "the plan" }).waitFor();
  assert.equal(await details.getByRole("button", { name: "Delete" }).count(), 0);
  await assertAccessible(grace);
  await shot(grace, "shared-folder");
});

test("a right that grows lets them work, and one that ends is over at once", async () => {
  const dialog = owner.getByRole("dialog", { name: /^Share/ });
  await dialog.getByRole("combobox", { name: "Right of Grace Hopper" }).selectOption("edit");
  await owner.getByText("Grace Hopper can edit it now.").waitFor();
  await grace.reload();
  await choose(grace, () => grace.getByRole("button", { name: "Upload", exact: true }).click(), [textFile("notes.txt", "from Grace")]);
  await grace.getByRole("heading", { name: "1 file uploaded" }).waitFor();
  await listed(grace, ["notes.txt", "plan.txt"]);
  await grace.getByRole("navigation", { name: "Path" }).getByRole("link", { name: ids.deskName }).click();
  await row(grace, "Drawer").waitFor();

  await dialog.getByRole("button", { name: "End access of Grace Hopper" }).click();
  await dialog.getByText("Nobody yet").waitFor();

  await grace.reload();
  await grace.getByRole("heading", { name: "This is not here any more" }).waitFor();
  await grace.getByRole("link", { name: "Shared" }).click();
  await grace.getByText("Nothing is shared with you yet").waitFor();
  expected(404);
});

test("a link is made, changed and revoked in the dialog", async () => {
  const dialog = owner.getByRole("dialog", { name: /^Share/ });
  await dialog.getByRole("button", { name: "New link" }).click();
  const form = owner.getByRole("dialog", { name: "New link" });
  await form.getByLabel("Name", { exact: true }).fill("For the printer");
  await form.getByLabel("Downloads").fill("0");
  await form.getByRole("button", { name: "Create" }).click();
  assert.equal(await form.getByLabel("Downloads").getAttribute("aria-invalid"), "true");
  await form.getByLabel("Downloads").fill("5");
  await form.getByLabel("Ends").fill("2035-01-31T12:00");
  await form.getByLabel("Password").fill("open sesame");
  await shot(owner, "new-link");
  await form.getByRole("button", { name: "Create" }).click();

  const links = dialog.getByRole("list", { name: "Public links" });
  const address = await links.getByLabel("Address of For the printer").inputValue();
  await links.getByText("0 of 5 downloads").waitFor();
  await assertAccessible(owner);
  await shot(owner, "share");
  const guest = await visitor();
  await guest.goto(address);
  await guest.getByRole("heading", { name: "This link has a password" }).waitFor();

  await links.getByRole("button", { name: "Change link" }).click();
  const change = owner.getByRole("dialog", { name: "Change link" });
  await change.getByLabel("The password").selectOption("no");
  await change.getByRole("button", { name: "Save" }).click();
  await links.getByText("View · until").waitFor();
  await guest.reload();
  await listed(guest, ["Drawer"]);

  await links.getByRole("button", { name: "Revoke link" }).click();
  await owner.getByRole("dialog", { name: "Revoke this link?" }).getByRole("button", { name: "Revoke" }).click();
  await owner.getByText("The link is revoked.").waitFor();
  await guest.reload();
  await guest.getByRole("heading", { name: "This link opens nothing" }).waitFor();
  expected(401);
  expected(404);
});

test("what was shared can be left, and several things come as one archive", async () => {
  await ask("POST", "/api/v1/shares", { node_id: ids.drawer, email: GRACE.email, right: "view" });
  await ask("POST", "/api/v1/shares", { node_id: ids.text, email: GRACE.email, right: "view" });
  await names(grace, 2);
  await grace.locator("tbody tr").first().focus();
  await grace.keyboard.press("Control+a");
  const zip = await downloaded(grace, () => grace.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name: "Download" }).click());
  assert.equal(zip.name, "Cumuli.zip");
  await grace.keyboard.press("Escape");
  await row(grace, "words.txt").locator(".col-since").click();
  await grace.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name: "Leave" }).click();
  await grace.getByRole("dialog").getByRole("button", { name: "Leave" }).click();

  await listed(grace, ["Drawer"]);
});

test("nothing complained", () => {
  assert.deepEqual(complaints, []);
});
