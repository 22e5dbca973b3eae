/** Level: pure functions, run by node itself. What the server says about the pack's nodes is translated. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { typeAt } from "../../js/handles/graph.mjs";
import { listen } from "../../js/handles/messages.mjs";

const graph = (nodes) => ({ getNodeById: (id) => nodes[id] ?? null });
const ROOT = graph({
  3: { comfyClass: "subgraph", subgraph: graph({ 9: { comfyClass: "OutpaintAPI" } }) },
  7: { comfyClass: "OutpaintAPI" },
  8: { comfyClass: "KSampler" },
});

/** The texts that a host hears which begins to listen after the pack, at the moment when it hears them. */
async function heard(type, field, detail) {
  const api = new EventTarget();
  const texts = [];
  listen(api, (kind) => kind === "OutpaintAPI", (id) => typeAt(ROOT, id), (text) => `<${text}>`);
  api.addEventListener(type, (event) => texts.push(event.detail[field]));
  api.dispatchEvent(new CustomEvent(type, { detail }));
  await new Promise((done) => setTimeout(done));
  return texts;
}

const failed = (node_type) => heard("execution_error", "exception_message", { node_type, exception_message: "No." });
const progressed = (nodeId) => heard("progress_text", "text", { nodeId, text: "30 %" });

test("an error of the pack's node is heard translated, that of another as it is", async () => {
  assert.deepEqual(await failed("OutpaintAPI"), ["<No.>"]);
  assert.deepEqual(await failed("KSampler"), ["No."]);
});

test("the last that is heard about the pack's node is translated, in a subgraph too", async () => {
  for (const id of ["7", 7, "3:9"]) assert.deepEqual(await progressed(id), ["30 %", "<30 %>"]);
});

test("text on other nodes, and on nodes that are gone, is said once and as it is", async () => {
  for (const id of ["8", "3", "3:8", "99", "99:1", ""]) assert.deepEqual(await progressed(id), ["30 %"]);
});
