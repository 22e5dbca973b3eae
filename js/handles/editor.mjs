/**
 * One node's widget: reads the four numbers and the picture, has them drawn, and writes what the user asked for.
 * Everything that changes a number goes through `#change`; everything that shows one goes through `draw`.
 */

import { remark } from "./advice.mjs";
import { h } from "./dom.mjs";
import { adoptPlace, enter } from "./editors.mjs";
import {
  add, anchorOf, between, canvasSize, clampExtents, drag, fit, HANDLES, hasRatio, keepInside, NONE, percentOf, place,
  pointerGrain, sameExtents, shift, SIDES, toRatio,
} from "./geometry.mjs";
import { linkedTo } from "./graph.mjs";
import { Painter } from "./painter.mjs";
import { loadPicture } from "./picture.mjs";
import { RATIOS } from "./presets.mjs";
import { Reading } from "./reading.mjs";
import { outcome } from "./outcome.mjs";
import { sidesOf, Stage } from "./stage.mjs";
import { t } from "./text.mjs";
import { Toolbar } from "./toolbar.mjs";
import { ExtentWidgets } from "./widgets.mjs";

/** Assumed while nothing is known of the picture: handles and numbers work all the same. */
const UNKNOWN = Object.freeze({ width: 1024, height: 1024 });
const PADDING = { x: 46, y: 28 };
/** While a border is pulled the canvas may come this near to the edge of the stage. */
const MARGIN = 10;
const SNAP = 64;
const REFIT_MS = 160;

/** @typedef {"api"|"local"|"prepare"|"ratio"} Kind */

export class Editor {
  /**
   * @param {any} node @param {Kind} kind
   * @param {{app: any, sources: import("./source.mjs").Sources}} host
   */
  constructor(node, kind, { app, sources }) {
    this.node = node;
    this.kind = kind;
    this.app = app;
    this.sources = sources;
    this.widgets = new ExtentWidgets(node, app, (output) => this.#linkValue(output));
    this.modes = { mirror: false, ratio: false, snap: false };
    this.note = null;
    this.comparing = false;
    this.live = false;
    this.frame = 0;
    this.view = null;
    this.box = null;
    this.grabbed = null;
    this.pictures = { source: emptySlot(), result: emptySlot() };
    this.upstream = { source: null, connected: false };
    this.run = { source: null, result: null, of: null };

    const editable = kind !== "ratio";
    this.stage = new Stage(editable ? this.#stageListener() : null);
    this.toolbar = editable ? new Toolbar(this.#wishes()) : null;
    this.reading = new Reading();
    this.painter = new Painter(this.stage.canvas);
    this.root = h("div", { class: "outpaint", role: "group", "aria-label": t("editor"), "data-kind": kind, onkeydown: (event) => this.#compareKey(event, true), onkeyup: (event) => this.#compareKey(event, false) },
      this.toolbar?.element, this.stage.element, this.reading.element);
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
    this.live = false;
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** Looks whether anything changed that nobody told of. */
  look() {
    if (!this.live || this.stage.dragging) return;
    this.#theme();
    this.#findPictures();
    const { extents, limits, locked, error } = this.#state();
    const seen = JSON.stringify([extents, limits, [...locked], error, this.#dry(), this.colours, this.upstream.connected, this.#density()]);
    if (seen === this.seen) return;
    this.seen = seen;
    this.#measure();
  }

  /** What the node reported after it ran. */
  executed(output) {
    for (const [slot, what] of [["source", "outpaint_source"], ["result", "outpaint_result"]]) {
      const report = this.sources.reported(this.node, what, output);
      if (!report) continue;
      if (slot === "source") this.run = { source: report, result: null, of: null };
      else this.run = { ...this.run, result: report };
    }
    this.run.of = this.sources.upstream(this.node).source?.key ?? null;
    this.look();
    this.invalidate();
  }

  /** Somebody else wrote a number. */
  typed() {
    if (!this.writing) this.look();
  }

  invalidate() {
    if (this.live && !this.writing) this.frame ||= requestAnimationFrame(() => this.draw());
  }

  // ---- what is known

  get original() {
    return this.pictures.source.size ?? UNKNOWN;
  }

  get known() {
    return this.pictures.source.size !== null;
  }

  #state() {
    if (this.kind !== "ratio") return this.widgets.read();
    const made = outcome(this.node, this.original);
    return {
      extents: made.extents ?? { ...NONE }, limits: NONE, locked: new Set(), missing: new Set(), error: made.error,
    };
  }

  /** The number that a link delivers, where it can be told before a run. */
  #linkValue({ node, slot }) {
    if (node.comfyClass === "OutpaintToRatio") return outcome(node, this.original).extents?.[SIDES[slot]] ?? null;
    const primitive = node.type === "PrimitiveNode" || node.comfyClass === "PrimitiveInt";
    const value = primitive ? node.widgets?.[0]?.value : null;
    return Number.isFinite(value) ? value : null;
  }

  #dry() {
    return this.node.widgets?.find((widget) => widget.name === "dry_run")?.value === true;
  }

  #findPictures() {
    this.upstream = this.sources.upstream(this.node);
    const { source } = this.upstream;
    const ran = this.run.source && this.run.of === (source?.key ?? null) ? this.run.source : null;
    const reported = ran ?? (source || this.run.source ? null : this.sources.reported(this.node, "outpaint_source"));
    this.source = source?.certain ? source : (reported ?? source);
    this.batch = ran?.batch ?? 1;
    this.#load("source", this.upstream.connected ? this.source : null);
    this.#load("result", this.#currentResult());
  }

  /** The last result, while the node still asks for what it shows. */
  #currentResult() {
    const { result, of } = this.run;
    if (!result || of !== (this.upstream.source?.key ?? null)) return null;
    const { extents } = this.#state();
    if (result.extents) return sameExtents(result.extents, extents) ? result : null;
    const { width, height } = canvasSize(this.original, extents);
    return result.size?.width === width && result.size?.height === height ? result : null;
  }

  async #load(name, source) {
    const slot = this.pictures[name];
    if (slot.key === (source?.key ?? null)) return;
    const mine = (this.pictures[name] = { ...emptySlot(), key: source?.key ?? null, size: slot.size && source ? slot.size : null });
    this.invalidate();
    if (!source) return;
    try {
      mine.picture = await loadPicture(source.from);
      mine.size = source.size ?? mine.picture.size;
    } catch {
      mine.broken = true;
      mine.size = null;
    }
    if (this.pictures[name] !== mine) return;
    this.view = this.stage.dragging ? this.view : null;
    this.invalidate();
  }

  // ---- what the user asks for

  /** The only place where numbers are written. */
  #change(extents, { note = null } = {}) {
    this.note = note && { remark: note, of: extents };
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
    this.#change(allowed, { note: cut ? { key: "clamped", values: { n: limits[cut] }, level: "warning" } : null });
    this.widgets.end();
    this.#glide();
  }

