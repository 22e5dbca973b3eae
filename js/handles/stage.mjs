/**
 * The stage: canvas, handles and their numbers. Turns pointer and keys into moves in picture pixels; decides nothing.
 */

import { h, icon, setAttribute, setText } from "./dom.mjs";
import { atLeast, canvasRect, HANDLES, handlePoint, pictureRect, SIDES } from "./geometry.mjs";
import { t } from "./text.mjs";

/** Side of a handle's hit area in CSS pixels. */
const HIT = 24;
/** Handles keep at least this frame, however thin the canvas is. */
const LEAST_FRAME = 72;
/** The grip needs some picture, or the handles' frame, around it. */
const GRIP_ROOM = 44;

/** How far a number stands from its handle, and half of what it takes up. */
const LABEL = { x: 27, y: 17, halfWidth: 22, halfHeight: 10 };

export const HANDLE_NAMES = Object.keys(HANDLES);
const TEXT_KEYS = {
  left: "left", right: "right", up: "up", down: "down",
  "up-left": "upLeft", "up-right": "upRight", "down-left": "downLeft", "down-right": "downRight",
};
const ARROWS = { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: -1 }, ArrowDown: { x: 0, y: 1 } };

/** The sides that a handle moves. @returns {import("./geometry.mjs").Side[]} */
export function sidesOf(name) {
  return name === "grip" ? [...SIDES] : name.split("-");
}

/**
 * @typedef {object} Listener
 * @property {(name: string) => boolean} onGrab whether the handle may be dragged
 * @property {(move: import("./geometry.mjs").Point, event: {shiftKey: boolean, altKey: boolean, ctrlKey: boolean, metaKey: boolean}) => void} onPull
 * @property {(kept: boolean) => void} onRelease
 * @property {(name: string, step: import("./geometry.mjs").Point) => void} onStep a key moved the handle
 * @property {() => void} onStepsEnd the key was let go
 * @property {(name: string) => void} onReset
 * @property {(name: string, extreme: "least"|"most") => void} onExtreme
 */

