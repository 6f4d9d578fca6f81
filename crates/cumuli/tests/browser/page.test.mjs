// Real flows through the page. The server is started by the caller, fresh and without an account:
// CUMULI_URL=http://127.0.0.1:8000 node --test
// CUMULI_SETUP_CODE where it asks for one; CUMULI_SCREENSHOT=file.png to have a picture taken.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  PERSON, SERVER, assertAccessible, choose, downloaded, inNewFolder, launch, listed, names, openDetails, row, select, textFile, upload, watch,
} from "./harness.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>.txt";
const UNICODE = "Überblick — 日本語 🌤 عربي.txt";

let browser;
let context;
let page;
const complaints = [];

before(async () => {
  assert.ok(SERVER, "set CUMULI_URL to the address of a fresh server");
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  context.setDefaultTimeout(45_000);
  await watch(context, complaints);
  page = await context.newPage();
});

after(() => browser?.close());

test("the first account is made on the welcome page", async () => {
  await page.goto(SERVER);
  await page.getByRole("heading", { name: "Welcome" }).waitFor();
  await assertAccessible(page);
  await page.getByLabel("Name", { exact: true }).fill(PERSON.name);
  await page.getByLabel("E-mail").fill(PERSON.email);
  await page.getByLabel("Password").fill("short");
  if (process.env.CUMULI_SETUP_CODE) await page.getByLabel("Setup code").fill(process.env.CUMULI_SETUP_CODE);
  await page.getByRole("button", { name: "Set up" }).click();
  assert.equal(await page.getByLabel("Password").getAttribute("aria-invalid"), "true");

  await page.getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Set up" }).click();

  await page.getByText("This folder is empty").waitFor();
  await assertAccessible(page);
});

test("files of any name and size are listed as they are and come back byte for byte", async () => {
  await inNewFolder(page, "Bytes");
  const random = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919 + (i >> 3)) & 255));
  const files = [textFile("plain.txt", "clouds\n"), textFile("empty.txt", ""), textFile(UNICODE, "Wolken"), textFile(HOSTILE, "no markup"),
    textFile("50% & #1? + a.txt", "signs"), { name: "random.bin", mimeType: "application/octet-stream", buffer: random }];

  await upload(page, files);

  assert.deepEqual((await names(page, files.length)).sort(), files.map((file) => file.name.normalize("NFC")).sort());
  assert.equal(await page.locator("img[src=x]").count(), 0);
  for (const file of files) {
    const details = await openDetails(page, file.name);
    const { bytes } = await downloaded(page, () => details.getByRole("link", { name: "Download", exact: true }).click());
    assert.ok(bytes.equals(file.buffer), `${file.name} came back with ${bytes.length} of ${file.buffer.length} bytes`);
  }
  await page.getByRole("button", { name: "Close details" }).click();
});

test("a file shows its text, and its hostile name is only text", async () => {
  const details = await openDetails(page, HOSTILE);

  await details.locator("pre", { hasText: "no markup" }).waitFor();
  await assertAccessible(page);

  await page.goBack();
  await details.waitFor({ state: "hidden" });
});

test("a chosen folder arrives with its tree", async () => {
  await inNewFolder(page, "Trees");
  const root = await mkdtemp(join(tmpdir(), "cumuli-"));
  await mkdir(join(root, "Garden", "Beds"), { recursive: true });
  await writeFile(join(root, "Garden", "plan.txt"), "plan");
  await writeFile(join(root, "Garden", "Beds", "roses.txt"), "roses");
  await page.getByRole("button", { name: "More ways to upload" }).click();

  await choose(page, () => page.getByRole("menuitem", { name: "Upload a folder" }).click(), join(root, "Garden"));

  await page.getByRole("heading", { name: "2 files uploaded" }).waitFor();
  await page.locator(".uploads").getByRole("button", { name: "Close" }).click();
  await row(page, "Garden").getByRole("link").click();
  await listed(page, ["Beds", "plan.txt"]);
  await row(page, "Beds").getByRole("link").click();
  await listed(page, ["roses.txt"]);
  await rm(root, { recursive: true });
});

test("the path line leads up, and back and reload stay where they are", async () => {
  const path = page.getByRole("navigation", { name: "Path" });

  await path.getByRole("link", { name: "Garden" }).click();
  await listed(page, ["Beds", "plan.txt"]);
  await page.reload();
  await listed(page, ["Beds", "plan.txt"]);
  await page.goBack();
  await listed(page, ["roses.txt"]);
});

