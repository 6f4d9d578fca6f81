// Where contents are kept and in what state they are, for administrators.

import * as api from "../api.js";
import { bdi, button, h, icon, iconButton, keepingFocus, notice } from "../dom.js";
import * as format from "../format.js";
import { title } from "../frame.js";
import { openMenu } from "../menu.js";
import { moveContents, retire } from "../moving.js";
import { toast, toastError } from "../toast.js";
import { damageSection } from "./damage.js";

const LOOK_AGAIN_MS = 4000;
const SHOWN_FAILURES = 100;
/** Clocks that differ by less trouble nobody. */
const SKEW_MS = 2000;
const ABILITIES = {
  ranges: "Gives parts of a file",
  signed_downloads: "Downloads can come straight from it",
  direct_uploads: "Uploads can go straight to it",
  conditional_writes: "Never writes over what is there",
  checked_digests: "Refuses bytes that were damaged on the way",
};

/** Shows the stores, what is being moved, and what is damaged; looks again while it is open. */
export function render(root) {
  const list = h("ul.stores", { "aria-label": "Stores" });
  const moves = h("div.moves");
  const message = h("div.list-message");
  const state = { isOpen: true, seen: "", damaged: null, stores: [], probed: new Map() };
  const damaged = damageSection();

  async function load() {
    try {
      const [stores, { jobs }] = await Promise.all([api.stores(), api.jobs({ limit: 200 })]);
      const reports = await Promise.all(stores.filter(isMoving).map(async (store) => ({
        from: store.name, to: store.moved_to, ...(await api.copyReport(store.name, store.moved_to)),
      })));
      const job = jobs.find((job) => job.kind === "store_copy") ?? null;
      if (!state.isOpen) return;
      message.replaceChildren();
      const count = stores.reduce((sum, store) => sum + store.damaged, 0);
      if (state.damaged !== null && state.damaged !== count) damaged.load();
      state.damaged = count;
      state.stores = stores;
      show({ stores, reports, job });
    } catch (error) {
      if (state.seen === "") message.replaceChildren(notice("alert", "The stores could not be loaded", error.message, button("Try again", null, load, "primary")));
    }
  }

  function show({ stores, reports, job }) {
    const told = stores.map((store) => ({ ...store, ...state.probed.get(store.name) }));
    const seen = JSON.stringify([told, reports, job]);
    if (seen === state.seen) return;
    state.seen = seen;
    keepingFocus(root, () => {
      list.replaceChildren(...told.map((store) => card(store, { load, stores })));
      moves.replaceChildren(...reports.map((report) => moveCard(report, job, () => moveContents(stores, report, load))));
      move.hidden = stores.filter((store) => store.configured).length < 2;
    });
  }

  async function tryOut() {
    attempt.disabled = true;
    try {
      for (const { name, abilities, state: outcome, clock_skew_ms, allows_pages, advice } of await api.stores(true)) {
        state.probed.set(name, { abilities, state: outcome, clock_skew_ms, allows_pages, advice });
      }
      await load();
      const failed = [...state.probed.values()].filter((probe) => probe.state === "fails").length;
      toast(failed === 0 ? "Every store works." : `${format.items(failed, "store does", "stores do")} not work.`, { isError: failed > 0 });
    } catch (error) {
      toastError(error, "The stores could not be tried out");
    } finally {
      attempt.disabled = false;
    }
  }

  const attempt = button("Try out", "check", tryOut);
  const move = button("Move contents", "move", () => moveContents(state.stores, {}, load), "primary");
  move.hidden = true;
  const timer = setInterval(() => { if (document.visibilityState === "visible") load(); }, LOOK_AGAIN_MS);
  root.replaceChildren(h("div.view-head", {}, title("Storage"), h("div.tools", {}, attempt, move)),
    h("div.storage", {}, h("div", {}, list, h("p.hint", {}, "Small contents are kept in the database, and not counted here.")), moves, message, damaged.element));
  load();
  damaged.load();
  return { close: () => { state.isOpen = false; clearInterval(timer); } };
}

