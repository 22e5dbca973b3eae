/** Level: pure functions, run by node itself. What the server says is translated before anybody hears it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { listen } from "../../js/handles/messages.mjs";

const OWN = { 7: "OutpaintAPI", "3:9": "OutpaintAPI", 8: "KSampler" };

function say(type, detail) {
  const api = new EventTarget();
  const heard = [];
  for (const name of ["execution_error", "progress_text"]) api.addEventListener(name, (event) => heard.push(event.detail));
  listen(api, (kind) => kind === "OutpaintAPI", (id) => OWN[id], (text) => `<${text}>`);
  api.dispatchEvent(new CustomEvent(type, { detail }));
  return heard[0];
}

test("who listened first hears the translated error of a node of the pack", () => {
  const detail = { node_type: "OutpaintAPI", exception_message: "No.", exception_type: "InputError", traceback: ["No."] };
  assert.deepEqual(say("execution_error", { ...detail }), { ...detail, exception_message: "<No.>" });
});

test("text on a node of the pack is translated, in a subgraph too", () => {
  assert.equal(say("progress_text", { nodeId: "7", text: "a" }).text, "<a>");
  assert.equal(say("progress_text", { nodeId: "3:9", text: "a" }).text, "<a>");
});

test("other nodes, and events that say nothing, are left alone", () => {
  assert.equal(say("execution_error", { node_type: "KSampler", exception_message: "No." }).exception_message, "No.");
  assert.equal(say("progress_text", { nodeId: "8", text: "a" }).text, "a");
  assert.equal(say("progress_text", { nodeId: "99", text: "a" }).text, "a");
  assert.deepEqual(say("execution_error", { node_type: "OutpaintAPI" }), { node_type: "OutpaintAPI" });
});
