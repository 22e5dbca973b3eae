/** All editors of the page: one slow clock for what the host does not announce, and a repair for one of its defects. */

const PERIOD = 500;

/** @type {Set<import("./editor.mjs").Editor>} editors of live nodes, and of dead ones whose element is still shown */
const known = new Set();
let clock = 0;

export function enter(editor) {
  known.add(editor);
  clock ||= setInterval(tick, PERIOD);
}

function tick() {
  for (const editor of known) {
    if (editor.live) {
      if (!editor.root.isConnected) adoptPlace(editor);
      if (editor.root.isConnected) editor.look();
    } else if (!editor.root.isConnected) known.delete(editor);
  }
  if (known.size > 0) return;
  clearInterval(clock);
  clock = 0;
}

/**
 * Undo in Nodes 2.0 makes the node anew but keeps the old element in the page: what the user then drags belongs to a
 * node that is gone. The new node's element takes its place.
 */
export function adoptPlace(editor) {
  for (const other of known) {
    if (other.live || !other.root.isConnected || String(other.node.id) !== String(editor.node.id)) continue;
    other.root.replaceWith(editor.root);
    known.delete(other);
    return;
  }
}
