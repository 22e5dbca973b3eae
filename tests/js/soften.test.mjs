/** Level: pure functions, run by node itself. The soft preview beyond the borders. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { buildLevels, surroundings } from "../../js/handles/soften.mjs";

function picture(width, height, colour) {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set([...colour(x / width, y / height), 255], (y * width + x) * 4);
  }
  return buildLevels(data, width, height);
}

const at = ({ width, data }, column, row) => [...data.subarray((row * width + column) * 4, (row * width + column) * 4 + 3)];

test("levels halve down to one pixel that is the mean", () => {
  const levels = picture(64, 48, (u) => [u < 0.5 ? 0 : 200, 100, 50]);
  assert.deepEqual([levels.at(-1).width, levels.at(-1).height], [1, 1]);
  const [r, g, b] = levels.at(-1).data;
  assert.ok(Math.abs(r - 100) < 6 && Math.abs(g - 100) < 1 && Math.abs(b - 50) < 1);
});

test("a plain picture is continued in its own colour, everywhere", () => {
  const levels = picture(32, 32, () => [12, 160, 240]);
  const out = surroundings(levels, { width: 800, height: 800 }, { left: 8192, right: 100, up: 0, down: 900 });
  for (let i = 0; i < out.data.length; i += 4) {
    assert.deepEqual([...out.data.subarray(i, i + 4)], [12, 160, 240, 255]);
  }
});

test("next to a border the preview has the border's colours, far out it fades to their mean", () => {
  const levels = picture(64, 64, (u, v) => (v < 0.5 ? [0, 0, 250] : [0, 250, 0]));
  const size = { width: 1000, height: 1000 };
  const out = surroundings(levels, size, { left: 0, right: 3000, up: 0, down: 0 });
  const near = Math.round(out.width * 0.26);
  assert.ok(at(out, near, 1)[2] > 200 && at(out, near, out.height - 2)[1] > 200);
  const [, green, blue] = at(out, out.width - 1, 1);
  assert.ok(Math.abs(green - blue) < 120);
});

test("one pixel, and any shape, can be continued", () => {
  const levels = picture(1, 1, () => [9, 8, 7]);
  const out = surroundings(levels, { width: 1, height: 1 }, { left: 0, right: 0, up: 5, down: 5 });
  assert.deepEqual(at(out, 0, 0), [9, 8, 7]);
  assert.ok(out.width >= 2 && out.height >= 2 && out.width * out.height <= 72 * 72);
});
