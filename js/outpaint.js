/** Registers the widget that lets the user pull the picture's own borders. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { attach } from "./handles/attach.mjs";
import { Sources } from "./handles/source.mjs";
import { useTexts } from "./handles/text.mjs";

const KINDS = { OutpaintAPI: "api", OutpaintLocal: "local", OutpaintPrepare: "prepare", OutpaintToRatio: "ratio" };

let style = "";

app.registerExtension({
  name: "outpaint.handles",

  async init() {
    style = await (await fetch(new URL("./handles/style.css", import.meta.url))).text();
    api.addEventListener("execution_error", ({ detail }) => {
      // Newer frontends say only that a node failed, and keep the reason in a log behind a click.
      if (!(detail.node_type in KINDS)) return;
      const message = { severity: "error", summary: "Outpaint", detail: detail.exception_message, life: 60000 };
      app.extensionManager?.toast?.add(message);
    });
    try {
      const served = await (await api.fetchApi("/i18n")).json();
      useTexts(served, app.extensionManager?.setting?.get("Comfy.Locale") ?? "en");
    } catch {
      // No translations on this host: the built-in English stays.
    }
  },

  nodeCreated(node) {
    const kind = KINDS[node.comfyClass];
    if (kind) attach(node, kind, { app, sources: new Sources(app, api), style });
  },
});
