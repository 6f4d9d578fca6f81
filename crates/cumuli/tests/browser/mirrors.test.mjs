// Keeping a folder in step with a folder of the server, and deciding conflicts, in a browser. CUMULI_FOLDER is below one
// of the server's CUMULI_DIRECTORY_ROOTS, empty, and this machine's too:
// CUMULI_URL=http://127.0.0.1:8000 CUMULI_FOLDER=/srv/drive CUMULI_PERSON='{"email": …, "password": …}' node --test mirrors.test.mjs

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SERVER, assertAccessible, launch, watch } from "./harness.mjs";

const FOLDER = process.env.CUMULI_FOLDER;
const HOSTILE = "<img src=x onerror=alert(1)>.txt";
const PATIENCE_MS = 60_000;
const BASE = "one\ntwo\nthree\n";

let browser;
let page;
let person;
const complaints = [];

/** A place in the folder there. */
const there = (path) => join(FOLDER, "Theirs", path);
const put = (path, text) => writeFile(there(path), text);

async function at(place, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  await watch(context, complaints);
  const page = await context.newPage();
  await page.goto(`${SERVER}/#/${place}`);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator(".shell").waitFor();
  return page;
}

/** Asks the server as the person who is signed in. */
async function ask(method, path, body) {
  const isText = typeof body === "string";
  const init = { method, headers: { "Content-Type": isText ? "text/plain" : "application/json" }, body: isText || !body ? body : JSON.stringify(body) };
  return page.evaluate(async ([path, init]) => {
    const reply = await fetch(path, init);
    return { status: reply.status, text: await reply.text() };
  }, [path, init]);
}

async function idOf(path) {
  const reply = await ask("GET", `/api/v1/resolve?path=${encodeURIComponent(path)}`);
  return reply.status === 200 ? JSON.parse(reply.text).id : null;
}

/** The id of a file here, by the listing: the browser complains of what is asked for and is not there. */
async function listed(name) {
  const children = JSON.parse((await ask("GET", `/api/v1/folders/${await idOf("/Papers")}/children?limit=1000`)).text).items;
  return children.find((child) => child.name === name)?.id ?? null;
}

/** What is in a file here; null when there is none. */
async function here(name) {
  const id = await listed(name);
  return id ? (await ask("GET", `/api/v1/files/${id}/content`)).text : null;
}

/** Writes a file here. */
async function write(name, text) {
  const { status } = await ask("PUT", `/api/v1/folders/${await idOf("/Papers")}/files/${encodeURIComponent(name)}`, text);
  assert.ok(status < 300, `${name}: ${status}`);
}

async function until(claim, isSo) {
  const end = Date.now() + PATIENCE_MS;
  while (!await isSo()) {
    assert.ok(Date.now() < end, `it becomes so in time: ${claim}`);
    await new Promise((done) => { setTimeout(done, 100); });
  }
}

const theirs = (name) => readFile(there(name), "utf8").catch(() => null);

/** Opens the only mirror. */
async function openMirror() {
  await page.goto(`${SERVER}/#/mirrors`);
  await page.getByRole("link", { name: "Papers", exact: false }).first().click();
  await page.getByRole("heading", { name: "Plan" }).waitFor();
}

const tool = (name) => page.locator(".view-head .tools").getByRole("button", { name, exact: true });
const step = (path) => page.locator(".plan-row").filter({ has: page.locator("bdi", { hasText: path }) });

let clashes = 0;

/** Changes files on both sides while nothing looks, each time to what they never were. */
async function clash(names) {
  clashes += 1;
  await openMirror();
  await tool("Pause").click();
  await page.locator(".mirror-state", { hasText: "Paused" }).waitFor();
  for (const name of names) {
    await write(name, `one\nours of ${name}\n${clashes}\n`);
    await put(name, `one\ntheirs of ${name}, which is longer\n${clashes}\n`);
  }
  await tool("Resume").click();
}

const badge = (count) => page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: `Conflicts ${count} open` });

async function noBadge() {
  await page.locator(".place-count").waitFor({ state: "hidden" });
}

async function shot(page, name) {
  if (process.env.CUMULI_SHOTS) await page.screenshot({ path: `${process.env.CUMULI_SHOTS}/${name}.png` });
}

