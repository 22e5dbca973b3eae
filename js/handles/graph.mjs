/** Walking the host's graph: through reroutes, bypassed nodes and the walls of subgraphs. Nothing is written here. */

/** The host's marks for the two ends of a subgraph. */
const SUBGRAPH_INPUTS = -10;

const BYPASSED = 4;
const MUTED = 2;
/** Longer chains are either broken or a loop. */
const MOST_STEPS = 64;

/** @typedef {{node: any, slot: number}} Output */

/** @returns {number} index of the input slot called `name`, or -1 */
export function inputIndex(node, name) {
  return (node.inputs ?? []).findIndex((input) => input.name === name);
}

function link(node, slot) {
  if (slot < 0 || !node.graph) return null;
  if (!node.subgraph) return node.getInputLink?.(slot) ?? null;
  // On a node that holds a subgraph the host's getInputLink answers for its outputs.
  for (const found of node.graph.links.values()) {
    if (String(found.target_id) === String(node.id) && found.target_slot === slot) return found;
  }
  return null;
}

/** The nodes that hold `graph` as their subgraph. */
export function hostsOf(graph) {
  const found = [];
  const seen = new Set();
  const visit = (level) => {
    if (!level || seen.has(level)) return;
    seen.add(level);
    for (const node of level.nodes ?? level._nodes ?? []) {
      if (!node.subgraph) continue;
      if (node.subgraph === graph) found.push(node);
      visit(node.subgraph);
    }
  };
  visit(graph.rootGraph);
  return found;
}

/**
 * What the input slot called `name` of `node` is linked to: an output slot, or, where the link ends at the wall of a
 * subgraph, the input slot of the node that holds the subgraph.
 * @returns {{output?: Output, outside?: {node: any, name: string}} | null} null when nothing is linked
 */
export function linkedTo(node, name) {
  const found = link(node, inputIndex(node, name));
  if (!found) return null;
  if (Number(found.origin_id) !== SUBGRAPH_INPUTS) {
    const origin = node.graph.getNodeById(found.origin_id);
    return origin ? { output: { node: origin, slot: found.origin_slot } } : {};
  }
  const [host] = hostsOf(node.graph);
  const input = host?.inputs?.[found.origin_slot];
  return input ? { outside: { node: host, name: input.name } } : {};
}

/**
 * The output that really feeds an input: reroutes, bypassed nodes and subgraphs are passed through.
 * @returns {Output|null}
 */
export function feeding(node, name) {
  let at = { node, name };
  for (let step = 0; step < MOST_STEPS && at; step++) {
    const linked = linkedTo(at.node, at.name);
    if (linked?.outside) {
      at = linked.outside;
      continue;
    }
    if (!linked?.output) return null;
    const { node: origin, slot } = linked.output;
    const inner = insideSubgraph(origin, slot);
    if (inner) {
      const through = passedThrough(inner);
      if (!through) return inner;
      at = through;
      continue;
    }
    const through = passedThrough(linked.output);
    if (!through) return linked.output;
    at = through;
  }
  return null;
}

/** The output inside a subgraph that feeds slot `slot` of the node that holds it; innermost first. */
function insideSubgraph(node, slot) {
  let output = null;
  for (let depth = 0; depth < MOST_STEPS && node?.subgraph; depth++) {
    const [id] = node.subgraph.outputs?.[slot]?.linkIds ?? [];
    const found = id === undefined ? null : (node.subgraph.getLink?.(id) ?? null);
    const origin = found && node.subgraph.getNodeById(found.origin_id);
    if (!origin) return null;
    output = { node: origin, slot: found.origin_slot };
    ({ node, slot } = output);
  }
  return output;
}

/** Where an output merely repeats an input of its node, that input. */
function passedThrough({ node, slot }) {
  if (node.mode === MUTED) return null;
  if (node.isVirtualNode && node.inputs?.length === 1) return { node, name: node.inputs[0].name };
  if (node.mode !== BYPASSED) return null;
  const type = node.outputs?.[slot]?.type;
  const same = (node.inputs ?? []).find((input) => input.type === type);
  return same ? { node, name: same.name } : null;
}

/** The type of the node that an execution id names: "5", or "3:5" for node 5 in the subgraph of node 3. */
export function typeAt(root, id) {
  let node;
  let graph = root;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part);
    graph = node?.subgraph;
  }
  return node?.comfyClass;
}

/** The first input of `node` that carries pictures. @returns {string|null} */
export function pictureInput(node) {
  return (node.inputs ?? []).find((input) => input.type === "IMAGE")?.name ?? null;
}