  #wishes() {
    return {
      onRatio: (ratio) => this.#wish((extents) => toRatio(this.original, ratio, anchorOf(extents).anchor)),
      onAnchor: (anchor) => this.#wish((extents) => place(this.original, canvasSize(this.original, extents), anchor)),
      onPercent: (percent) => this.#wish((extents) => add(extents, percentOf(this.original, percent, anchorOf(extents).anchor))),
      onReset: () => this.#wish(() => ({ ...NONE })),
      onToggle: (name) => {
        this.modes[name] = !this.modes[name];
        if (name === "mirror" && this.modes.mirror) {
          this.#wish((extents) => place(this.original, canvasSize(this.original, extents), "center"));
        }
        this.invalidate();
      },
      onCompare: (comparing) => this.#compare(comparing),
    };
  }

  #stageListener() {
    return {
      onGrab: (name) => this.#grab(name),
      onPull: (move, event) => this.#pull(move, event),
      onRelease: (kept) => this.#release(kept),
      onStep: (name, step) => this.#step(name, (state) => this.#moved(name, state, step, {})),
      onStepsEnd: () => this.#endSteps(),
      onReset: (name) => this.#reset(name),
      onExtreme: (name, extreme) => this.#step(name, ({ extents, limits }) => {
        if (name === "grip") return extents;
        return { ...extents, ...Object.fromEntries(sidesOf(name).map((side) => [side, extreme === "most" ? limits[side] : 0])) };
      }),
      onAttention: () => {},
    };
  }

  #grab(name) {
    const state = this.#state();
    const sides = sidesOf(name);
    if (name !== "grip" && sides.every((side) => state.locked.has(side))) return false;
    this.#endSteps();
    this.#measure();
    // What the pointer sees is what counts, also in the middle of a glide.
    this.view ??= this.#fitted(state.extents);
    this.grabbed = { name, state, view: this.view, latest: state.extents, began: false };
    return true;
  }

  /** @param {import("./geometry.mjs").Point} move in stage pixels from where the drag began */
  #pull(move, event) {
    const { name, state, view } = this.grabbed;
    const pixels = { x: move.x / view.scale, y: move.y / view.scale };
    const wanted = this.#moved(name, state, pixels, event, pointerGrain(view.scale));
    if (sameExtents(wanted, this.grabbed.latest)) return;
    if (!this.grabbed.began) this.widgets.begin();
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
    if (!kept && began) this.#change(state.extents);
    if (began) this.widgets.end();
    this.look();
    this.#glide();
  }

  /** Keys held down are one step of undo, from the first press until they are let go. */
  #step(name, make) {
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
    const now = comparing && this.pictures.result.picture !== null;
    if (now === this.comparing) return;
    this.comparing = now;
    this.draw();
  }

  #compareKey(event, down) {
    if (event.key.toLowerCase() !== "c" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.pictures.result.picture) return;
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

  #theme() {
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(name).trim();
    const text = colour("color") || style.color;
    this.root.toggleAttribute("data-light", luminance(text) < 128);
    this.colours = { accent: this.#resolved("--outpaint-accent"), ground: this.#resolved("--outpaint-ground"), line: style.color };
  }

  /** A canvas cannot read var() or color-mix(): the browser computes the colour on an element. */
  #resolved(name) {
    this.stage.message.style.backgroundColor = `var(${name})`;
    const value = getComputedStyle(this.stage.message).backgroundColor;
    this.stage.message.style.backgroundColor = "";
    return value;
  }

  #density() {
    const zoom = Math.min(2, Math.max(1, this.app.canvas?.ds?.scale ?? 1));
    return Math.round((window.devicePixelRatio || 1) * zoom * 4) / 4;
  }

  #measure() {
    const { clientWidth: width, clientHeight: height } = this.stage.element;
    if (!width || !height) return;
    const density = this.#density();
    if (this.box?.width !== width || this.box?.height !== height || this.density !== density) {
      this.box = { width, height };
      this.density = density;
      this.painter.resize(this.box, density);
      this.view = null;
      this.draw();
      return;
    }
    if (!this.gliding) this.view = null;
    this.invalidate();
  }

  #fitted(extents) {
    return fit(this.original, extents, this.box, PADDING);
  }

  /** Lets the view settle around the new canvas. */
  #glide() {
    if (!this.view || !this.box || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.view = null;
      this.draw();
      return;
    }
    const from = this.view;
    const began = performance.now();
    this.gliding = true;
    const step = (now) => {
      if (!this.live || this.stage.dragging) {
        this.gliding = false;
        return;
      }
      const part = Math.min(1, Math.max(0, (now - began) / REFIT_MS));
      this.view = part < 1 ? between(from, this.#fitted(this.#state().extents), 1 - (1 - part) ** 3) : null;
      this.gliding = part < 1;
      this.draw();
      if (part < 1) this.frame = requestAnimationFrame(step);
    };
    cancelAnimationFrame(this.frame);
    step(began);
  }

  draw() {
    this.frame = 0;
    if (!this.box || !this.colours) return;
    const state = this.#state();
    const { original } = this;
    if (this.grabbed) this.view = keepInside(this.grabbed.view, original, state.extents, this.box, MARGIN);
    else this.view ??= this.#fitted(state.extents);
    const result = this.#currentResult() === null ? null : this.pictures.result.picture;
    const { picture, broken } = this.pictures.source;
    this.painter.paint({
      box: this.box, view: this.view, original, extents: state.extents, picture, result,
      comparing: this.comparing, colours: this.colours,
    });
    this.stage.place(this.box, this.view, original, state);
    this.stage.say(broken ? t("broken") : picture || this.source ? "" : t(this.upstream.connected ? "notRunYet" : "noPicture"), this.comparing ? t("original") : "");
    this.toolbar?.show(this.#toolbarState(state, result));
    const size = this.known ? original : null;
    this.reading.show({
      kind: this.kind, original: size, certain: this.source?.certain ?? false, extents: state.extents,
      batch: this.batch, dry: this.#dry(), remark: this.#remark(state, size),
    });
  }

  #remark({ extents, error }, size) {
    if (error) return { key: error, level: "error" };
    if (this.note && sameExtents(this.note.of, extents)) return this.note.remark;
    return remark(this.kind, size, extents, linkedTo(this.node, "model") !== null);
  }

  #toolbarState({ extents, locked }, result) {
    const { anchor, exact } = anchorOf(extents);
    const size = canvasSize(this.original, extents);
    return {
      anchor: exact ? anchor : null,
      ratio: this.known ? (RATIOS.find(({ ratio }) => hasRatio(size, ratio))?.name ?? null) : null,
      comparable: result !== null,
      comparing: this.comparing,
      modes: this.modes,
      editable: locked.size < SIDES.length,
    };
  }
}

const emptySlot = () => ({ key: null, picture: null, size: null, broken: false });

function luminance(colour) {
  const [r = 255, g = 255, b = 255] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b;
}
