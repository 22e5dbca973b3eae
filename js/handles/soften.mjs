/**
 * A soft guess at what lies beyond the borders: the picture mirrored at its border and blurred more the farther out.
 * Computed on a grid of at most GRID cells a side from a picture of at most BASE pixels a side. No DOM.
 *
 * @typedef {{width: number, height: number, data: Float32Array}} Level colours as r g b, 0..255
 */

export const BASE = 64;
const GRID = 72;
/** Blur grows by one octave for each doubling of the distance, beginning at this part of the picture's shorter side. */
const SHARP_PART = 0.04;

/**
 * The picture and its halvings down to one pixel.
 * @param {Uint8ClampedArray} rgba @param {number} width @param {number} height
 * @returns {Level[]}
 */
export function buildLevels(rgba, width, height) {
  const data = new Float32Array(width * height * 3);
  for (let i = 0, o = 0; i < rgba.length; i += 4, o += 3) {
    data[o] = rgba[i];
    data[o + 1] = rgba[i + 1];
    data[o + 2] = rgba[i + 2];
  }
  const levels = [{ width, height, data }];
  while (levels[0].width * levels[0].height > 1 && levels.at(-1).width * levels.at(-1).height > 1) {
    levels.push(halve(levels.at(-1)));
  }
  return levels;
}

/** @param {Level} level @returns {Level} */
function halve({ width, height, data }) {
  const w = Math.max(1, width >> 1);
  const h = Math.max(1, height >> 1);
  const out = new Float32Array(w * h * 3);
  for (let y = 0; y < h; y++) {
    const y0 = Math.floor((y * height) / h);
    const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * height) / h));
    for (let x = 0; x < w; x++) {
      const x0 = Math.floor((x * width) / w);
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * width) / w));
      const count = (x1 - x0) * (y1 - y0);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) sum += data[(v * width + u) * 3 + c];
        out[(y * w + x) * 3 + c] = sum / count;
      }
    }
  }
  return { width: w, height: h, data: out };
}

/** Adds `weight` times the bilinear sample at (u, v), both 0..1, to `sum`. */
function sample(level, u, v, weight, sum) {
  const { width, height, data } = level;
  const x = Math.min(Math.max(u * width - 0.5, 0), width - 1);
  const y = Math.min(Math.max(v * height - 0.5, 0), height - 1);
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = x - x0;
  const fy = y - y0;
  const right = x0 + 1 < width ? 3 : 0;
  const below = y0 + 1 < height ? width * 3 : 0;
  const i = (y0 * width + x0) * 3;
  const a = weight * (1 - fx) * (1 - fy);
  const b = weight * fx * (1 - fy);
  const c = weight * (1 - fx) * fy;
  const d = weight * fx * fy;
  for (let k = 0; k < 3; k++) {
    sum[k] += a * data[i + k] + b * data[i + right + k] + c * data[i + below + k] + d * data[i + right + below + k];
  }
}

/** Folds any coordinate back into 0..1, as between two mirrors. */
function mirrored(u) {
  const m = Math.abs(u) % 2;
  return m > 1 ? 2 - m : m;
}

/**
 * @param {Level[]} levels
 * @param {import("./geometry.mjs").Size} original
 * @param {import("./geometry.mjs").Extents} extents
 * @returns {{width: number, height: number, data: Uint8ClampedArray}} the whole canvas, coarse, as RGBA
 */
export function surroundings(levels, original, extents) {
  const width = original.width + extents.left + extents.right;
  const height = original.height + extents.up + extents.down;
  const cell = Math.max(width, height) / GRID;
  const columns = Math.max(2, Math.round(width / cell));
  const rows = Math.max(2, Math.round(height / cell));
  const data = new Uint8ClampedArray(columns * rows * 4);
  const sharp = SHARP_PART * Math.min(original.width, original.height);
  const top = levels.length - 1;
  const sum = [0, 0, 0];
  for (let row = 0, o = 0; row < rows; row++) {
    const y = ((row + 0.5) * height) / rows - extents.up;
    const dy = Math.max(0, -y, y - original.height);
    const v = mirrored(y / original.height);
    for (let column = 0; column < columns; column++, o += 4) {
      const x = ((column + 0.5) * width) / columns - extents.left;
      const dx = Math.max(0, -x, x - original.width);
      const u = mirrored(x / original.width);
      const octave = Math.min(top, Math.log2(1 + Math.hypot(dx, dy) / sharp));
      const low = Math.floor(octave);
      sum[0] = sum[1] = sum[2] = 0;
      sample(levels[low], u, v, low + 1 - octave, sum);
      if (octave > low) sample(levels[low + 1], u, v, octave - low, sum);
      data[o] = sum[0];
      data[o + 1] = sum[1];
      data[o + 2] = sum[2];
      data[o + 3] = 255;
    }
  }
  return { width: columns, height: rows, data };
}
