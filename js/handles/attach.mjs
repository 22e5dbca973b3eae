/** Puts an editor into a node: the DOM widget, and the host's calls that it must hear of. */

import { Editor } from "./editor.mjs";
import { SIDES } from "./geometry.mjs";

/** Not a name that the host gives a meaning to. */
const WIDGET_TYPE = "OUTPAINT_HANDLES";
const WIDTH = 380;
/** As in style.css, and the 10 px that the classic canvas leaves above and below. */
const HEIGHTS = { api: 320, local: 320, prepare: 320, ratio: 220 };

/** Calls `after` whenever the host calls `owner[name]`, whatever else listens there. */
function chain(owner, name, after) {
  const before = owner[name];
  owner[name] = function (...values) {
    const answer = before?.apply(this, values);
    after(...values);
    return answer;
  };
}

/** @param {any} node @param {import("./editor.mjs").Kind} kind @param {{app: any, sources: any, style: string}} host */
export function attach(node, kind, host) {
  const editor = new Editor(node, kind, host);
  const height = HEIGHTS[kind];
  const widget = node.addDOMWidget("outpaint_handles", WIDGET_TYPE, editor.root, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => height,
  });
  // The option keeps it out of the prompt, the property out of the workflow.
  widget.serialize = false;

  const watched = kind === "ratio" ? ["ratio", "anchor", "multiple", "width", "height"] : [...SIDES, "dry_run"];
  for (const name of watched) {
    const input = node.widgets.find((candidate) => candidate.name === name);
    if (input) chain(input, "callback", () => editor.typed());
  }
  chain(node, "onAdded", () => editor.enter());
  chain(node, "onRemoved", () => editor.leave());
  chain(node, "onConfigure", () => requestAnimationFrame(() => editor.look()));
  chain(node, "onConnectionsChange", () => requestAnimationFrame(() => editor.look()));
  chain(node, "onExecuted", (output) => editor.executed(output ?? {}));
  if (node.graph) editor.enter();

  node.setSize([Math.max(node.size[0], WIDTH), Math.max(node.size[1], node.computeSize()[1])]);
}
