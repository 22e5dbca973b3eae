/** Level: pure functions, run by node itself. What a pull on each handle does to the four extents. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as g from "../../js/handles/geometry.mjs";

const LIMITS = { left: 8192, right: 8192, up: 8192, down: 8192 };
const SIZE = { width: 1000, height: 500 };

/** A generator of whole numbers that gives the same ones in every run. */
function numbers(seed) {
  let state = seed;
  return (low, high) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return low + (state % (high - low + 1));
  };
}

function* cases(count) {
  const next = numbers(7);
  const names = Object.keys(g.HANDLES);
  for (let i = 0; i < count; i++) {
    const limits = Object.fromEntries(g.SIDES.map((side) => [side, next(0, 3000)]));
    const start = Object.fromEntries(g.SIDES.map((side) => [side, next(0, limits[side])]));
    const name = names[next(0, names.length - 1)];
    yield {
      name,
      handle: g.HANDLES[name],
      size: { width: next(1, 4000), height: next(1, 4000) },
      start,
      move: { x: next(-5000, 5000), y: next(-5000, 5000) },
      how: { limits, grain: [1, 4, 64][next(0, 2)], locked: new Set(next(0, 3) === 0 ? [g.SIDES[next(0, 3)]] : []) },
    };
  }
}

test("a side that is not dragged never moves", () => {
  for (const { name, handle, size, start, move, how } of cases(2000)) {
    const out = g.drag(size, start, handle, move, how);
    for (const side of g.SIDES) if (!name.split("-").includes(side)) assert.equal(out[side], start[side]);
  }
});

test("whatever is pulled, with whatever key, stays whole and within its limits, and a locked side stays put", () => {
  for (const { handle, size, start, move, how } of cases(2000)) {
    for (const keys of [{}, { mirror: true }, { ratio: true }, { mirror: true, ratio: true }]) {
      const out = g.drag(size, start, handle, move, { ...how, ...keys });
      for (const side of g.SIDES) {
        assert.ok(Number.isInteger(out[side]) && out[side] >= 0 && out[side] <= how.limits[side], `${side} ${out[side]}`);
        if (how.locked.has(side)) assert.equal(out[side], start[side]);
      }
    }
  }
});

test("no move, no change", () => {
  for (const { handle, size, start, how } of cases(500)) {
    for (const keys of [{}, { mirror: true }, { ratio: true }]) {
      assert.deepEqual(g.drag(size, start, handle, { x: 0, y: 0 }, { ...how, ...keys }), start);
    }
  }
});

test("a handle follows the pointer pixel by pixel", () => {
  const start = { left: 10, right: 20, up: 30, down: 40 };
  const pull = (name) => g.drag(SIZE, start, g.HANDLES[name], { x: 7, y: -5 }, { limits: LIMITS });
  assert.deepEqual(pull("right"), { left: 10, right: 27, up: 30, down: 40 });
  assert.deepEqual(pull("left"), { left: 3, right: 20, up: 30, down: 40 });
  assert.deepEqual(pull("up-right"), { left: 10, right: 27, up: 35, down: 40 });
  assert.deepEqual(pull("down-left"), { left: 3, right: 20, up: 30, down: 35 });
});

test("a mirrored pull moves the opposite side as far", () => {
  const out = g.drag(SIZE, { left: 10, right: 30, up: 0, down: 0 }, g.HANDLES.right, { x: 50, y: 0 }, { limits: LIMITS, mirror: true });
  assert.deepEqual(out, { left: 60, right: 80, up: 0, down: 0 });
});

test("with ratio the whole keeps its proportions to the pixel", () => {
  for (const { handle, size, start, move } of cases(2000)) {
    const out = g.drag(size, start, handle, move, { limits: LIMITS, ratio: true });
    const before = g.canvasSize(size, start);
    const after = g.canvasSize(size, out);
    const off = Math.abs(after.width * before.height - after.height * before.width);
    assert.ok(off <= 2 * Math.max(before.width, before.height), `${JSON.stringify([before, after])}`);
  }
});

