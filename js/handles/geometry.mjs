/**
 * Geometry of the canvas and of its handles: no DOM, no ComfyUI. The same arithmetic as nodes/imaging/canvas.py.
 *
 * Two spaces occur. *Picture pixels*: what the four inputs count. *Stage pixels*: CSS pixels inside the widget; a
 * `View` maps the first into the second.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{left: number, right: number, up: number, down: number}} Extents pixels added at each side
 * @typedef {"left"|"right"|"up"|"down"} Side
 * @typedef {{x: -1|0|1, y: -1|0|1}} Handle which way a handle points; {0, 0} is the grip
 * @typedef {{n: number, d: number}} Ratio width over height as a fraction of whole numbers
 * @typedef {{x: number, y: number}} Point
 * @typedef {{scale: number, x: number, y: number}} View stage position of the original's top left corner, and scale
 * @typedef {{x: number, y: number, width: number, height: number}} Rect
 */

/** @type {Side[]} */
export const SIDES = ["left", "right", "up", "down"];

/** @type {Record<Side, Side>} */
export const OPPOSITE = { left: "right", right: "left", up: "down", down: "up" };

/** @type {Readonly<Extents>} */
export const NONE = Object.freeze({ left: 0, right: 0, up: 0, down: 0 });

/** @type {Record<string, Handle>} in the order in which Tab visits them */
export const HANDLES = {
  left: { x: -1, y: 0 },
  "up-left": { x: -1, y: -1 },
  up: { x: 0, y: -1 },
  "up-right": { x: 1, y: -1 },
  right: { x: 1, y: 0 },
  "down-right": { x: 1, y: 1 },
  down: { x: 0, y: 1 },
  "down-left": { x: -1, y: 1 },
};

export const ANCHORS = [
  "top-left", "top", "top-right",
  "left", "center", "right",
  "bottom-left", "bottom", "bottom-right",
];

const clampTo = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Size} original @param {Extents} extents @returns {Size} */
export function canvasSize(original, extents) {
  return {
    width: original.width + extents.left + extents.right,
    height: original.height + extents.up + extents.down,
  };
}

/** @param {Extents} a @param {Extents} b */
export const sameExtents = (a, b) => SIDES.every((side) => a[side] === b[side]);

/** @param {Extents} extents @param {Extents} limits @returns {Extents} */
export function clampExtents(extents, limits) {
  const out = { ...extents };
  for (const side of SIDES) out[side] = clampTo(extents[side], 0, limits[side]);
  return out;
}

/** Half away from zero for positive fractions, exactly as `round_half_up` in Python. */
const roundHalfUp = (numerator, denominator) => Math.floor((2 * numerator + denominator) / (2 * denominator));

const roundUp = (value, multiple) => Math.ceil(value / multiple) * multiple;

/**
 * Width over height from "16:9", "16/9", "16x9" or "1.85".
 * @param {string} text
 * @returns {Ratio}
 * @throws {RangeError} not a positive ratio between 1:100 and 100:1
 */
export function parseRatio(text) {
  const parts = text.trim().toLowerCase().replace(/[/x×]/g, ":").split(":");
  const numbers = parts.map((part) => /^\s*(\d*)(?:\.(\d*))?\s*$/.exec(part));
  if (parts.length > 2 || numbers.some((m) => !m || !(m[1] || m[2]))) throw new RangeError(`not a ratio: ${text}`);
  const fractions = numbers.map(([, whole, decimals = ""]) => ({
    n: Number(whole + decimals),
    d: 10 ** decimals.length,
  }));
  const [a, b = { n: 1, d: 1 }] = fractions;
  const ratio = { n: a.n * b.d, d: a.d * b.n };
  if (!(ratio.n > 0 && ratio.d > 0 && ratio.n <= 100 * ratio.d && ratio.d <= 100 * ratio.n)) {
    throw new RangeError(`not a ratio: ${text}`);
  }
  return ratio;
}

/**
 * Share `extra` pixels between the two sides of an axis: the original keeps to `first`, to `last`, or stays in the
 * middle, where an odd pixel goes to the far side.
 */
