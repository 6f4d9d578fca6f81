// Big files over lines that break. Besides CUMULI_URL the caller gives CUMULI_CONTROL, an address where
// `/kill` ends the server as a power cut would and `/start` starts it again on the same data.
// The server has a second store, `second`.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { PERSON, SERVER, assertAccessible, choose, inNewFolder, launch, row, watch } from "./harness.mjs";

const MIB = 1024 * 1024;
const BIG = randomBytes(70 * MIB);

let browser;
let page;
let folder;
const complaints = [];

const control = async (what) => assert.ok((await fetch(`${process.env.CUMULI_CONTROL}/${what}`)).ok, what);
const panel = () => page.locator(".uploads");
const sentPiece = () => page.waitForResponse((reply) => reply.request().method() === "PATCH" && reply.status() === 204);

/** A line of so many bytes a second upwards; without a figure, as fast as it is. */
async function setSpeed(bytes = -1) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
}

/** Makes a file and starts its upload into the open folder. */
async function begin(name, bytes = BIG) {
  await writeFile(join(folder, name), bytes);
  await drop(name);
}

const drop = (name) => choose(page, () => page.getByRole("button", { name: "Upload", exact: true }).click(), join(folder, name));

/** What the server has under a path. */
async function stored(path) {
  const reply = await page.request.get(`${SERVER}/api/v1/resolve?path=${encodeURIComponent(path)}`);
  assert.ok(reply.ok(), `${path}: ${reply.status()}`);
  return reply.json();
}

async function assertWhole(path, bytes = BIG) {
  const node = await stored(path);
  assert.equal(node.size, bytes.length);
  assert.equal(node.sha256, createHash("sha256").update(bytes).digest("hex"));
  return node;
}

before(async () => {
  assert.ok(SERVER && process.env.CUMULI_CONTROL, "set CUMULI_URL to the address of a fresh server, and CUMULI_CONTROL");
  folder = await mkdtemp(join(tmpdir(), "cumuli-big-"));
  browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  context.setDefaultTimeout(60_000);
  await watch(context, complaints);
  page = await context.newPage();
  await page.goto(SERVER);
  await page.getByLabel("Name", { exact: true }).fill(PERSON.name);
  await page.getByLabel("E-mail").fill(PERSON.email);
  await page.getByLabel("Password").fill(PERSON.password);
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByText("This folder is empty").waitFor();
});

// What one flow leaves in the panel is not the next one's.
beforeEach(() => page.evaluate(async () => {
  const { uploads } = await import("/assets/js/uploads.js");
  uploads.cancelAll();
  uploads.clear();
}));

after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test("a file arrives whole although the server is killed in its middle", async () => {
  await inNewFolder(page, "Cut");
  await setSpeed(16 * MIB);
  const first = sentPiece();
  await begin("cut.bin");
  await first;

  await control("kill");
  await panel().getByText("Waiting for the server").waitFor();
  await assertAccessible(page);
  await setSpeed();
  const goesOn = page.waitForRequest((request) => request.method() === "PATCH");
  await control("start");

  assert.ok(Number((await goesOn).headers()["upload-offset"]) >= 32 * MIB, "what had arrived was sent again");
  await page.getByRole("heading", { name: "1 file uploaded", exact: true }).waitFor();
  await row(page, "cut.bin").waitFor();
  await assertWhole("/Cut/cut.bin");
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("cumuli.upload."))), []);
});

test("a file that is held by keyboard goes on after a reload when it is given again", async () => {
  await inNewFolder(page, "Held");
  await setSpeed(16 * MIB);
  const first = sentPiece();
  await begin("held.bin");
  await first;
  await page.getByRole("button", { name: "Pause held.bin" }).focus();
  await page.keyboard.press("Enter");
  await panel().getByText("Paused, ").waitFor();
  await page.getByRole("heading", { name: "1 paused", exact: true }).waitFor();
  await page.getByRole("button", { name: "Resume held.bin" }).and(page.locator(":focus")).waitFor();
  await assertAccessible(page);

  await page.reload();
  await page.getByText("This folder is empty").waitFor();
  await setSpeed();
  const goesOn = page.waitForRequest((request) => request.method() === "PATCH");
  await drop("held.bin");

  assert.ok(Number((await goesOn).headers()["upload-offset"]) >= 32 * MIB, "what had arrived was sent again");
  await page.getByRole("heading", { name: "1 file uploaded", exact: true }).waitFor();
  await assertWhole("/Held/held.bin");
});

