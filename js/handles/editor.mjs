/**
 * One node's widget: reads the four numbers and the picture, has them drawn, and writes what the user asked for.
 * Everything that changes a number goes through `#change`; everything that shows one goes through `draw`.
 */

import { remark } from "./advice.mjs";
import { h } from "./dom.mjs";
import { adoptPlace, enter } from "./editors.mjs";
import {
  add, anchorOf, canvasSize, clampExtents, drag, HANDLES, hasRatio, NONE, percentOf, place, pointerGrain, sameExtents,
  shift, SIDES, toRatio,
} from "./geometry.mjs";
import { linkedTo } from "./graph.mjs";
import { outcome } from "./outcome.mjs";
import { Painter } from "./painter.mjs";
import { Pictures } from "./pictures.mjs";
import { RATIOS } from "./presets.mjs";
import { Reading } from "./reading.mjs";
import { sidesOf, Stage } from "./stage.mjs";
import { t } from "./text.mjs";
import { coloursOf, themeOf } from "./theme.mjs";
import { Toolbar } from "./toolbar.mjs";
import { Viewport } from "./viewport.mjs";
import { ExtentWidgets } from "./widgets.mjs";

/** Assumed while nothing is known of the picture: handles and numbers work all the same. */
const UNKNOWN = Object.freeze({ width: 1024, height: 1024 });
const SNAP = 64;
/** Nodes that hold one number in their first widget. */
const PRIMITIVES = ["PrimitiveNode", "PrimitiveInt"];

/** @typedef {"api"|"local"|"prepare"|"ratio"} Kind */

export class Editor {
  /**
   * @param {any} node @param {Kind} kind
   * @param {{app: any, sources: import("./source.mjs").Sources, style: string}} host
   */
  constructor(node, kind, { app, sources, style }) {
    this.node = node;
    this.kind = kind;
    this.app = app;
    this.widgets = new ExtentWidgets(node, app, (output) => this.#linkValue(output));
    this.pictures = new Pictures(node, sources, () => this.#pictureChanged());
    this.viewport = new Viewport(() => this.draw());
    this.modes = { mirror: false, ratio: false, snap: false };
    this.live = false;
    this.comparing = false;
    this.note = null;
    this.grabbed = null;
    this.frame = 0;

    const editable = kind !== "ratio";
    this.stage = new Stage(editable ? this.#stageListener() : null);
    this.toolbar = editable ? new Toolbar(this.#wishes()) : null;
    this.reading = new Reading();
    this.painter = new Painter(this.stage.canvas);
    this.root = h("div", {
      class: "outpaint", role: "group", "aria-label": t("editor"), "data-kind": kind,
      onkeydown: (event) => this.#compareKey(event, true),
      onkeyup: (event) => this.#compareKey(event, false),
    // In the widget itself: nothing of the page that others share is touched.
    }, h("style", { text: style }), this.toolbar?.element, this.stage.element, this.reading.element);
    this.root.addEventListener("wheel", (event) => this.#leaveWheelToCanvas(event), { passive: false });
    this.observer = new ResizeObserver(() => this.#measure());
  }

  // ---- life

  /** The node is in a graph. */
  enter() {
    if (this.live) return;
    this.live = true;
    this.observer.observe(this.stage.element);
    enter(this);
    requestAnimationFrame(() => {
      if (!this.live) return;
      if (!this.root.isConnected) adoptPlace(this);
      this.look();
    });
  }

  /** The node left its graph. It may come back. */
  leave() {
    if (!this.live) return;
    this.stage.release(false);
    this.#endSteps();
    this.live = false;
    this.observer.disconnect();
    this.viewport.stop();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** Looks whether anything changed that nobody told of. */
  look() {
    if (!this.live || this.stage.dragging) return;
    const { extents, limits, locked, error } = this.#state();
    this.pictures.find();
    const theme = themeOf(this.root);
    if (theme !== this.theme) this.colours = coloursOf(this.root, this.stage.message);
    this.theme = theme;
    const { connected, certain } = this.pictures;
    const seen = JSON.stringify(
      [extents, limits, [...locked], error, this.#dry(), connected, certain, theme, this.#density()],
    );
    if (seen === this.seen) return;
    this.seen = seen;
    if (!this.viewport.gliding) this.viewport.refit();
    this.#measure();
  }

  /** Somebody else wrote a number. */
  typed() {
    if (!this.writing) this.look();
  }

  /** What the node reported after it ran. */
  executed(output) {
    this.pictures.executed(output);
    this.look();
    this.#invalidate();
  }

  #invalidate() {
    if (this.live) this.frame ||= requestAnimationFrame(() => this.draw());
  }

  #pictureChanged() {
    if (!this.stage.dragging) this.viewport.refit();
    this.#invalidate();
  }

  // ---- what is known

  /** @returns {import("./geometry.mjs").Size} */
  get original() {
    return this.pictures.size ?? UNKNOWN;
  }

  #state() {
    if (this.kind !== "ratio") return this.widgets.read();
    const { extents, error } = outcome(this.node, this.original);
    return { extents: extents ?? { ...NONE }, limits: NONE, locked: new Set(), missing: new Set(), error };
  }

  /** The number that a link delivers, where it can be told before a run. */
  #linkValue({ node, slot }) {
    if (node.comfyClass === "OutpaintToRatio") return outcome(node, this.original).extents?.[SIDES[slot]] ?? null;
    const value = PRIMITIVES.includes(node.type) ? node.widgets?.[0]?.value : null;
    return Number.isFinite(value) ? value : null;
  }

  #dry() {
    return this.node.widgets?.find((widget) => widget.name === "dry_run")?.value === true;
  }

  // ---- what the user asks for

  /** The only place where numbers are written. */
  #change(extents, note = null) {
    this.note = note && { remark: note, of: extents };
    this.seen = null;
    this.writing = true;
    try {
      this.widgets.write(extents);
    } finally {
      this.writing = false;
    }
  }

  /** One wish, one step of undo. */
  #wish(make) {
    const { extents, limits, locked } = this.#state();
    const wanted = make(extents);
    const allowed = clampExtents(wanted, limits);
    for (const side of locked) allowed[side] = extents[side];
    const cut = SIDES.find((side) => !locked.has(side) && allowed[side] < wanted[side]);
    this.widgets.begin();
    this.#change(allowed, cut ? { key: "clamped", values: { n: limits[cut] }, level: "warning" } : null);
    this.widgets.end();
    this.#glide();
  }

  #wishes() {
    const centred = (extents) => place(this.original, canvasSize(this.original, extents), "center");
    return {
      onRatio: (ratio) => this.#wish((extents) => toRatio(this.original, ratio, anchorOf(extents).anchor)),
      onAnchor: (anchor) => this.#wish((extents) => place(this.original, canvasSize(this.original, extents), anchor)),
      onPercent: (percent) => this.#wish((extents) => add(extents, percentOf(this.original, percent, anchorOf(extents).anchor))),
      onReset: () => this.#wish(() => ({ ...NONE })),
      onToggle: (name) => {
        this.modes[name] = !this.modes[name];
        if (name === "mirror" && this.modes.mirror) this.#wish(centred);
        this.#invalidate();
      },
      onCompare: (comparing) => this.#compare(comparing),
    };
  }