const isMoving = (store) => store.moved_to && !store.retired_at;

function card(store, { load, stores }) {
  const others = stores.filter((other) => other.configured && other.name !== store.name);
  const entries = [
    others.length > 0 && store.configured && { label: "Move its contents", icon: "move", run: () => moveContents(stores, { from: store.name }, load) },
    !store.retired_at && { label: "Retire", icon: "out", kind: "danger", run: () => retire(store, load) },
  ].filter(Boolean);
  return h("li.store", {},
    h("div.store-head", {}, h("span.tile.kind-folder", {}, icon("storage")),
      h("div.grow", {}, h("h2.row-name", {}, bdi(store.name), badges(store)), h("p.subline.always", {}, holds(store))),
      entries.length > 0 && iconButton(`Actions for ${store.name}`, "more", (event) => openMenu(event.currentTarget, entries), { "aria-haspopup": "menu" })),
    store.abilities.length > 0 && h("ul.abilities", { "aria-label": `What ${store.name} can do` }, store.abilities.map((word) => h("li", {}, icon("check"), ABILITIES[word] ?? word))),
    outcome(store));
}

function badges(store) {
  return [store.default && h("span.badge", {}, "new files"), store.sealed && h("span.badge", {}, "sealed"),
    store.retired_at && h("span.badge.warn", {}, "retired"), !store.configured && h("span.badge.warn", {}, "not in the settings")];
}

function holds(store) {
  return [`${format.items(store.contents, "content")}, ${format.size(store.bytes)}`,
    store.damaged > 0 && `${store.damaged} damaged`, store.unproven > 0 && `${store.unproven} not read back yet`].filter(Boolean).join(" · ");
}

/** What trying it out has shown. */
function outcome(store) {
  if (!store.state) return null;
  const skew = Math.abs(store.clock_skew_ms ?? 0);
  const works = store.state === "works";
  const said = [...store.advice,
    works && skew >= SKEW_MS && `Its clock is ${format.items(Math.round(skew / 1000), "second")} ${store.clock_skew_ms > 0 ? "ahead of" : "behind"} this server's.`,
    works && store.allows_pages === false && "Pages of this server may not reach it directly."].filter(Boolean);
  return h("div", { class: `store-state ${works ? "works" : "fails"}` }, icon(works ? "check" : "alert"),
    h("div.grow", {}, h("strong", {}, works ? "It works." : "It does not work."), said.length > 0 && h("ul", {}, said.map((text) => h("li", {}, sentence(text))))));
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function moveCard(report, job, again) {
  const isBusy = job && ["pending", "running"].includes(job.status);
  const isDone = report.left === 0;
  const between = `“${report.from}” to “${report.to}”`;
  const heading = `${isBusy ? "Moving" : isDone ? "Moved" : "Not all was moved from"} ${between}`;
  const rest = isDone ? "Nothing refers to the first store any more. It can be retired." : `${format.items(report.left, "content")}, ${format.size(report.left_bytes)} left to move.`;
  return h("section.move", { "aria-label": heading }, h("div.store-head", {}, h("h2.row-name.grow", {}, heading), !isDone && !isBusy && button("Go on", "restore", again)),
    !isDone && h("progress", { max: report.left + report.there, value: report.there, "aria-label": heading }),
    h("p.subline.always", {}, `${rest} “${report.to}” holds ${format.items(report.there, "content")}, ${format.size(report.there_bytes)}.`),
    job?.status === "failed" && h("p.form-error", {}, job.error_message ?? "The move has stopped."),
    report.failures.length > 0 && failures(report.failures));
}

function failures(rows) {
  const more = rows.length - SHOWN_FAILURES;
  return h("div.failures", {}, h("h3", {}, `${format.items(rows.length, "content")} could not be moved`),
    h("ul", { tabindex: "0", "aria-label": "What could not be moved" }, rows.slice(0, SHOWN_FAILURES).map((row) => h("li", {}, h("span.digest", {}, row.blob_id), " ", row.reason)),
      more > 0 && h("li", {}, `and ${format.items(more, "more", "more")}`)));
}