test("a dropped file is uploaded", async () => {
  await inNewFolder(page, "Drops");
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" }));
    return data;
  });

  for (const type of ["dragenter", "dragover", "drop"]) await page.dispatchEvent("#main", type, { dataTransfer: transfer });

  await listed(page, ["dropped.txt"]);
});

test("folders come first and files follow the chosen order", async () => {
  await inNewFolder(page, "Orders");
  await upload(page, [textFile("b.txt", "12"), textFile("a.txt", "1234"), textFile("c.txt", "1")]);
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("z");
  await page.keyboard.press("Enter");

  await listed(page, ["z", "a.txt", "b.txt", "c.txt"]);
  await page.getByRole("button", { name: "Size" }).click();
  await row(page, "a.txt").and(page.locator("tr:nth-child(2)")).waitFor();
  await listed(page, ["z", "a.txt", "b.txt", "c.txt"]);
  assert.equal(await page.getByRole("columnheader", { name: "Size" }).getAttribute("aria-sort"), "descending");
  await page.getByRole("button", { name: "Size" }).click();
  await row(page, "c.txt").and(page.locator("tr:nth-child(2)")).waitFor();
  await listed(page, ["z", "c.txt", "b.txt", "a.txt"]);
  await page.getByRole("button", { name: "Name" }).click();
  await row(page, "a.txt").and(page.locator("tr:nth-child(2)")).waitFor();
});

test("a file is renamed by keyboard alone", async () => {
  await page.locator("tbody tr").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("F2");
  await page.getByRole("dialog", { name: "Rename" }).waitFor();
  await page.keyboard.type("renamed");
  await page.keyboard.press("Enter");

  await row(page, "renamed.txt").waitFor();
  await listed(page, ["z", "b.txt", "c.txt", "renamed.txt"]);
});

test("keys select a range, add to it and let go", async () => {
  const chosen = () => page.locator("tbody tr[aria-selected=true] .node-name").allTextContents();
  await page.locator("tbody tr").first().focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Shift+ArrowDown");
  assert.deepEqual(await chosen(), ["z", "b.txt"]);
  await page.keyboard.press("Control+ArrowDown");
  await page.keyboard.press("Control+ArrowDown");
  await page.keyboard.press("Space");
  assert.deepEqual(await chosen(), ["z", "b.txt", "renamed.txt"]);
  await assertAccessible(page);
  await page.keyboard.press("Control+a");
  assert.equal((await chosen()).length, 4);
  await page.keyboard.press("Escape");
  assert.deepEqual(await chosen(), []);
});

test("a move by the dialog can be undone", async () => {
  await select(page, "b.txt");
  await page.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name: "Move" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "z", exact: true }).click();
  await dialog.getByText("No folders in here.").waitFor();
  await dialog.getByRole("button", { name: "Move here" }).click();
  await listed(page, ["z", "c.txt", "renamed.txt"]);

  await page.getByRole("button", { name: "Undo" }).click();

  await listed(page, ["z", "b.txt", "c.txt", "renamed.txt"]);
});

test("a search finds a part of a name anywhere and says where it is", async () => {
  await page.locator("tbody tr").first().focus();
  await page.keyboard.press("/");
  await page.keyboard.type("ROSE");

  await row(page, "roses.txt").waitFor();

  await listed(page, ["roses.txt"]);
  assert.equal(await row(page, "roses.txt").locator(".col-place").textContent(), "/Trees/Garden/Beds");
  await assertAccessible(page);
});