function split(extra, anchor, first, last) {
  if (anchor.includes(first)) return [0, extra];
  if (anchor.includes(last)) return [extra, 0];
  return [Math.floor(extra / 2), extra - Math.floor(extra / 2)];
}

/**
 * The extents that put `original` on a canvas of size `target`.
 * @param {Size} original @param {Size} target @param {string} anchor where the original lies, one of ANCHORS
 * @returns {Extents}
 * @throws {RangeError} the target is smaller than the original: outpainting never crops
 */
export function place(original, target, anchor = "center") {
  if (target.width < original.width || target.height < original.height) throw new RangeError("target too small");
  const [left, right] = split(target.width - original.width, anchor, "left", "right");
  const [up, down] = split(target.height - original.height, anchor, "top", "bottom");
  return { left, right, up, down };
}

/**
 * The least extents that give the canvas `ratio`, sides rounded up to `multiple`. The shorter axis grows.
 * @param {Size} original @param {Ratio} ratio @param {string} anchor @param {number} multiple
 * @returns {Extents}
 */
export function toRatio(original, ratio, anchor = "center", multiple = 1) {
  const { width, height } = original;
  const target = { width, height };
  if (width * ratio.d < height * ratio.n) target.width = Math.max(width, roundHalfUp(height * ratio.n, ratio.d));
  else target.height = Math.max(height, roundHalfUp(width * ratio.d, ratio.n));
  return place(original, { width: roundUp(target.width, multiple), height: roundUp(target.height, multiple) }, anchor);
}

/**
 * The extents of a canvas of a given size, 0 = as the original, sides rounded up to `multiple`.
 * @param {Size} original @param {Size} wanted @param {string} anchor @param {number} multiple
 * @returns {Extents}
 * @throws {RangeError} the target is smaller than the original
 */
export function toSize(original, wanted, anchor = "center", multiple = 1) {
  const target = { width: wanted.width || original.width, height: wanted.height || original.height };
  return place(original, { width: roundUp(target.width, multiple), height: roundUp(target.height, multiple) }, anchor);
}

/**
 * `percent` of the original's width and height, shared between the sides by `anchor`.
 * @param {Size} original @param {number} percent a whole number @param {string} anchor
 * @returns {Extents}
 */
export function percentOf(original, percent, anchor = "center") {
  const grown = (length) => length + roundHalfUp(length * percent, 100);
  return place(original, { width: grown(original.width), height: grown(original.height) }, anchor);
}

/** @param {Extents} a @param {Extents} b @returns {Extents} */
export function add(a, b) {
  return { left: a.left + b.left, right: a.right + b.right, up: a.up + b.up, down: a.down + b.down };
}

/**
 * The anchor that these extents follow, and whether they follow it to the pixel.
 * @param {Extents} extents
 * @returns {{anchor: string, exact: boolean}}
 */
export function anchorOf(extents) {
  const axis = (first, last, names) => {
    if (Math.abs(first - last) <= 1) return { word: "", exact: true };
    if (first === 0) return { word: names[0], exact: true };
    if (last === 0) return { word: names[1], exact: true };
    return { word: "", exact: false };
  };
  const horizontal = axis(extents.left, extents.right, ["left", "right"]);
  const vertical = axis(extents.up, extents.down, ["top", "bottom"]);
  const words = [vertical.word, horizontal.word].filter(Boolean);
  return { anchor: words.join("-") || "center", exact: horizontal.exact && vertical.exact };
}

/**
 * @param {Size} size @param {Ratio} ratio
 * @returns whether `size` has this ratio, to the nearest pixel on either axis
 */
export function hasRatio(size, { n, d }) {
  return roundHalfUp(size.height * n, d) === size.width || roundHalfUp(size.width * d, n) === size.height;
}

const dragged = (handle) => ({
  horizontal: handle.x > 0 ? "right" : handle.x < 0 ? "left" : null,
  vertical: handle.y > 0 ? "down" : handle.y < 0 ? "up" : null,
});

/** How far `side` moves outward when the pointer moves by `move`. */
const outward = (side, move) => ({ left: -move.x, right: move.x, up: -move.y, down: move.y })[side];

