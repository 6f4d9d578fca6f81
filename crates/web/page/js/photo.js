// The signed-in person's photo, or their initials where they have none.

import * as api from "./api.js";
import { h } from "./dom.js";
import { session } from "./session.js";
import { toast, toastError } from "./toast.js";

/** Told apart by browsers that keep the old photo for a while. */
let mark = 0;

/** A round picture that follows what the person changes, until `until.signal` says so. */
export function avatar(until) {
  const circle = h("span.avatar", { "aria-hidden": "true" });
  let shown = null;
  const show = () => {
    const { me } = session;
    if (!me) return;
    const initials = initialsOf(me.full_name || me.email);
    const src = me.has_photo ? api.photoUrl(mark) : null;
    if (shown === (src ?? initials)) return;
    shown = src ?? initials;
    const drop = () => { shown = null; circle.replaceChildren(initials); };
    circle.replaceChildren(src ? h("img", { src, alt: "", onerror: drop }) : initials);
  };
  session.addEventListener("me", show, until);
  show();
  return circle;
}

/** The line of the account's dialog in which the photo is chosen and taken away. */
export function photoLine(until) {
  const input = h("input", { type: "file", accept: "image/jpeg,image/png,image/gif,image/webp", "aria-label": "Photo", hidden: true });
  const choose = h("button.button", { type: "button", onclick: () => input.click() });
  const remove = h("button.button", { type: "button", onclick: () => change(() => api.removePhoto(), "Your photo is removed.") }, "Remove photo");
  const show = () => {
    const hasPhoto = Boolean(session.me?.has_photo);
    choose.textContent = hasPhoto ? "Change photo" : "Choose a photo";
    remove.hidden = !hasPhoto;
  };
  const change = async (work, text) => {
    choose.disabled = remove.disabled = true;
    try {
      await work();
      mark = Date.now();
      await session.load();
      toast(text);
    } catch (error) {
      toastError(error);
    }
    choose.disabled = remove.disabled = false;
  };
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file) change(() => api.setPhoto(file), "Your photo is saved.");
    input.value = "";
  });
  session.addEventListener("me", show, until);
  show();
  return h("div.photo-line", {}, avatar(until), choose, remove, input);
}

function initialsOf(name) {
  const words = name.split("@")[0].split(/[\s._-]+/).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("") || "?";
}
