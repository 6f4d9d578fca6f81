// One file beside the list: what it looks like, what is known of it, its versions.

import * as actions from "../actions.js";
import * as api from "../api.js";
import { bdi, h, icon, iconButton, notice } from "../dom.js";
import { confirm } from "../dialogs.js";
import * as format from "../format.js";
import { folderPath, placeName } from "../list.js";
import { previewOf } from "../preview.js";
import { go, toPath, withFile } from "../route.js";
import { session } from "../session.js";
import { toast, toastError } from "../toast.js";

const ORIGINS = { api: "API", web: "this page", restore: "restored", copy: "copied", webdav: "WebDAV", link: "a public link" };

/** Shows the node `params.id` in `root`. */
export function render(root, params) {
  const title = h("h2", {}, "Details");
  const body = h("div.details-body", { "aria-busy": "true" });
  const leave = () => go(withFile(null));
  const state = { turn: 0, etag: null };
  root.replaceChildren(h("header.details-head", {}, title, iconButton("Close details", "close", leave)), body);
  const onKey = (event) => { if (event.key === "Escape" && root.contains(event.target)) leave(); };
  root.addEventListener("keydown", onKey);

  async function load() {
    const turn = state.turn += 1;
    try {
      const node = await api.node(params.id);
      const versions = node.kind === "file" ? await api.versions(node.id) : [];
      if (turn !== state.turn) return;
      title.replaceChildren(bdi(node.name || "My files"));
      // A picture that did not change must not flicker, nor a song stop.
      if (state.etag !== node.etag) state.picture = previewOf(node, api);
      state.etag = node.etag;
      body.replaceChildren(state.picture, buttons(node), facts(node), ...(node.kind === "file" ? [versionsOf(node, versions)] : []));
    } catch (error) {
      if (turn === state.turn) body.replaceChildren(notice("alert", error.status === 404 ? "This file is not here any more" : "It could not be loaded", error.status === 404 ? null : error.message));
    }
    body.setAttribute("aria-busy", "false");
  }

  const onChange = ({ detail }) => { if (!detail || detail.node_id === params.id) load(); };
  session.addEventListener("change", onChange);
  for (const name of ["caught-up", "acted"]) session.addEventListener(name, onChange);
  load();
  return {
    close: () => {
      state.turn += 1;
      root.removeEventListener("keydown", onKey);
      session.removeEventListener("change", onChange);
      for (const name of ["caught-up", "acted"]) session.removeEventListener(name, onChange);
    },
  };
}

function buttons(node) {
  const isFile = node.kind === "file";
  return h("div.details-actions", {},
    isFile && h("a.button.primary", { href: api.contentUrl(node.id), download: node.name }, icon("download"), "Download"),
    h("span.grow"),
    node.may_share && (node.right !== "own" || node.parent_id) && iconButton("Share", "share", () => actions.share(node)),
    node.right !== "view" && iconButton("Rename", "pencil", () => actions.rename(node)),
    node.right === "own" && iconButton("Move", "move", () => actions.move([node])),
    iconButton(node.starred ? "Remove star" : "Add star", "star", () => actions.toggleStar([node]), { "aria-pressed": String(Boolean(node.starred)), class: `icon-button star ${node.starred ? "on" : ""}` }),
    (node.right === "own" || (node.right === "edit" && node.parent_id)) && iconButton("Delete", "trash", async () => { await actions.trash([node]); go(withFile(null)); }));
}

function facts(node) {
  const isFile = node.kind === "file";
  const place = node.path ? folderPath(node.path) : null;
  const rows = [
    isFile && ["Size", h("span", { title: format.exactSize(node.size) }, format.size(node.size))],
    isFile && ["Type", node.mime_type ?? "unknown"],
    place && node.right === "own" && ["Folder", h("a", { href: place === "/" ? "#/folder/root" : toPath(place) }, bdi(placeName(place)))],
    node.right !== "own" && ["Shared", node.right === "edit" ? "with you, to edit" : "with you, to view"],
    ["Modified", format.time(node.updated_at)],
    ["Created", format.time(node.created_at)],
    node.sha256 && ["SHA-256", h("code.digest", { title: node.sha256 }, node.sha256)],
  ].filter(Boolean);
  return h("dl.facts", {}, rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

function versionsOf(node, versions) {
  return h("section.versions", { "aria-labelledby": "versions-title" }, h("h3", { id: "versions-title" }, `Versions (${versions.length})`),
    h("ol", {}, versions.map((version) => versionRow(node, version))));
}

function versionRow(node, version) {
  const { number } = version;
  const act = (work, text) => work.then(() => { toast(text); session.dispatchEvent(new Event("acted")); }, toastError);
  const drop = async () => {
    const isSure = await confirm({ title: `Delete version ${number}?`, text: "Its content is deleted for good. The other versions stay.", action: "Delete version", isDanger: true });
    if (isSure) act(api.removeVersion(node.id, number), `Version ${number} deleted.`);
  };
  return h("li.version", {},
    h("div.version-text", {}, h("strong", {}, `Version ${number}`), version.current && h("span.badge", {}, "current"),
      h("span.subline", {}, format.time(version.created_at), " · ", format.size(version.size), version.origin && ` · ${ORIGINS[version.origin] ?? version.origin}`)),
    h("a.icon-button", { href: api.versionUrl(node.id, number), download: node.name, "aria-label": `Download version ${number}`, title: "Download" }, icon("download")),
    !version.current && node.right !== "view" && iconButton(`Restore version ${number}`, "restore", () => act(api.restoreVersion(node.id, number), `Version ${number} is current again.`)),
    !version.current && node.right === "own" && iconButton(`Delete version ${number}`, "trash", drop));
}