export class Stage {
  /** @param {Listener|null} listener null: nothing can be moved */
  constructor(listener) {
    this.listener = listener;
    this.canvas = h("canvas", { class: "outpaint-canvas", "aria-hidden": "true" });
    this.message = h("div", { class: "outpaint-message" });
    this.badge = h("div", { class: "outpaint-badge", hidden: true });
    this.labels = Object.fromEntries(SIDES.map((side) => [side, this.#label(side)]));
    this.handles = listener ? Object.fromEntries(HANDLE_NAMES.map((name) => [name, this.#handle(name)])) : {};
    this.grip = listener ? this.#grip() : null;
    this.element = h("div", { class: "outpaint-stage" }, this.canvas, this.message, this.badge);
    this.element.append(...Object.values(this.labels), ...Object.values(this.handles));
    if (this.grip) this.element.append(this.grip);
    this.active = null;
  }

  get dragging() {
    return this.active !== null;
  }

  #label(side) {
    const number = h("span");
    return h("div", { class: "outpaint-label", "data-side": side, "aria-hidden": "true" }, number, icon("lock"));
  }

  #handle(name) {
    const kind = name.includes("-") ? "corner" : "edge";
    return this.#slider(name, t(TEXT_KEYS[name]), `outpaint-handle outpaint-${kind}`);
  }

  #grip() {
    const grip = this.#slider("grip", t("grip"), "outpaint-grip");
    grip.append(icon("move"));
    return grip;
  }

  #slider(name, label, style) {
    return h("div", {
      class: style,
      "data-handle": name,
      role: "slider",
      tabindex: 0,
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-orientation": name === "up" || name === "down" ? "vertical" : "horizontal",
      onpointerdown: (event) => this.#grab(event, name),
      ondblclick: (event) => {
        event.stopPropagation();
        this.listener.onReset(name);
      },
      onkeydown: (event) => this.#keydown(event, name),
      onkeyup: () => this.listener.onStepsEnd(),
      onblur: () => this.listener.onStepsEnd(),
    });
  }

  // ---- pointer

  #grab(event, name) {
    if (event.button !== 0) return;
    event.stopPropagation();
    if (this.active) {
      this.release(false);
      return;
    }
    if (!this.listener.onGrab(name)) return;
    const rect = this.element.getBoundingClientRect();
    const target = event.currentTarget;
    target.setPointerCapture(event.pointerId);
    const listeners = [
      [target, "pointermove", (move) => this.#move(move)],
      [target, "pointerup", (up) => this.#drop(up)],
      [target, "pointercancel", () => this.release(false)],
      [target, "lostpointercapture", () => this.release(true)],
      // A second finger means a pinch: the drag is taken back and the gesture left to the host.
      [document, "pointerdown", (other) => other.pointerId !== event.pointerId && this.release(false)],
    ];
    for (const [element, type, listener] of listeners) element.addEventListener(type, listener, true);
    this.active = {
      name,
      pointer: event.pointerId,
      target,
      x: event.clientX,
      y: event.clientY,
      // The host zooms its canvas by a CSS transform; pointer coordinates do not know it.
      zoom: rect.width / (this.element.offsetWidth || rect.width || 1),
      latest: null,
      frame: 0,
      listeners,
    };
    target.classList.add("outpaint-active");
    this.element.classList.add("outpaint-dragging");
  }

  #move(event) {
    if (!this.active || event.pointerId !== this.active.pointer) return;
    event.stopPropagation();
    this.active.latest = event;
    this.active.frame ||= requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    const { active } = this;
    if (!active) return;
    active.frame = 0;
    const event = active.latest;
    if (!event) return;
    active.latest = null;
    this.listener.onPull({ x: (event.clientX - active.x) / active.zoom, y: (event.clientY - active.y) / active.zoom }, event);
  }

  #drop(event) {
    if (!this.active || event.pointerId !== this.active.pointer) return;
    event.stopPropagation();
    this.#flush();
    this.release(true);
  }

  /** Ends the drag; `kept` false puts the numbers back. */
  release(kept) {
    const { active } = this;
    if (!active) return;
    this.active = null;
    cancelAnimationFrame(active.frame);
    for (const [element, type, listener] of active.listeners) element.removeEventListener(type, listener, true);
    if (active.target.hasPointerCapture(active.pointer)) active.target.releasePointerCapture(active.pointer);
    active.target.classList.remove("outpaint-active");
    this.element.classList.remove("outpaint-dragging");
    this.listener.onRelease(kept);
  }

  // ---- keys

  #keydown(event, name) {
    if (event.key === "Escape" && this.active) this.release(false);
    else if (ARROWS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const step = event.shiftKey ? 8 : 1;
      this.listener.onStep(name, this.#stepOf(name, event.key, step));
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      this.listener.onStep(name, outwardStep(name, event.key === "PageUp" ? 64 : -64));
    } else if (event.key === "Home") this.listener.onExtreme(name, "least");
    else if (event.key === "End") this.listener.onExtreme(name, "most");
    else if (event.key === "Delete" || event.key === "Backspace") this.listener.onReset(name);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A border goes where the arrow points; arrows across it count as more and less, as sliders do. */
  #stepOf(name, key, step) {
    const arrow = ARROWS[key];
    const handle = HANDLES[name] ?? { x: 1, y: 1 };
    const along = { x: handle.x ? arrow.x * step : 0, y: handle.y ? arrow.y * step : 0 };
    if (along.x || along.y) return along;
    return outwardStep(name, key === "ArrowUp" || key === "ArrowRight" ? step : -step);
  }

  // ---- drawing

  /**
   * Puts every handle and number where the canvas is.
   * @param {import("./geometry.mjs").Size} box
   * @param {import("./geometry.mjs").View} view
   * @param {import("./geometry.mjs").Size} original
   * @param {{extents: any, limits: any, locked: Set<string>, missing: Set<string>}} state
   */
  place(box, view, original, { extents, limits, locked, missing }) {
    const frame = atLeast(canvasRect(view, original, extents), LEAST_FRAME);
    for (const side of SIDES) this.#placeLabel(side, box, frame, extents[side], locked.has(side));
    if (!this.listener) return;
    for (const name of HANDLE_NAMES) {
      const handle = HANDLES[name];
      const element = this.handles[name];
      const point = handlePoint(frame, handle);
      const width = handle.x === 0 ? Math.max(HIT, frame.width - 2 * HIT) : HIT;
      const height = handle.y === 0 ? Math.max(HIT, frame.height - 2 * HIT) : HIT;
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
      element.style.transform = `translate(${point.x - width / 2}px, ${point.y - height / 2}px)`;
      this.#describe(element, sidesOf(name), { extents, limits, locked, missing });
    }
    const inner = pictureRect(view, original);
    const roomy = Math.min(frame.width, frame.height) >= GRIP_ROOM;
    const middle = { x: inner.x + inner.width / 2, y: inner.y + inner.height / 2 };
    this.grip.style.transform = `translate(${middle.x - HIT / 2}px, ${middle.y - HIT / 2}px)`;
    const movable = (a, b) => !locked.has(a) && !locked.has(b) && extents[a] + extents[b] > 0;
    const idle = !roomy || (!movable("left", "right") && !movable("up", "down"));
    this.grip.classList.toggle("outpaint-idle", idle && this.active?.name !== "grip");
    setAttribute(this.grip, "aria-disabled", String(idle));
    setAttribute(this.grip, "tabindex", idle ? -1 : 0);
    setAttribute(this.grip, "aria-valuemax", extents.left + extents.right);
    setAttribute(this.grip, "aria-valuenow", extents.left);
    setAttribute(this.grip, "aria-valuetext", SIDES.map((side) => `${t(side)} ${extents[side]}`).join(", "));
  }

  /** @param {string} message at the foot of the stage @param {string} badge in its corner */
  say(message, badge) {
    setText(this.message, message);
    setText(this.badge, badge);
    this.badge.hidden = !badge;
  }

  #placeLabel(side, box, frame, value, locked) {
    const label = this.labels[side];
    const at = handlePoint(frame, HANDLES[side]);
    const x = beside(at.x, HANDLES[side].x * LABEL.x, box.width, LABEL.halfWidth);
    const y = beside(at.y, HANDLES[side].y * LABEL.y, box.height, LABEL.halfHeight);
    setText(label.firstChild, value > 0 || !locked ? String(value) : "");
    label.classList.toggle("outpaint-zero", value === 0 && !locked);
    label.classList.toggle("outpaint-locked", locked);
    label.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
  }

  #describe(element, sides, { extents, limits, locked, missing }) {
    const [a, b] = sides;
    const stuck = sides.every((side) => locked.has(side));
    const reason = missing.has(a) ? t("missing") : t("locked");
    const value = b ? t("pixelsAndPixels", { a: extents[a], b: extents[b] }) : t("pixels", { n: extents[a] });
    element.classList.toggle("outpaint-stuck", stuck);
    setAttribute(element, "aria-disabled", String(stuck));
    setAttribute(element, "aria-valuemax", b ? limits[a] + limits[b] : limits[a]);
    setAttribute(element, "aria-valuenow", b ? extents[a] + extents[b] : extents[a]);
    setAttribute(element, "aria-valuetext", stuck ? `${value}, ${reason}` : value);
    setAttribute(element, "title", stuck ? reason : null);
  }
}

/** Outside the canvas where there is room on the stage, else as far inside. */
function beside(at, away, length, half) {
  const outside = at + away;
  return outside < half || outside > length - half ? at - away : outside;
}

function outwardStep(name, step) {
  const handle = HANDLES[name] ?? { x: 1, y: 1 };
  return { x: handle.x * step, y: handle.y * step };
}