before(async () => {
  assert.ok(SERVER && FOLDER, "set CUMULI_URL and CUMULI_FOLDER");
  person = JSON.parse(process.env.CUMULI_PERSON);
  await mkdir(there("deep"), { recursive: true });
  await put("report.txt", BASE);
  await put("left.bin", "not wanted here");
  await put(HOSTILE, "odd");
  await put("deep/theirs.txt", "from there");
  browser = await launch();
});

after(() => browser?.close());

test("without a connection the page says what is missing", async () => {
  page = await at("mirrors");
  await page.getByText("Nothing is kept in step yet").waitFor();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Add mirror" }).first().click();
  await page.getByRole("dialog", { name: "Add a mirror" }).getByRole("link", { name: "Add a connection" }).click();
  await page.getByRole("heading", { name: "Connections", exact: true }).waitFor();
  await page.goto(`${SERVER}/#/conflicts`);
  await page.getByText("Nothing waits for you").waitFor();
  await assertAccessible(page);

  const made = await ask("POST", "/api/v1/connections", { kind: "directory", path: FOLDER, label: "Drive" });
  assert.equal(made.status, 201, made.text);
});

test("a mirror is set up by choosing both folders, and its plan is shown before anything happens", async () => {
  await page.goto(`${SERVER}/#/mirrors`);
  await page.getByRole("button", { name: "Add mirror" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add a mirror" });
  await dialog.getByRole("button", { name: "Add mirror" }).click();
  assert.equal(await dialog.locator(".hint.wrong").count(), 2);

  await dialog.getByRole("button", { name: "Choose the folder here" }).click();
  const picker = page.getByRole("dialog", { name: "The folder here" });
  await picker.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("dialog", { name: "New folder" }).getByLabel("Name").fill("Papers");
  await page.keyboard.press("Enter");
  await picker.getByText("No folders in here.").waitFor();
  await picker.getByRole("button", { name: "Choose this folder" }).click();
  await until("it is chosen", async () => await dialog.getByLabel("Folder here", { exact: true }).inputValue() === "Papers");

  await dialog.getByRole("button", { name: "Choose the folder there" }).click();
  const other = page.getByRole("dialog", { name: "A folder of “Drive”" });
  await other.getByRole("button", { name: "Theirs" }).click();
  await other.getByRole("button", { name: "deep" }).waitFor();
  await shot(page, "pick-there");
  await other.getByRole("button", { name: "Choose this folder" }).click();
  await until("it is chosen", async () => await dialog.getByLabel("Folder there", { exact: true }).inputValue() === "/Theirs");
  await dialog.getByLabel("When both sides changed a file").selectOption({ label: "Ask me: both sides keep theirs until I decide" });
  await assertAccessible(page);
  await shot(page, "add-mirror");
  await dialog.getByRole("button", { name: "Add mirror" }).click();

  await page.getByRole("heading", { name: "Papers" }).waitFor();
  await page.locator(".mirror-state", { hasText: "Paused" }).waitFor();
  await step("report.txt").getByText("New here").waitFor();
  await step(HOSTILE).waitFor();
  await step("deep/theirs.txt").waitFor();
  assert.equal(await page.locator(".plan-row img").count(), 0);
  assert.equal(await here("report.txt"), null);
  await assertAccessible(page);
  await shot(page, "plan");
});

test("what is skipped stays away, and the rest comes in step", async () => {
  await page.getByRole("button", { name: "Skip left.bin" }).click();
  const out = page.getByRole("region", { name: "What was left out" });
  await out.getByText("left.bin").waitFor();
  await write("ours.txt", "from here");

  await tool("Resume").click();

  await page.locator(".mirror-state", { hasText: /^In step/ }).waitFor();
  await until("ours is there", async () => await theirs("ours.txt") === "from here");
  await until("theirs is here", async () => await here("report.txt") === BASE && await here(HOSTILE) === "odd");
  assert.equal(await here("left.bin"), null);
  await page.getByText("Nothing else to do: the rest is the same on both sides.").waitFor();
  await page.getByRole("region", { name: "What happened" }).getByText("It was resumed.").waitFor();
  await out.getByRole("button", { name: "Take in again left.bin" }).click();
  await until("it is taken in again", async () => await here("left.bin") === "not wanted here");
  await out.waitFor({ state: "hidden" });
  await page.locator(".mirror-state", { hasText: /^In step/ }).waitFor();
  await shot(page, "in-step");
  await page.goto(`${SERVER}/#/mirrors`);
  await page.locator(".mirror").getByText("In step.", { exact: true }).waitFor();
  await page.locator(".mirror").getByText(/^Last in step /).waitFor();
  await assertAccessible(page);
  await shot(page, "mirrors");
});

test("a change on either side is told as it happens, and Run now looks at once", async () => {
  await openMirror();
  await put("new there.txt", "later words");
  await tool("Run now").click();
  await until("it came here", async () => await here("new there.txt") === "later words");
  await page.locator(".mirror-state", { hasText: /^In step/ }).waitFor();
});

test("a conflict waits for the person, with both sides beside one another", async () => {
  await clash(["report.txt"]);
  await badge(1).waitFor();
  await page.locator(".mirror-state", { hasText: "but for 1 conflict" }).waitFor();
  await shot(page, "mirror-conflict");
  await badge(1).click();
  await page.getByRole("region", { name: "Waiting for you" }).getByText("Changed on both sides").waitFor();
  await assertAccessible(page);
  await shot(page, "conflicts");

  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");

  await page.getByRole("heading", { name: "report.txt" }).waitFor();
  for (const side of ["Agreed last", "Ours, here", "Theirs, there"]) await page.getByRole("article", { name: side }).getByText("Size").waitFor();
  const lines = page.locator(".diff-line");
  await lines.filter({ hasText: "-ours of report.txt" }).waitFor();
  await lines.filter({ hasText: "+theirs of report.txt" }).waitFor();
  assert.ok(await page.locator(".timeline li").count() >= 3);
  await page.getByRole("button", { name: "Agreed → ours" }).click();
  await lines.filter({ hasText: "-two" }).waitFor();
  await assertAccessible(page);
  await shot(page, "conflict");
});

test("it is decided with a note, and the decision is taken back", async () => {
  await page.getByLabel("Note").fill("theirs has the numbers");
  await page.getByRole("button", { name: "Keep theirs" }).click();

  await page.locator(".store-state", { hasText: "Theirs was kept." }).waitFor();
  await page.locator(".store-state", { hasText: "theirs has the numbers" }).waitFor();
  await noBadge();
  await until("theirs is here", async () => (await here("report.txt")).includes("theirs of"));
  await assertAccessible(page);
  await shot(page, "decided");

  await page.locator(".store-state").getByRole("button", { name: "Undo" }).click();

  await page.getByText("Both sides keep theirs until you decide.").waitFor();
  await badge(1).waitFor();
  await until("ours is back", async () => (await here("report.txt")).includes("ours of"));

  await page.getByRole("button", { name: "Keep both" }).click();
  await page.locator(".store-state", { hasText: "Both were kept." }).waitFor();
  await noBadge();
  await openMirror();
  await page.locator(".mirror-state", { hasText: /^In step/ }).waitFor();
});

test("several are decided at once, and what cannot be undone is decided otherwise", async () => {
  const names = ["ours.txt", "new there.txt"];
  await clash(names);
  await badge(2).waitFor();
  await page.goto(`${SERVER}/#/conflicts`);
  await page.getByLabel("Select ours.txt").check();
  await page.getByRole("toolbar", { name: "Selection" }).getByText("1 selected").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("toolbar", { name: "Selection" }).waitFor({ state: "hidden" });
  await page.keyboard.press("Control+a");
  await page.getByRole("toolbar", { name: "Selection" }).getByText("2 selected").waitFor();
  await shot(page, "several");
  await page.getByRole("button", { name: "Keep ours" }).click();
  const dialog = page.getByRole("dialog", { name: "Keep ours in 2 conflicts?" });
  await dialog.getByLabel("Note").fill("ours are newer");
  await assertAccessible(page);
  await dialog.getByRole("button", { name: "Keep ours" }).click();

  await page.getByRole("region", { name: "Waiting for you" }).waitFor({ state: "hidden" });
  await noBadge();
  for (const name of names) await until(`${name} is ours there`, async () => (await theirs(name))?.includes("ours of"));
  const past = page.getByRole("region", { name: "Resolved" });
  await past.getByText("“ours are newer”").first().waitFor();
  assert.equal(await past.locator(".conflict-row").count(), 3);
  await shot(page, "resolved");

  // What has reached the other side is not taken back there, but can be decided otherwise.
  await past.getByRole("button", { name: "Undo new there.txt" }).click();
  await page.getByRole("button", { name: "Decide otherwise" }).click();
  complaints.splice(0, complaints.length, ...complaints.filter((line) => !line.includes("status of 409")));
  await page.getByRole("heading", { name: "new there.txt" }).waitFor();
  await page.locator("summary", { hasText: "Decide otherwise" }).click();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Keep theirs" }).click();
  await page.locator(".store-state", { hasText: "Theirs was kept." }).waitFor();
  await until("theirs is current on both sides", async () => (await here("new there.txt")).includes("theirs of") && (await theirs("new there.txt")).includes("theirs of"));
});

test("deletes beyond the limit wait for a word", async () => {
  await openMirror();
  await tool("Settings").click();
  const dialog = page.getByRole("dialog", { name: "Settings of" });
  await dialog.getByText("Exceptions and limits").click();
  await dialog.getByLabel("Ask me before more deletes than").fill("0");
  await dialog.getByRole("button", { name: "Add an exception" }).click();
  await dialog.getByLabel("Pattern").fill("*.tmp");
  await assertAccessible(page);
  await shot(page, "settings");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("*.tmp").waitFor();
  await page.locator(".mirror-state", { hasText: /^In step/ }).waitFor();
  await rm(there("deep/theirs.txt"));
  await rm(there("left.bin"));
  await tool("Run now").click();

  const held = page.getByRole("group", { name: "Deletes that wait for your word" });
  await held.getByText("2 things would go to the trash here.").waitFor();
  await page.locator(".mirror-state", { hasText: "2 deletes held" }).waitFor();
  await assertAccessible(page);
  await shot(page, "held");
  await held.getByRole("button", { name: "Reject" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await until("both are back", async () => existsSync(there("left.bin")) && existsSync(there("deep/theirs.txt")));
  await page.locator(".mirror-state", { hasText: /^In step/ }).waitFor();

  await rm(there("left.bin"));
  await tool("Run now").click();
  await held.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await until("it is gone here", async () => await listed("left.bin") === null);
  await page.locator(".mirror-state", { hasText: /^In step/ }).waitFor();
  assert.ok(await here("report.txt"));
});

test("a narrow phone in the dark shows all of it", async () => {
  await clash(["report.txt"]);
  await badge(1).waitFor();
  const phone = await at("mirrors", { viewport: { width: 360, height: 740 }, colorScheme: "dark", hasTouch: true });
  const fits = async (name) => {
    await assertAccessible(phone);
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 360);
    const wide = await phone.evaluate(() => [...document.querySelectorAll("#main *")].filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".diff, .crumbs, .chips, .hidden-text")).map((one) => one.outerHTML.slice(0, 100)));
    assert.deepEqual(wide, [], name);
    await shot(phone, `phone-${name}`);
  };
  await phone.locator(".mirror").waitFor();
  await fits("mirrors");
  await phone.getByRole("link", { name: "Plan of" }).click();
  await phone.getByRole("heading", { name: "Plan" }).waitFor();
  await phone.locator(".timeline li").first().waitFor();
  await fits("mirror");
  await phone.getByRole("button", { name: "Settings" }).click();
  await phone.getByRole("dialog").getByRole("button", { name: "Save" }).waitFor();
  await fits("settings");
  await phone.keyboard.press("Escape");
  await phone.goto(`${SERVER}/#/conflicts`);
  await phone.getByLabel("Select all open conflicts").check();
  await fits("conflicts");
  await phone.getByRole("link", { name: "Look at report.txt" }).click();
  await phone.locator(".diff-line").first().waitFor();
  await fits("conflict");
  await phone.getByRole("button", { name: "Merged by hand" }).click();
  await phone.locator(".store-state").getByText(/^(Ours was kept|Merged by hand)\.$/).waitFor();
  await phone.context().close();
  await noBadge();
});

test("removing asks first, and leaves both folders as they are", async () => {
  await page.goto(`${SERVER}/#/mirrors`);
  await page.getByRole("button", { name: "Actions for" }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await page.getByRole("dialog").getByText("Both stay as they are").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByText("Nothing is kept in step yet").waitFor();
  assert.ok(await here("report.txt"));
  assert.ok(existsSync(there("report.txt")));
});

test("no script failed, no policy was broken", () => {
  assert.deepEqual(complaints, []);
});
