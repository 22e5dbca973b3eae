/**
 * What the widget says about the canvas: size, growth, cost, and what the node itself would object to. No DOM.
 *
 * @typedef {{key: string, values?: Record<string, string|number>, level: "error"|"warning"|"hint"}} Remark
 */

import { canvasSize, SIDES } from "./geometry.mjs";

/** Limits of the remote service on the picture that it is sent (nodes/service/contract.py). */
export const SERVICE = { side: 64, most: 9437184, ratio: 2.5, credits: 8 };

const NATIVE = 1024 * 1024;
const LAST_PASS = 1.25;

export const megapixels = (pixels) => {
  const value = pixels / 1e6;
  return value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2);
};

/** Part of the original's area that is added, in percent. */
export function addedPercent(original, extents) {
  const { width, height } = canvasSize(original, extents);
  return Math.round((100 * width * height) / (original.width * original.height) - 100);
}

/** The largest extent as a part of the picture's length on that axis. */
function farthest(original, extents) {
  return Math.max(
    extents.left / original.width,
    extents.right / original.width,
    extents.up / original.height,
    extents.down / original.height,
  );
}

/**
 * How many passes outward the farthest side takes, as `Wants.pass_length` and `strip` in nodes/imaging/windows.py
 * plan it for a model of one megapixel. Models trained on other sizes need a few more or less.
 */
export function passes(original, extents) {
  const length = Math.min(Math.max(original.width, original.height) / 2, (4 / 3) * Math.sqrt(NATIVE));
  let rest = Math.max(...SIDES.map((side) => extents[side]));
  let count = 1;
  for (; rest > LAST_PASS * length; rest -= length) count++;
  return count;
}

/**
 * The first thing worth saying, most serious first.
 * @param {"api"|"local"|"prepare"|"ratio"} kind
 * @param {import("./geometry.mjs").Size|null} original null when not known
 * @param {import("./geometry.mjs").Extents} extents
 * @param {boolean} [sampled] a model is connected
 * @returns {Remark|null}
 */
export function remark(kind, original, extents, sampled = false) {
  if (kind === "ratio") return null;
  const service = kind === "api" && original ? serviceRemark(original) : null;
  if (service) return service;
  if (SIDES.every((side) => extents[side] === 0)) return { key: "nothing", level: "hint" };
  if (!original) return null;
  if (farthest(original, extents) > 1) return { key: kind === "api" ? "serviceFar" : "far", level: "warning" };
  const count = kind === "local" && sampled ? passes(original, extents) : 1;
  return count > 1 ? { key: "passes", values: { n: count }, level: "hint" } : null;
}

function serviceRemark({ width, height }) {
  const error = (key, values) => ({ key, values, level: "error" });
  if (Math.min(width, height) < SERVICE.side) return error("serviceSide");
  if (width * height > SERVICE.most) return error("servicePixels", { n: megapixels(width * height) });
  if (Math.max(width, height) > SERVICE.ratio * Math.min(width, height)) return error("serviceRatio");
  return null;
}

/** Credits that one run spends. @param {number} batch pictures in the batch @param {boolean} dry nothing is sent */
export const credits = (batch, dry) => (dry ? 0 : SERVICE.credits * batch);
