/** What an Outpaint to Ratio node will deliver for a picture of a given size. */

import { toRatio, toSize } from "./geometry.mjs";
import { ratioOf } from "./presets.mjs";

/**
 * @param {any} node
 * @param {import("./geometry.mjs").Size} original
 * @returns {{extents: import("./geometry.mjs").Extents|null, error: "customTooSmall"|null}}
 */
export function outcome(node, original) {
  const value = (name) => node.widgets?.find((widget) => widget.name === name)?.value;
  const [ratio, anchor, multiple] = [value("ratio") ?? "16:9", value("anchor") ?? "center", Number(value("multiple")) || 1];
  try {
    if (ratio !== "custom") return { extents: toRatio(original, ratioOf(ratio), anchor, multiple), error: null };
    const wanted = { width: Number(value("width")) || 0, height: Number(value("height")) || 0 };
    return { extents: toSize(original, wanted, anchor, multiple), error: null };
  } catch {
    return { extents: null, error: "customTooSmall" };
  }
}
