// Background work and how far it has come.

import * as api from "../api.js";
import { bdi, button, h, iconButton, notice } from "../dom.js";
import * as format from "../format.js";
import { title } from "../frame.js";
import { toastError } from "../toast.js";

const LOOK_AGAIN_MS = 4000;
const KINDS = {
  upload: "Upload", sweep: "Clean-up", retention: "Retention limits", scrub: "Check of stored bytes", archive: "Archive of the database", purge: "Deletion for good",
  store_copy: "Move between stores", reseal: "New keys of sealed contents", prove: "Reading back an upload", observe: "Look at a connection", mirror: "Mirror",
};
const STATES = { pending: "Waiting", running: "Running", completed: "Done", failed: "Failed", cancelled: "Cancelled" };

/** Shows the jobs, and looks again while it is open. */
export function render(root) {
  const body = h("tbody");
  const message = h("div.list-message");
  const table = h("table.plain", { "aria-label": "Jobs" }, h("thead", {}, h("tr", {},
    ["Job", "State", "Progress", "Started"].map((text) => h("th", { scope: "col" }, text)), h("th", { scope: "col" }, h("span.hidden-text", {}, "Actions")))), body);
  const state = { isOpen: true, seen: "" };

  async function load() {
    try {
      const { jobs } = await api.jobs({ limit: 200 });
      const seen = JSON.stringify(jobs);
      if (!state.isOpen || seen === state.seen) return;
      state.seen = seen;
      body.replaceChildren(...jobs.map((job) => row(job, load)));
      table.hidden = jobs.length === 0;
      message.replaceChildren(...(jobs.length === 0 ? [notice("jobs", "Nothing to do", "Background work such as copies and clean-ups appears here.")] : []));
    } catch (error) {
      if (state.seen === "") message.replaceChildren(notice("alert", "The jobs could not be loaded", error.message, button("Try again", null, load, "primary")));
    }
  }

  const timer = setInterval(() => { if (document.visibilityState === "visible") load(); }, LOOK_AGAIN_MS);
  root.replaceChildren(h("div.view-head", {}, title("Jobs")), h("section.list", {}, table, message));
  load();
  return { close: () => { state.isOpen = false; clearInterval(timer); } };
}

function row(job, load) {
  const act = (work) => work.then(load, toastError);
  const kind = KINDS[job.kind] ?? job.kind ?? "Job";
  const name = job.filename ?? kind;
  const isActive = ["pending", "running"].includes(job.status);
  return h("tr", {},
    h("td", {}, h("div.name-lines", {}, h("span.row-name", {}, bdi(name)), h("span.subline.always", { title: job.error_message }, job.error_message ?? (job.filename ? kind : "")))),
    h("td", {}, h("span", { class: `badge state-${job.status}` }, STATES[job.status] ?? job.status)),
    h("td", {}, h("progress", { max: 100, value: job.progress_percentage ?? 0, "aria-label": `Progress of ${name}` }),
      h("span.subline.always", {}, job.total_bytes ? `${format.size(job.done_bytes)} of ${format.size(job.total_bytes)}` : `${job.progress_percentage ?? 0} %`)),
    h("td", {}, format.time(job.created_at)),
    h("td.col-tools", {}, isActive && iconButton(`Cancel ${name}`, "close", () => act(api.cancelJob(job.job_id))),
      ["failed", "cancelled"].includes(job.status) && iconButton(`Retry ${name}`, "restore", () => act(api.retryJob(job.job_id)))));
}
