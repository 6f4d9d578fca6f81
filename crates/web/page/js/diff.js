// Two sides of a conflict, line by line.

import * as api from "./api.js";
import { h } from "./dom.js";
import * as format from "./format.js";

const PAIRS = [["here", "there", "Ours → theirs"], ["base", "here", "Agreed → ours"], ["base", "there", "Agreed → theirs"]];
const MARKS = { "+": "added", "-": "removed", "@": "hunk" };

/** Shows the difference between two sides of a conflict, and lets the person choose which. */
export function diffOf(conflict) {
  const pairs = PAIRS.filter(([from, to]) => conflict[from] && conflict[to]);
  if (pairs.length === 0) return null;
  const sum = h("p.hint", { role: "status" }, "…");
  const text = h("pre.diff", { tabindex: "0", "aria-label": "Difference", hidden: true });
  let turn = 0;

  async function show([from, to]) {
    const mine = turn += 1;
    try {
      const told = await api.conflictDiff(conflict.id, { from, to });
      if (mine !== turn) return;
      text.hidden = !told.diff;
      text.replaceChildren(...lines(told.diff ?? ""));
      sum.textContent = sumOf(told);
    } catch (error) {
      if (mine !== turn) return;
      text.hidden = true;
      sum.textContent = error.message;
    }
  }

  const chips = pairs.map((pair, i) => h("button.chip", { type: "button", "aria-pressed": String(i === 0), onclick: (event) => {
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip === event.currentTarget));
    show(pair);
  } }, pair[2]));
  show(pairs[0]);
  return h("section", { "aria-labelledby": "difference" }, h("h2", { id: "difference" }, "What differs"),
    pairs.length > 1 && h("div.chips", { role: "group", "aria-label": "What is compared" }, chips), sum, text);
}

function sumOf({ diff, added, removed, truncated, reason }) {
  if (diff === null) return reason ?? "These two cannot be compared.";
  if (diff === "") return "Both are the same.";
  return `${format.items(added, "line")} added, ${removed} removed${truncated ? "; only the beginning is shown" : ""}.`;
}

/** A unified difference as lines that say what each is by their colour too. */
function lines(diff) {
  return diff.replace(/\n$/, "").split("\n").map((line) => {
    const isHead = /^(---|\+\+\+) /.test(line);
    return h("span", { class: `diff-line ${isHead ? "head" : MARKS[line[0]] ?? ""}` }, `${line}\n`);
  });
}