test("a held file goes on where it was, and is the next version of one of its name", async () => {
  await setSpeed(16 * MIB);
  const first = sentPiece();
  const bytes = Buffer.concat([BIG, Buffer.from("and more")]);
  await begin("held.bin", bytes);
  await first;
  await page.getByRole("button", { name: "Pause held.bin" }).click();
  await setSpeed();

  await page.getByRole("button", { name: "Resume held.bin" }).click();

  await page.getByRole("heading", { name: "1 file uploaded", exact: true }).waitFor();
  await panel().getByText("New version").waitFor();
  assert.equal((await assertWhole("/Held/held.bin", bytes)).version, 2);
});

test("a file that is called off leaves nothing, on the server or in the browser", async () => {
  await inNewFolder(page, "Off");
  await setSpeed(16 * MIB);
  const first = sentPiece();
  await begin("off.bin");
  const upload = (await first).url();
  const gone = page.waitForResponse((reply) => reply.request().method() === "DELETE" && reply.status() === 204);

  await page.getByRole("button", { name: "Cancel off.bin" }).click();

  await page.getByRole("heading", { name: "1 cancelled", exact: true }).waitFor();
  await gone;
  const state = await page.request.head(upload, { headers: { "Tus-Resumable": "1.0.0" } });
  assert.ok([404, 410].includes(state.status()), `status ${state.status()}`);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("cumuli.upload."))), []);
});

test("an upload that the server forgot begins anew", async () => {
  await setSpeed(16 * MIB);
  const first = sentPiece();
  await begin("anew.bin");
  const upload = (await first).url();
  await page.getByRole("button", { name: "Pause anew.bin" }).click();
  await panel().getByText("Paused, ").waitFor();
  const forget = async () => (await page.request.delete(upload, { headers: { "Tus-Resumable": "1.0.0", Origin: SERVER } })).status();
  while ((await forget()) === 423);
  await setSpeed();

  await page.getByRole("button", { name: "Resume anew.bin" }).click();

  await page.getByRole("heading", { name: "1 file uploaded", exact: true }).waitFor();
  await assertWhole("/Off/anew.bin");
});

test("a big file in a dropped folder arrives in its folder", async () => {
  await inNewFolder(page, "Deep");
  await page.evaluate(async (size) => {
    const { uploads } = await import("/assets/js/uploads.js");
    const { resolve } = await import("/assets/js/api.js");
    const place = await resolve("/Deep");
    uploads.add([{ file: new File([new Uint8Array(size)], "deep.bin"), path: "a/b" }], place);
  }, 33 * MIB);

  await page.getByRole("heading", { name: "1 file uploaded", exact: true }).waitFor();

  await assertWhole("/Deep/a/b/deep.bin", Buffer.alloc(33 * MIB));
});

test("a big file is left out where the name is taken and that was the wish", async () => {
  await page.goto(`${SERVER}/#/folder/root`);
  await row(page, "Cut").getByRole("link").click();
  await row(page, "cut.bin").waitFor();
  await page.evaluate(() => localStorage.setItem("cumuli.on_conflict", "fail"));

  await drop("cut.bin");

  await page.getByRole("heading", { name: "1 skipped", exact: true }).waitFor();
  assert.equal((await stored("/Cut/cut.bin")).version, 1);

  await page.evaluate(() => localStorage.setItem("cumuli.on_conflict", "keep_both"));
  await drop("cut.bin");
  await page.getByRole("heading", { name: "1 file uploaded", exact: true }).waitFor();
  await assertWhole("/Cut/cut (2).bin");
});

test("an administrator moves everything to another store and erases the first", async () => {
  const { id } = await stored("/Cut/cut.bin");
  await page.goto(`${SERVER}/#/storage`);
  await page.getByRole("button", { name: "Move contents" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("To").selectOption("second");
  await dialog.getByLabel("Read each copy back").check();
  await dialog.getByText("From now on new files go to “second”.").waitFor();
  await dialog.getByText("and read back").waitFor();
  await assertAccessible(page);
  await dialog.getByRole("button", { name: "Start moving" }).click();
  await page.getByRole("heading", { name: "Moved “local” to “second”" }).waitFor();

  await page.getByRole("button", { name: "Actions for local" }).click();
  await page.getByRole("menuitem", { name: "Retire" }).click();
  await dialog.getByLabel("Erase all").check();
  await dialog.getByLabel("Type local to confirm").fill("local");
  await page.keyboard.press("Enter");

  await page.getByText("“local” is retired").waitFor();
  await page.getByRole("listitem").getByText("retired", { exact: true }).waitFor();
  const reply = await page.request.get(`${SERVER}/api/v1/files/${id}/content`);
  assert.ok((await reply.body()).equals(BIG), "the file is not what it was");
});

test("nothing complained but the line that was cut", () => {
  const isOfTheLine = (text) => /net::ERR_|status of (404|409|410|423)/.test(text);
  assert.deepEqual(complaints.filter((text) => !isOfTheLine(text)), []);
});
