/** What the menus offer. Pure data. */

import { parseRatio } from "./geometry.mjs";

/** Names are as in Outpaint to Ratio, so that both read the same. */
export const PAPER = { A4: "210:297", "A4 landscape": "297:210" };

export const ratioOf = (name) => parseRatio(PAPER[name] ?? name);

export const RATIOS = ["1:1", "4:5", "3:2", "2:3", "16:9", "9:16", "21:9", "2:1", "A4"]
  .map((name) => ({ name, ratio: ratioOf(name) }));

export const PERCENTS = [10, 25, 50, 100];

export const ANCHOR_TEXTS = {
  "top-left": "anchorTopLeft", top: "anchorTop", "top-right": "anchorTopRight",
  left: "anchorLeft", center: "anchorCenter", right: "anchorRight",
  "bottom-left": "anchorBottomLeft", bottom: "anchorBottom", "bottom-right": "anchorBottomRight",
};
