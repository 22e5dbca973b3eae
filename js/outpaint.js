/** Registers the widget that lets the user pull the picture's own borders. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { attach } from "./handles/attach.mjs";
import { typeAt } from "./handles/graph.mjs";
import { listen, translator } from "./handles/messages.mjs";
import { Sources } from "./handles/source.mjs";
import { ofLanguage, useTexts } from "./handles/text.mjs";

const KINDS = { OutpaintAPI: "api", OutpaintLocal: "local", OutpaintPrepare: "prepare", OutpaintToRatio: "ratio" };
const OWN = new Set([...Object.keys(KINDS), "OutpaintStitch"]);

let style = "";
let translate = (text) => text;

// Here, where the script is read, and not in init(): the host registers its own listeners after this.
listen(api, (type) => OWN.has(type), (id) => typeAt(app.rootGraph ?? app.graph, id), (text) => translate(text));

app.registerExtension({
  name: "outpaint.handles",

  async init() {
    style = await (await fetch(new URL("./handles/style.css", import.meta.url))).text();
    api.addEventListener("execution_error", ({ detail }) => {
      // Newer frontends say only that a node failed, and keep the reason in a log behind a click.
      if (!OWN.has(detail.node_type)) return;
      const message = { severity: "error", summary: "Outpaint", detail: detail.exception_message, life: 60000 };
      app.extensionManager?.toast?.add(message);
    });
    try {
      const served = await (await api.fetchApi("/i18n")).json();
      const texts = ofLanguage(served, app.extensionManager?.setting?.get("Comfy.Locale") ?? "en");
      useTexts(texts.outpaint);
      translate = translator(texts.outpaintMessages ?? {});
    } catch {
      // No translations on this host: the built-in English stays.
    }
  },

  nodeCreated(node) {
    const kind = KINDS[node.comfyClass];
    if (kind) attach(node, kind, { app, sources: new Sources(app, api), style });
  },
});