test("an overwritten file keeps its old version, which can be restored", async () => {
  await inNewFolder(page, "Versions");
  await upload(page, [textFile("draft.txt", "first words")]);
  await upload(page, [textFile("draft.txt", "second thoughts")]);
  const details = await openDetails(page, "draft.txt");
  await details.locator("pre", { hasText: "second thoughts" }).waitFor();
  const old = await downloaded(page, () => details.getByRole("link", { name: "Download version 1" }).click());
  assert.equal(old.bytes.toString(), "first words");

  await details.getByRole("button", { name: "Restore version 1" }).click();

  await details.locator("pre", { hasText: "first words" }).waitFor();
  await details.getByText("Versions (3)").waitFor();
  const now = await downloaded(page, () => details.getByRole("link", { name: "Download", exact: true }).click());
  assert.equal(now.bytes.toString(), "first words");
  await details.getByRole("button", { name: "Delete version 2" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete version" }).click();
  await details.getByText("Versions (2)").waitFor();
});

test("a taken name can also mean both files, or none", async () => {
  const pick = async (label) => {
    await page.getByRole("button", { name: "More ways to upload" }).click();
    await page.getByRole("menuitemradio", { name: label }).click();
  };
  await page.getByRole("button", { name: "Close details" }).click();
  await pick("Keep both files");
  await upload(page, [textFile("draft.txt", "third")]);
  await listed(page, ["draft (2).txt", "draft.txt"]);

  await pick("Skip the file");
  // The browser writes down the refusal that the page asked for.
  const refusal = page.waitForEvent("console");
  await upload(page, [textFile("draft.txt", "fourth")], "1 skipped");
  assert.match((await refusal).text(), /409/);
  complaints.splice(complaints.findIndex((line) => line.includes("409")), 1);
  await listed(page, ["draft (2).txt", "draft.txt"]);
  await pick("Add a new version");
});

test("what is deleted by keyboard comes back by undo", async () => {
  await select(page, "draft (2).txt");
  await page.keyboard.press("Delete");
  await listed(page, ["draft.txt"]);

  await page.keyboard.press("Control+z");

  await listed(page, ["draft (2).txt", "draft.txt"]);
});

test("the trash gives back and deletes for good", async () => {
  const folder = page.url();
  await page.locator("tbody tr").first().focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.getByText("This folder is empty").waitFor();
  await page.getByRole("link", { name: "Trash" }).click();
  await names(page, 2);
  await assertAccessible(page);

  await select(page, "draft.txt");
  await page.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name: "Restore" }).click();
  await names(page, 1);
  await page.getByRole("button", { name: "Empty trash" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Empty trash" }).click();
  await page.getByRole("heading", { name: "The trash is empty" }).waitFor();

  await page.goto(folder);
  await listed(page, ["draft.txt"]);
});

test("another tab sees a change without being asked", async () => {
  await inNewFolder(page, "Live");
  const other = await context.newPage();
  await other.goto(page.url());
  await other.getByText("This folder is empty").waitFor();

  await upload(page, [textFile("news.txt", "new")]);
  await listed(other, ["news.txt"]);
  await select(other, "news.txt");
  await other.keyboard.press("Delete");
  await page.getByText("This folder is empty").waitFor();

  await other.close();
});

test("a star is kept and listed", async () => {
  await upload(page, [textFile("favourite.txt", "x")]);
  await row(page, "favourite.txt").getByRole("button", { name: "Add star" }).click();
  await row(page, "favourite.txt").getByRole("button", { name: "Remove star" }).waitFor();

  await page.getByRole("link", { name: "Starred" }).click();

  await page.getByRole("heading", { name: "Starred" }).waitFor();
  await listed(page, ["favourite.txt"]);
  await page.getByRole("link", { name: "Recent" }).click();
  await row(page, "favourite.txt").waitFor();
});

test("a long folder is loaded page by page while it is scrolled", async () => {
  await inNewFolder(page, "Long");
  const id = new URL(page.url()).hash.split("/").pop();
  await page.evaluate(async (folder) => {
    for (let i = 0; i < 250; i += 1) {
      const name = `file ${String(i).padStart(3, "0")}.txt`;
      await fetch(`/api/v1/folders/${folder}/files/${encodeURIComponent(name)}`, { method: "PUT", body: "x" });
    }
  }, id);
  await page.reload();
  assert.equal((await names(page, 100)).length, 100);

  await page.locator("tbody tr").last().scrollIntoViewIfNeeded();

  const all = await names(page, 250);
  assert.deepEqual(all, [...all].sort());
});

test("a failed upload says why and succeeds when it is tried again", async () => {
  const calm = await context.browser().newContext({ storageState: await context.storageState() });
  const tab = await calm.newPage();
  await tab.goto(`${SERVER}/#/folder/root`);
  await tab.getByRole("heading", { name: "My files", exact: true }).waitFor();
  await tab.route("**/files/again.txt**", (route) => route.abort());
  await choose(tab, () => tab.getByRole("button", { name: "Upload", exact: true }).click(), [textFile("again.txt", "x")]);
  await tab.getByRole("heading", { name: "1 failed" }).waitFor();
  await tab.getByText("The server cannot be reached").first().waitFor();
  await tab.unroute("**/files/again.txt**");

  await tab.getByRole("button", { name: "Retry failed" }).click();

  await tab.getByRole("heading", { name: "1 file uploaded" }).waitFor();
  await row(tab, "again.txt").waitFor();
  await calm.close();
});

test("a lost connection is told and comes back by itself", async () => {
  const calm = await context.browser().newContext({ storageState: await context.storageState() });
  const tab = await calm.newPage();
  await tab.goto(`${SERVER}/#/folder/root`);
  await row(tab, "Live").waitFor();

  await calm.setOffline(true);
  await tab.getByText("You are offline").waitFor();
  await calm.setOffline(false);

  await tab.getByText("You are offline").waitFor({ state: "hidden" });
  await calm.close();
});

test("an administrator makes an account and bounds it", async () => {
  await page.getByRole("link", { name: "Users" }).click();
  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Grace Hopper");
  await dialog.getByLabel("E-mail").fill("grace@example.org");
  await dialog.getByLabel("First password").fill("another plain phrase");
  await assertAccessible(page);
  await dialog.getByRole("button", { name: "Create" }).click();
  const grace = page.locator("tbody tr", { hasText: "grace@example.org" });
  await grace.getByRole("button").click();
  await page.getByRole("menuitem", { name: "Set quota" }).click();
  await page.getByRole("dialog").getByLabel("Gigabytes").fill("1.5");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();

  await grace.getByText("of 1.5 GB").waitFor();
  await page.getByRole("link", { name: "Jobs" }).click();
  await page.getByRole("heading", { name: "Jobs" }).waitFor();
});

test("an administrator sees where contents are kept, and has it tried out", async () => {
  await page.goto(`${SERVER}/#/storage`);
  const local = page.getByRole("list", { name: "Stores" }).getByRole("listitem").filter({ has: page.getByRole("heading", { name: /^local/ }) });
  await local.getByText("new files").waitFor();
  await local.getByRole("list", { name: "What local can do" }).getByText("Gives parts of a file").waitFor();
  await page.getByText("Nothing that was read back so far is damaged.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Move contents" }).isVisible(), false, "there is no other store");

  await page.getByRole("button", { name: "Try out" }).click();

  await local.getByText("It works.").waitFor();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Check now" }).click();
  await page.getByText("The check has begun.").waitFor();
});