  #stageListener() {
    return {
      onGrab: (name) => this.#grab(name),
      onPull: (move, event) => this.#pull(move, event),
      onRelease: (kept) => this.#release(kept),
      onStep: (name, step) => this.#step((state) => this.#moved(name, state, step, {})),
      onStepsEnd: () => this.#endSteps(),
      onReset: (name) => this.#reset(name),
      onExtreme: (name, extreme) => this.#step(({ extents, limits }) => {
        const sides = name === "grip" ? [] : sidesOf(name);
        return { ...extents, ...Object.fromEntries(sides.map((side) => [side, extreme === "most" ? limits[side] : 0])) };
      }),
    };
  }

  #grab(name) {
    const state = this.#state();
    if (!this.viewport.box || (name !== "grip" && sidesOf(name).every((side) => state.locked.has(side)))) return false;
    this.#endSteps();
    const view = this.viewport.hold(this.original, state.extents);
    this.grabbed = { name, state, view, latest: state.extents, began: false };
    return true;
  }

  /** @param {import("./geometry.mjs").Point} move in stage pixels from where the drag began */
  #pull(move, event) {
    const { name, state, view, latest, began } = this.grabbed;
    const pixels = { x: move.x / view.scale, y: move.y / view.scale };
    const wanted = this.#moved(name, state, pixels, event, pointerGrain(view.scale));
    if (sameExtents(wanted, latest)) return;
    if (!began) this.widgets.begin();
    this.grabbed.began = true;
    this.grabbed.latest = wanted;
    this.#change(wanted);
    this.draw();
  }

  #moved(name, { extents, limits, locked }, move, event, pointer = 1) {
    const { ctrlKey = false, metaKey = false, altKey = false, shiftKey = false } = event;
    const grain = ctrlKey || metaKey || this.modes.snap ? SNAP : pointer;
    if (name === "grip") return shift(extents, move, { limits, locked, grain, straight: shiftKey });
    return drag(this.original, extents, HANDLES[name], move, {
      limits, locked, grain, mirror: altKey || this.modes.mirror, ratio: shiftKey || this.modes.ratio,
    });
  }

  #release(kept) {
    const { state, began } = this.grabbed;
    this.grabbed = null;
    this.viewport.release();
    if (!kept && began) this.#change(state.extents);
    if (began) this.widgets.end();
    this.#glide();
  }

  /** Keys held down are one step of undo, from the first press until they are let go. */
  #step(make) {
    const state = this.#state();
    const wanted = clampExtents(make(state), state.limits);
    for (const side of state.locked) wanted[side] = state.extents[side];
    if (sameExtents(wanted, state.extents)) return;
    if (!this.stepping) this.widgets.begin();
    this.stepping = true;
    this.#change(wanted);
    this.#glide();
  }

  #endSteps() {
    if (!this.stepping) return;
    this.stepping = false;
    this.widgets.end();
  }

  #reset(name) {
    this.#wish((extents) => name === "grip"
      ? place(this.original, canvasSize(this.original, extents), "center")
      : { ...extents, ...Object.fromEntries(sidesOf(name).map((side) => [side, 0])) });
  }

  #compare(comparing) {
    const now = comparing && this.pictures.result(this.#state().extents) !== null;
    if (now === this.comparing) return;
    this.comparing = now;
    this.draw();
  }

  #compareKey(event, down) {
    if (event.key.toLowerCase() !== "c" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.pictures.result(this.#state().extents)) return;
    event.preventDefault();
    event.stopPropagation();
    this.#compare(down);
  }

  /** In the classic canvas this element lies above the canvas and would swallow the wheel; in Nodes 2.0 it bubbles. */
  #leaveWheelToCanvas(event) {
    if (!this.root.parentElement?.classList.contains("dom-widget")) return;
    event.preventDefault();
    event.stopPropagation();
    this.app.canvas.canvas.dispatchEvent(new WheelEvent("wheel", event));
  }

  // ---- drawing

  /** Device pixels in a CSS pixel, more where the host has zoomed in. */
  #density() {
    const zoom = Math.min(2, Math.max(1, this.app.canvas?.ds?.scale ?? 1));
    return Math.round((devicePixelRatio || 1) * zoom * 4) / 4;
  }

  #measure() {
    const { clientWidth: width, clientHeight: height } = this.stage.element;
    if (!width || !height) return;
    const density = this.#density();
    const resized = this.viewport.resize({ width, height });
    if (!resized && density === this.painter.density) {
      this.#invalidate();
      return;
    }
    this.painter.resize(this.viewport.box, density);
    this.draw();
  }

  #glide() {
    this.viewport.glide(() => [this.original, this.#state().extents]);
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { box } = this.viewport;
    if (!this.live || !box || !this.colours) return;
    const state = this.#state();
    const { original, pictures } = this;
    const view = this.viewport.at(original, state.extents);
    const result = pictures.result(state.extents);
    this.comparing &&= result !== null;
    this.painter.paint({
      box, view, original, extents: state.extents, picture: pictures.came.picture, result,
      comparing: this.comparing, colours: this.colours,
    });
    this.stage.place(box, view, original, state);
    this.stage.say(this.#message(), this.comparing ? t("original") : "");
    this.toolbar?.show(this.#controls(state, result));
    this.reading.show({
      kind: this.kind, original: pictures.size, certain: pictures.certain, extents: state.extents,
      batch: pictures.batch, dry: this.#dry(), remark: this.#remark(state),
    });
  }

  #message() {
    const { came, source, connected } = this.pictures;
    if (came.broken) return t("broken");
    if (source) return "";
    return t(connected ? "notRunYet" : "noPicture");
  }

  #remark({ extents, error }) {
    if (error) return { key: error, level: "error" };
    if (this.note && sameExtents(this.note.of, extents)) return this.note.remark;
    return remark(this.kind, this.pictures.size, extents, linkedTo(this.node, "model") !== null);
  }

  #controls({ extents, locked }, result) {
    const { anchor, exact } = anchorOf(extents);
    const size = canvasSize(this.original, extents);
    const known = this.pictures.size !== null;
    return {
      anchor: exact ? anchor : null,
      ratio: known ? (RATIOS.find(({ ratio }) => hasRatio(size, ratio))?.name ?? null) : null,
      comparable: result !== null,
      comparing: this.comparing,
      modes: this.modes,
      editable: locked.size < SIDES.length,
    };
  }
}
