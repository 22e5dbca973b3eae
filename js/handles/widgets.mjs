/**
 * The node's own number inputs: the only truth. Read and written by name, the host told as if the user had typed.
 * Inside a subgraph an input may have been promoted: then the number lives on the node that holds the subgraph.
 */

import { SIDES } from "./geometry.mjs";
import { linkedTo } from "./graph.mjs";

const DEFAULT_LIMIT = 8192;

/**
 * @typedef {object} Field
 * @property {any} node the node that owns the number
 * @property {any} widget null when there is none
 * @property {boolean} locked the number cannot be set here
 * @property {number|null} linked what a link delivers, where that is known
 */

export class ExtentWidgets {
  /** @param {any} node @param {any} app @param {(output: {node: any, slot: number}, node: any) => number|null} evaluate */
  constructor(node, app, evaluate) {
    this.node = node;
    this.app = app;
    this.evaluate = evaluate;
  }

  /** @returns {Field} */
  field(side) {
    return this.#resolve(this.node, side, 0);
  }

  #resolve(node, name, depth) {
    const widget = node.widgets?.find((candidate) => candidate.name === name) ?? null;
    const linked = linkedTo(node, name);
    if (!linked) return { node, widget, locked: !widget, linked: null };
    if (linked.outside && depth < 8) {
      const outer = this.#resolve(linked.outside.node, linked.outside.name, depth + 1);
      if (outer.widget) return outer;
    }
    return { node, widget, locked: true, linked: linked.output ? this.evaluate(linked.output, this.node) : null };
  }

  /** @returns {{extents: import("./geometry.mjs").Extents, limits: import("./geometry.mjs").Extents,
   *   locked: Set<import("./geometry.mjs").Side>, missing: Set<import("./geometry.mjs").Side>}} */
  read() {
    const state = { extents: {}, limits: {}, locked: new Set(), missing: new Set() };
    for (const side of SIDES) {
      const { widget, locked, linked } = this.field(side);
      state.extents[side] = whole(linked ?? widget?.value);
      state.limits[side] = widget?.options?.max ?? DEFAULT_LIMIT;
      if (locked) state.locked.add(side);
      if (!widget) state.missing.add(side);
    }
    return state;
  }

  /** Writes the sides that changed. @param {import("./geometry.mjs").Extents} extents */
  write(extents) {
    for (const side of SIDES) {
      const { node, widget, locked } = this.field(side);
      if (locked || !widget || whole(widget.value) === extents[side]) continue;
      widget.value = extents[side];
      widget.callback?.(widget.value, this.app.canvas, node);
    }
    this.node.graph?.setDirtyCanvas?.(true, true);
  }

  /** Everything written until `end` is one step of undo. */
  begin() {
    this.app.canvas?.emitBeforeChange?.();
  }

  end() {
    this.app.canvas?.emitAfterChange?.();
  }
}

/** An old workflow may hold anything in its place. */
function whole(value) {
  const number = Math.round(Number(value));
  return Number.isFinite(number) && number > 0 ? number : 0;
}