test("with ratio a side at its limit stops the drag instead of bending the ratio", () => {
  const limits = { ...LIMITS, down: 50 };
  const out = g.drag(SIZE, { ...g.NONE }, g.HANDLES["down-right"], { x: 4000, y: 0 }, { limits, ratio: true });
  assert.deepEqual(out, { left: 0, right: 100, up: 0, down: 50 });
});

test("with ratio an edge shares the growth across between its neighbours", () => {
  const out = g.drag(SIZE, { ...g.NONE }, g.HANDLES.right, { x: 200, y: 0 }, { limits: LIMITS, ratio: true });
  assert.deepEqual(out, { left: 0, right: 200, up: 50, down: 50 });
});

test("shifting the picture keeps the canvas", () => {
  for (const { start, move, how } of cases(2000)) {
    const out = g.shift(start, move, how);
    assert.equal(out.left + out.right, start.left + start.right);
    assert.equal(out.up + out.down, start.up + start.down);
    for (const side of g.SIDES) assert.ok(out[side] >= 0 && out[side] <= how.limits[side]);
  }
});

test("the fitted view shows the whole canvas inside the box", () => {
  const next = numbers(3);
  for (let i = 0; i < 2000; i++) {
    const size = { width: next(1, 9000), height: next(1, 9000) };
    const extents = Object.fromEntries(g.SIDES.map((side) => [side, next(0, 8192)]));
    const box = { width: next(120, 800), height: next(120, 800) };
    const rect = g.canvasRect(g.fit(size, extents, box, { x: 20, y: 10 }), size, extents);
    assert.ok(rect.x >= 20 - 1e-6 && rect.x + rect.width <= box.width - 20 + 1e-6);
    assert.ok(rect.y >= 10 - 1e-6 && rect.y + rect.height <= box.height - 10 + 1e-6);
  }
});

test("a pulled border never leaves the box, and the middle of the picture stays where it was", () => {
  const next = numbers(5);
  for (let i = 0; i < 2000; i++) {
    const size = { width: next(1, 5000), height: next(1, 5000) };
    const box = { width: next(200, 800), height: next(200, 800) };
    const view = g.fit(size, g.NONE, box, { x: 48, y: 30 });
    const extents = Object.fromEntries(g.SIDES.map((side) => [side, next(0, 8192)]));
    const held = g.keepInside(view, size, extents, box, 10);
    const rect = g.canvasRect(held, size, extents);
    assert.ok(rect.x >= 10 - 1e-6 && rect.x + rect.width <= box.width - 10 + 1e-6);
    assert.ok(rect.y >= 10 - 1e-6 && rect.y + rect.height <= box.height - 10 + 1e-6);
    assert.ok(Math.abs(held.x + (size.width * held.scale) / 2 - (view.x + (size.width * view.scale) / 2)) < 1e-6);
  }
});

test("the anchor is read off the extents that placing makes", () => {
  for (const anchor of g.ANCHORS) {
    assert.deepEqual(g.anchorOf(g.place(SIZE, { width: 1300, height: 900 }, anchor)), { anchor, exact: true });
  }
  assert.equal(g.anchorOf({ left: 3, right: 9, up: 0, down: 0 }).exact, false);
});

test("a ratio is recognised where it was reached", () => {
  for (const text of ["1:1", "4:5", "3:2", "16:9", "9:16", "21:9", "210:297"]) {
    const ratio = g.parseRatio(text);
    assert.ok(g.hasRatio(g.canvasSize(SIZE, g.toRatio(SIZE, ratio)), ratio), text);
  }
});

test("what is no ratio is refused", () => {
  for (const text of ["", "a:b", "1:0", "0:1", "-1:2", "1:2:3", "1000:1", ":", "."]) {
    assert.throws(() => g.parseRatio(text), RangeError, text);
  }
});

test("the pointer's grain follows the scale and stays between 1 and 64", () => {
  assert.equal(g.pointerGrain(1), 1);
  assert.equal(g.pointerGrain(0.24), 4);
  assert.equal(g.pointerGrain(0.001), 64);
});
