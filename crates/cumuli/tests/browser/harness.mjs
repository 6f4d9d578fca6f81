// A real browser at a running server, whose address is in CUMULI_URL.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

export const SERVER = process.env.CUMULI_URL?.replace(/\/$/, "");
export const PERSON = { name: "Ada Lovelace", email: "ada@example.org", password: "seven plain clouds" };

const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Whether the browser's own line about a refused request is what the page has to expect. */
const isExpected = (message) => message.text().includes("status of 401") && message.location().url.endsWith("/api/v1/me");

/** Starts the browser. */
export const launch = () => chromium.launch({ executablePath: process.env.CUMULI_CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });

/** Writes down in `complaints` every error of the console, of a script and of the content policy. */
export async function watch(context, complaints) {
  await context.exposeBinding("tellViolation", (_, text) => complaints.push(`policy: ${text}`));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => globalThis.tellViolation(`${event.effectiveDirective} ${event.blockedURI}`));
  });
  context.on("console", (message) => {
    if (message.type() === "error" && !isExpected(message)) complaints.push(`console: ${message.text()} ${message.location().url}`);
  });
  context.on("weberror", (error) => complaints.push(`script: ${error.error().stack}`));
  context.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
}

/** The row of a node. */
export const row = (page, name) => page.locator("tbody tr").filter({ has: page.locator(".node-name", { hasText: exactly(name) }) });

const exactly = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);

/** The names in the list, from the top, once there are `count`. */
export async function names(page, count) {
  await page.waitForFunction((wanted) => document.querySelectorAll(".nodes tbody tr").length === wanted
    && document.querySelector(".list").getAttribute("aria-busy") === "false", count);
  return page.locator(".nodes tbody .node-name").allTextContents();
}

/** Waits until the list has exactly these names, from the top. */
export async function listed(page, wanted) {
  await page.waitForFunction((wanted) => {
    const shown = [...document.querySelectorAll(".nodes tbody .node-name")].map((name) => name.textContent);
    return JSON.stringify(shown) === JSON.stringify(wanted)
      && document.querySelector(".list").getAttribute("aria-busy") === "false";
  }, wanted).catch(async () => {
    assert.deepEqual(await page.locator(".nodes tbody .node-name").allTextContents(), wanted);
  });
}

/** Makes a folder at the top by the page's dialog and opens it. */
export async function inNewFolder(page, name) {
  await page.goto(`${SERVER}/#/folder/root`);
  await page.getByRole("heading", { name: "My files", exact: true }).waitFor();
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill(name);
  await page.keyboard.press("Enter");
  await row(page, name).getByRole("link").click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
  await page.getByText("This folder is empty").waitFor();
}

/** Chooses files in the browser's own chooser after `open`. */
export async function choose(page, open, files) {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), open()]);
  await chooser.setFiles(files);
}

export const textFile = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

/** Uploads files by the button and waits until the panel says so. */
export async function upload(page, files, said = `${files.length} ${files.length === 1 ? "file" : "files"} uploaded`) {
  await choose(page, () => page.getByRole("button", { name: "Upload", exact: true }).click(), files);
  await page.getByRole("heading", { name: said, exact: true }).waitFor();
  await page.locator(".uploads").getByRole("button", { name: "Close" }).click();
}

/** Selects a node by its row, not by its name, which would open it. */
export async function select(page, name) {
  await row(page, name).locator(".col-size, .col-deleted").first().click();
  await page.locator(`tr[aria-selected=true]`).waitFor();
}

/** Shows the details of a file. */
export async function openDetails(page, name) {
  await row(page, name).getByRole("link").click();
  await page.getByRole("complementary", { name: "Details" }).getByRole("heading", { name, exact: true }).waitFor();
  return page.getByRole("complementary", { name: "Details" });
}

/** What a click downloads. */
export async function downloaded(page, click) {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** Controls without a name, images without a text, doubled ids: what everybody who cannot see it would miss. */
export async function assertAccessible(page) {
  const faults = await page.evaluate(() => {
    const found = [];
    const isShown = (element) => element.checkVisibility();
    const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
    const named = (id) => id?.split(" ").some((one) => document.getElementById(one)?.textContent.trim());
    const hasName = (element) => element.getAttribute("aria-label")?.trim() || named(element.getAttribute("aria-labelledby")) || element.labels?.[0]?.textContent.trim();
    for (const element of document.querySelectorAll("input, select, textarea, progress, meter")) if (isShown(element) && !hasName(element)) say("no label", element);
    for (const element of document.querySelectorAll("button, a[href], [role=menuitem]")) if (isShown(element) && !hasName(element) && !element.textContent.trim()) say("no name", element);
    for (const element of document.querySelectorAll("img:not([alt]), svg:not([aria-hidden])")) say("no text", element);
    for (const element of document.querySelectorAll("dialog, nav, aside, [role=grid], [role=toolbar]")) if (isShown(element) && !hasName(element)) say("no name", element);
    for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) say("order of focus", element);
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id twice: ${id}`);
    if (!document.documentElement.lang) found.push("no language");
    if (document.querySelectorAll("main").length !== 1) found.push("not one main");
    if ([...document.querySelectorAll("h1")].filter(isShown).length !== 1) found.push("not one h1");
    return found;
  });
  assert.deepEqual(faults, []);
}