/**
 * The extents after a handle was pulled. Sides that are not dragged never move, except with `mirror` and `ratio`.
 *
 * @param {Size} size the original
 * @param {Extents} start the extents when the drag began
 * @param {Handle} handle
 * @param {Point} move how far the pointer is from where the drag began, in picture pixels
 * @param {object} how
 * @param {Extents} how.limits largest value of each side
 * @param {Set<Side>} [how.locked] sides that must keep their value
 * @param {boolean} [how.mirror] the opposite side moves as far
 * @param {boolean} [how.ratio] the canvas keeps its ratio
 * @param {number} [how.grain] dragged sides become multiples of this
 * @returns {Extents}
 */
export function drag(size, start, handle, move, { limits, locked = new Set(), mirror = false, ratio = false, grain = 1 }) {
  const sides = Object.values(dragged(handle)).filter((side) => side && !locked.has(side));
  if (!sides.some((side) => outward(side, move) !== 0)) return start;
  if (ratio) return dragKeepingRatio(size, start, handle, move, { limits, locked, mirror, grain });
  const out = { ...start };
  for (const side of sides) {
    const wanted = start[side] + outward(side, move);
    if (wanted === start[side]) continue;
    out[side] = clampTo(Math.round(wanted / grain) * grain, 0, limits[side]);
    const other = OPPOSITE[side];
    if (mirror && !locked.has(other)) {
      out[other] = clampTo(start[other] + out[side] - start[side], 0, limits[other]);
    }
  }
  return out;
}

/**
 * The canvas is scaled by one factor k. Each side takes a share of its axis' growth, and k is held where every side
 * stays within its limits, so that a side at its limit stops the drag instead of bending the ratio.
 */
function dragKeepingRatio(size, start, handle, move, { limits, locked, mirror, grain }) {
  const whole = canvasSize(size, start);
  const { horizontal, vertical } = dragged(handle);
  const shares = {
    ...axisShares(["left", "right"], horizontal, mirror, locked),
    ...axisShares(["up", "down"], vertical, mirror, locked),
  };
  const length = { left: whole.width, right: whole.width, up: whole.height, down: whole.height };
  const growth = (side) => shares[side] * length[side];
  if (shares.left + shares.right === 0 || shares.up + shares.down === 0) return start;

  const moved = [horizontal, vertical].filter((side) => side && growth(side) > 0);
  // The pointer's move along the diagonal counts, so a corner drag has no preferred axis.
  const weight = moved.reduce((sum, side) => sum + length[side] ** 2, 0);
  let k = moved.reduce((sum, side) => sum + (outward(side, move) / growth(side)) * (length[side] ** 2 / weight), 1);
  if (grain > 1 && moved.length) {
    const side = moved[0];
    k = 1 + (Math.round((start[side] + growth(side) * (k - 1)) / grain) * grain - start[side]) / growth(side);
  }
  const involved = SIDES.filter((side) => growth(side) > 0);
  const least = Math.max(...involved.map((side) => 1 - start[side] / growth(side)));
  const most = Math.min(...involved.map((side) => 1 + (limits[side] - start[side]) / growth(side)));
  k = clampTo(k, Math.min(least, 1), Math.max(most, 1));

  const out = { ...start };
  for (const side of involved) {
    out[side] = clampTo(Math.round(start[side] + growth(side) * (k - 1)), 0, limits[side]);
  }
  return out;
}

/** Which part of an axis' growth each of its two sides takes. A locked side leaves its part to the other. */
function axisShares([first, last], side, mirror, locked) {
  const shares = side && !mirror ? { [first]: 0, [last]: 0, [side]: 1 } : { [first]: 0.5, [last]: 0.5 };
  for (const name of [first, last]) {
    if (!locked.has(name)) continue;
    if (!locked.has(OPPOSITE[name]) && shares[name]) shares[OPPOSITE[name]] = 1;
    shares[name] = 0;
  }
  return shares;
}

/**
 * The extents after the picture was pushed about on a canvas that keeps its size.
 * @param {Extents} start
 * @param {Point} move in picture pixels
 * @param {{limits: Extents, locked?: Set<Side>, grain?: number, straight?: boolean}} how `straight`: along one axis
 * @returns {Extents}
 */
