/** Draws the picture, the soft preview around it and the outlines. One canvas, no layout reads. */

import { canvasRect, pictureRect, sameExtents } from "./geometry.mjs";
import { copyFor } from "./picture.mjs";
import { surroundings } from "./soften.mjs";

/**
 * @typedef {object} Scene
 * @property {import("./geometry.mjs").Size} box
 * @property {import("./geometry.mjs").View} view
 * @property {import("./geometry.mjs").Size} original
 * @property {import("./geometry.mjs").Extents} extents
 * @property {import("./picture.mjs").Picture|null} picture
 * @property {import("./picture.mjs").Picture|null} result shown in place of the preview
 * @property {boolean} comparing the original alone
 * @property {import("./theme.mjs").Colours} colours
 */

export class Painter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.soft = document.createElement("canvas");
    this.softFor = null;
  }

  /** @param {import("./geometry.mjs").Size} box CSS pixels @param {number} density device pixels in one of them */
  resize(box, density) {
    this.density = density;
    this.canvas.width = Math.max(1, Math.round(box.width * density));
    this.canvas.height = Math.max(1, Math.round(box.height * density));
  }

  /** @param {Scene} scene */
  paint(scene) {
    const { context } = this;
    const { box, view, original, extents, picture, result, comparing, colours } = scene;
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, box.width, box.height);
    const whole = canvasRect(view, original, extents);
    const inner = pictureRect(view, original);

    if (result && !comparing) drawPicture(context, result, whole);
    else {
      if (picture?.levels && !comparing) this.#drawSoft(scene, whole);
      else fillGround(context, whole, colours);
      if (!comparing) veil(context, whole, inner, colours);
      if (picture) drawPicture(context, picture, inner);
      else emptyPicture(context, inner, colours);
    }
    if (inner.width < whole.width || inner.height < whole.height) outlineOriginal(context, inner, Boolean(result));
    context.strokeStyle = colours.accent;
    context.lineWidth = 1.5;
    context.strokeRect(whole.x, whole.y, whole.width, whole.height);
  }

  #drawSoft({ picture, original, extents }, whole) {
    const last = this.softFor;
    const stale =
      !last || last.picture !== picture || !sameExtents(last.extents, extents) || last.original.width !== original.width;
    if (stale) {
      const { width, height, data } = surroundings(picture.levels, original, extents);
      this.soft.width = width;
      this.soft.height = height;
      this.soft.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
      this.softFor = { picture, original, extents };
    }
    this.context.imageSmoothingQuality = "low";
    this.context.drawImage(this.soft, whole.x, whole.y, whole.width, whole.height);
  }
}

function drawPicture(context, picture, rect) {
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "medium";
  const copy = copyFor(picture, rect.width);
  context.drawImage(copy, rect.x, rect.y, Math.max(1, rect.width), Math.max(1, rect.height));
}

/** New area, lightly veiled, so that it never passes for the picture. */
function veil(context, whole, inner, { ground }) {
  context.globalAlpha = 0.3;
  context.fillStyle = ground;
  context.beginPath();
  context.rect(whole.x, whole.y, whole.width, whole.height);
  context.rect(inner.x, inner.y, inner.width, inner.height);
  context.fill("evenodd");
  context.globalAlpha = 1;
}

function fillGround(context, rect, { line }) {
  context.globalAlpha = 0.14;
  context.fillStyle = line;
  context.fillRect(rect.x, rect.y, rect.width, rect.height);
  context.globalAlpha = 1;
}

function emptyPicture(context, rect, { line }) {
  context.globalAlpha = 0.22;
  context.fillStyle = line;
  context.fillRect(rect.x, rect.y, rect.width, rect.height);
  context.globalAlpha = 1;
}

/** White on black shows on any picture. Dashed where the generated area is real. */
function outlineOriginal(context, rect, dashed) {
  context.setLineDash(dashed ? [4, 4] : []);
  context.lineWidth = dashed ? 1.25 : 1;
  for (const [colour, offset] of dashed ? [["rgba(0,0,0,.75)", 4], ["rgba(255,255,255,.95)", 0]] : [["rgba(255,255,255,.8)", 0]]) {
    context.strokeStyle = colour;
    context.lineDashOffset = offset;
    context.strokeRect(rect.x, rect.y, rect.width, rect.height);
  }
  context.setLineDash([]);
}
