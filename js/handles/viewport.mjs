/** How the canvas lies on the stage: fitted, held while a border is pulled, gliding to the next fit. */

import { between, fit, keepInside } from "./geometry.mjs";

/** Room for the numbers beside the handles. */
const PADDING = { x: 50, y: 28 };
/** While a border is pulled the canvas may come this near to the edge of the stage. */
const MARGIN = 10;
const GLIDE_MS = 160;

export class Viewport {
  /** @param {() => void} draw */
  constructor(draw) {
    this.draw = draw;
    this.box = null;
    this.view = null;
    this.held = null;
    this.frame = 0;
  }

  /** @param {import("./geometry.mjs").Size} box of the stage @returns {boolean} whether it changed */
  resize(box) {
    if (this.box?.width === box.width && this.box?.height === box.height) return false;
    this.box = box;
    this.refit();
    return true;
  }

  /** The next drawing shows the whole canvas in the middle. */
  refit() {
    this.stop();
    this.view = null;
  }

  /** The picture rests from now on. @returns {import("./geometry.mjs").View} what the pointer is measured by */
  hold(original, extents) {
    this.stop();
    this.held = this.view ?? fit(original, extents, this.box, PADDING);
    return this.held;
  }

  release() {
    this.held = null;
  }

  /** @returns {import("./geometry.mjs").View} */
  at(original, extents) {
    if (this.held) this.view = keepInside(this.held, original, extents, this.box, MARGIN);
    else this.view ??= fit(original, extents, this.box, PADDING);
    return this.view;
  }

  /** Settles around the canvas that `now` tells of. @param {() => [any, any]} now original and extents */
  glide(now) {
    this.stop();
    if (!this.view || !this.box || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.view = null;
      this.draw();
      return;
    }
    const from = this.view;
    const began = performance.now();
    const step = (time) => {
      const part = Math.min(1, Math.max(0, (time - began) / GLIDE_MS));
      this.view = part < 1 ? between(from, fit(...now(), this.box, PADDING), 1 - (1 - part) ** 3) : null;
      this.frame = part < 1 ? requestAnimationFrame(step) : 0;
      this.draw();
    };
    step(began);
  }

  get gliding() {
    return this.frame !== 0;
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }
}