export function shift(start, move, { limits, locked = new Set(), grain = 1, straight = false }) {
  const along = (first, last, delta) => {
    if (locked.has(first) || locked.has(last) || delta === 0) return [start[first], start[last]];
    const total = start[first] + start[last];
    const wanted = Math.round((start[first] + delta) / grain) * grain;
    const moved = clampTo(wanted, Math.max(0, total - limits[last]), Math.min(total, limits[first]));
    return [moved, total - moved];
  };
  const sideways = Math.abs(move.x) >= Math.abs(move.y);
  const [left, right] = along("left", "right", straight && !sideways ? 0 : move.x);
  const [up, down] = along("up", "down", straight && sideways ? 0 : move.y);
  return { left, right, up, down };
}

/**
 * The largest view that shows the whole canvas in the middle of a box, never enlarged.
 * @param {Size} original @param {Extents} extents @param {Size} box @param {Point} padding kept free at each side
 * @returns {View}
 */
export function fit(original, extents, box, padding = { x: 0, y: 0 }) {
  const canvas = canvasSize(original, extents);
  const scale = Math.min(
    1,
    Math.max(1, box.width - 2 * padding.x) / canvas.width,
    Math.max(1, box.height - 2 * padding.y) / canvas.height,
  );
  return {
    scale,
    x: (box.width - canvas.width * scale) / 2 + extents.left * scale,
    y: (box.height - canvas.height * scale) / 2 + extents.up * scale,
  };
}

/**
 * `view`, scaled down about the middle of the original just far enough that the whole canvas stays in the box: while
 * a border is pulled the picture rests, until the border reaches the edge of the box.
 * @param {View} view @param {Size} original @param {Extents} extents @param {Size} box @param {number} margin
 * @returns {View}
 */
export function keepInside(view, original, extents, box, margin) {
  const middle = { x: view.x + (original.width * view.scale) / 2, y: view.y + (original.height * view.scale) / 2 };
  const scale = Math.min(
    view.scale,
    Math.max(1, middle.x - margin) / (original.width / 2 + extents.left),
    Math.max(1, box.width - margin - middle.x) / (original.width / 2 + extents.right),
    Math.max(1, middle.y - margin) / (original.height / 2 + extents.up),
    Math.max(1, box.height - margin - middle.y) / (original.height / 2 + extents.down),
  );
  return { scale, x: middle.x - (original.width * scale) / 2, y: middle.y - (original.height * scale) / 2 };
}

/** @param {View} from @param {View} to @param {number} t 0..1 @returns {View} */
export function between(from, to, t) {
  const mix = (a, b) => a + (b - a) * t;
  return { scale: mix(from.scale, to.scale), x: mix(from.x, to.x), y: mix(from.y, to.y) };
}

/** Where the original lies on the stage. @param {View} view @param {Size} original @returns {Rect} */
export function pictureRect(view, original) {
  return { x: view.x, y: view.y, width: original.width * view.scale, height: original.height * view.scale };
}

/** Where the canvas lies on the stage. @param {View} view @param {Size} original @param {Extents} extents @returns {Rect} */
export function canvasRect(view, original, extents) {
  const size = canvasSize(original, extents);
  return {
    x: view.x - extents.left * view.scale,
    y: view.y - extents.up * view.scale,
    width: size.width * view.scale,
    height: size.height * view.scale,
  };
}

/** `rect`, grown about its middle to at least `least` on both axes: handles on it never cover one another. */
export function atLeast(rect, least) {
  const width = Math.max(rect.width, least);
  const height = Math.max(rect.height, least);
  return { x: rect.x - (width - rect.width) / 2, y: rect.y - (height - rect.height) / 2, width, height };
}

/** @param {Rect} rect @param {Handle} handle @returns {Point} */
export function handlePoint(rect, handle) {
  return { x: rect.x + (rect.width * (handle.x + 1)) / 2, y: rect.y + (rect.height * (handle.y + 1)) / 2 };
}

/** The coarsest step of 1, 2, 4 ... 64 picture pixels that a pointer can still tell apart at this scale. */
export function pointerGrain(scale) {
  return clampTo(2 ** Math.floor(Math.log2(1 / scale)), 1, 64);
}