test("a store is erased only for whoever types its name, and not while it is needed", async () => {
  await page.goto(`${SERVER}/#/storage`);
  await page.getByRole("button", { name: "Actions for local" }).click();
  await page.getByRole("menuitem", { name: "Retire" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Erase all").check();
  await assertAccessible(page);
  await dialog.getByLabel("Type local to confirm").fill("locals");
  await dialog.getByRole("button", { name: "Retire" }).click();
  await dialog.getByText("This is not its name.").waitFor();

  await dialog.getByLabel("Type local to confirm").fill("local");
  // The browser writes down the refusal.
  const refusal = page.waitForEvent("console");
  await page.keyboard.press("Enter");

  await dialog.getByRole("alert").getByText("go").waitFor();
  assert.match((await refusal).text(), /409/);
  complaints.splice(complaints.findIndex((line) => line.includes("409")), 1);
  await page.keyboard.press("Escape");
});

test("an app password is shown once", async () => {
  await page.getByRole("button", { name: "Account", exact: true }).click();
  await page.getByRole("menuitem", { name: "Account", exact: true }).click();
  const account = page.getByRole("dialog", { name: "Account" });
  await account.getByText("this one").waitFor();
  await assertAccessible(page);
  await account.getByRole("button", { name: "New app password" }).click();
  await page.getByLabel("What is it for?").fill("Laptop");
  await page.keyboard.press("Enter");
  const secret = await page.getByRole("dialog", { name: "App password", exact: true }).getByLabel("Laptop").inputValue();
  assert.ok(secret.length >= 16);
  await page.getByRole("button", { name: "Done" }).click();

  await account.getByText("Laptop", { exact: true }).waitFor();

  assert.ok(!(await page.content()).includes(secret));
  await page.keyboard.press("Escape");
});

test("a photo takes the place of the initials, and can be taken away again", async () => {
  await page.getByRole("button", { name: "Account", exact: true }).click();
  await page.getByRole("menuitem", { name: "Account", exact: true }).click();
  const account = page.getByRole("dialog", { name: "Account" });
  const shown = page.locator(".account-button img");
  const sky = { name: "sky.svg", mimeType: "image/svg+xml", buffer: await painted() };
  await choose(page, () => account.getByRole("button", { name: "Choose a photo" }).click(), [sky]);
  await page.getByText("Your photo is saved.").waitFor();
  await page.waitForFunction(() => document.querySelector(".account-button img")?.naturalWidth === 256);
  await assertAccessible(page);

  const text = { name: "photo.png", mimeType: "image/png", buffer: Buffer.from("no picture") };
  const refused = page.waitForResponse((reply) => reply.status() === 415);
  await choose(page, () => account.getByRole("button", { name: "Change photo" }).click(), [text]);
  await refused;
  await page.getByText("This is not a picture").waitFor();
  complaints.splice(0, complaints.length, ...complaints.filter((line) => !line.includes("status of 415")));
  assert.equal(await shown.count(), 1);

  await account.getByRole("button", { name: "Remove photo" }).click();
  await page.getByText("Your photo is removed.").waitFor();
  await shown.waitFor({ state: "detached" });
  assert.equal(await page.locator(".account-button .avatar").textContent(), "AL");
  await page.keyboard.press("Escape");
});

test("the page fits a phone", async () => {
  await page.setViewportSize({ width: 375, height: 720 });
  for (const place of ["Files", "Recent", "Starred", "Trash", "Users", "Jobs"]) {
    await page.getByRole("link", { name: place, exact: true }).click();
    await page.getByRole("main").getByRole("heading", { level: 1 }).waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 375, `${place} is ${width} wide`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
});

/** A sky with a cloud, as a PNG. */
async function painted() {
  const canvas = await browser.newPage({ viewport: { width: 640, height: 400 } });
  const puffs = [[150, 250, 70], [240, 200, 100], [350, 180, 110], [450, 230, 80], [520, 265, 55]];
  await canvas.setContent(`<svg width="640" height="400" style="position:fixed;inset:0;background:linear-gradient(#2f7fe0,#cfe8ff)">
    <g fill="#fff">${puffs.map(([x, y, r]) => `<circle cx="${x}" cy="${y}" r="${r}"/>`).join("")}<rect x="90" y="250" width="480" height="70" rx="35"/></g></svg>`);
  const bytes = await canvas.screenshot();
  await canvas.close();
  return bytes;
}

test("a picture of the page is taken", { skip: !process.env.CUMULI_SCREENSHOT }, async () => {
  await inNewFolder(page, "Weather diary");
  for (const name of ["Photos", "Recordings"]) {
    await page.getByRole("button", { name: "New folder" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill(name);
    await page.keyboard.press("Enter");
    await row(page, name).waitFor();
  }
  const file = (name, bytes) => textFile(name, "x".repeat(bytes));
  const picture = { name: "Cumulus at noon.png", mimeType: "image/png", buffer: await painted() };
  await upload(page, [textFile("Notes on clouds.md", "# Clouds\n"), textFile("plan.toml", "[week]\n"), picture, file("Rain.mp3", 4_120_000), file("Rainfall 2026.csv", 91_000),
    file("Storm.mp4", 9_411_000), file("Station manual.pdf", 1_880_000), file("Archive 2025.zip", 6_300_000)]);
  await row(page, "Notes on clouds.md").getByRole("button", { name: "Add star" }).click();
  const details = await openDetails(page, picture.name);
  await details.getByRole("img").evaluate((image) => image.decode());
  await page.locator(".toast").first().waitFor({ state: "detached" });
  await page.mouse.move(640, 790);
  await page.screenshot({ path: process.env.CUMULI_SCREENSHOT });
});

test("nothing complained, neither the console nor the content policy", () => {
  assert.deepEqual(complaints, []);
});

test("signing out shows the sign-in page, and a wrong password is refused in words", async () => {
  await page.goto(`${SERVER}/#/trash`);
  await page.getByRole("button", { name: "Account", exact: true }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await assertAccessible(page);
  await page.getByLabel("E-mail").fill(PERSON.email);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: /\w/ }).waitFor();

  await page.getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Sign in" }).click();

  await page.getByRole("heading", { name: "Trash", exact: true }).waitFor();
});
