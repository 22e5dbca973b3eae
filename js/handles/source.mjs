/** Where the picture comes from: the node upstream that shows it, and what this node itself reported after a run. */

import { SIDES } from "./geometry.mjs";
import { feeding, pictureInput } from "./graph.mjs";

/**
 * @typedef {object} Source
 * @property {string} key changes when the picture changes
 * @property {string|HTMLImageElement} from what to load
 * @property {boolean} certain false when nodes in between may have changed the size
 * @property {import("./geometry.mjs").Size} [size] true size, where the shown file is a reduced copy
 * @property {import("./geometry.mjs").Extents} [extents] what was added, for a result
 * @property {number} [batch] pictures in the batch, where known
 */

/** How many picture nodes are looked through for something to show. */
const REACH = 8;

export class Sources {
  /** @param {any} app @param {any} api the host's two modules */
  constructor(app, api) {
    this.app = app;
    this.api = api;
  }

  /**
   * The nearest picture upstream, and what the nodes between it and this one add to its sides.
   * @returns {{source: Source|null, connected: boolean, added: string}}
   */
  upstream(node) {
    let from = feeding(node, "image");
    const connected = from !== null;
    const added = [];
    for (let step = 0; from && step < REACH; step++) {
      const shown = this.#shownBy(from.node);
      if (shown) return { source: { ...shown, certain: step === 0 }, connected, added: added.join() };
      added.push(...(from.node.widgets ?? []).filter((widget) => SIDES.includes(widget.name)).map((widget) => widget.value));
      const name = pictureInput(from.node);
      from = name === null ? null : feeding(from.node, name);
    }
    return { source: null, connected, added: added.join() };
  }

  /**
   * What the node itself reported: `outpaint_source` (what came in) or `outpaint_result` (what went out).
   * @param {any} node @param {"outpaint_source"|"outpaint_result"} what @param {any} [output] a fresh report
   * @returns {Source|null}
   */
  reported(node, what, output = this.#outputs(node)) {
    const file = output?.[what]?.[0];
    if (!file?.filename) return null;
    const size = file.width && file.height ? { width: file.width, height: file.height } : undefined;
    const url = this.#view(file);
    const extents = SIDES.every((side) => Number.isInteger(file[side])) ? pick(file, SIDES) : undefined;
    return { key: url, from: url, certain: true, size, extents, batch: file.batch };
  }

  #shownBy(node) {
    return this.#chosenFile(node) ?? this.#outputFile(node) ?? this.#shownImage(node);
  }

  /** A file chosen in the node, as on Load Image: its name is known before anything ran. */
  #chosenFile(node) {
    const spec = node.constructor?.nodeData?.input?.required?.image?.[1];
    const value = node.widgets?.find((widget) => widget.name === "image")?.value;
    if (!spec?.image_upload || typeof value !== "string" || !value) return null;
    const [, path, type = "input"] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(value);
    const slash = path.lastIndexOf("/");
    const file = { filename: path.slice(slash + 1), subfolder: path.slice(0, Math.max(0, slash)), type };
    return this.#source(node, file);
  }

  /** The first picture in what the node reported after it ran. */
  #outputFile(node) {
    const file = this.#outputs(node)?.images?.[0];
    return file?.filename ? this.#source(node, file) : null;
  }

  #shownImage(node) {
    const image = node.imgs?.[0];
    return image?.src ? { key: image.src, from: usable(image) ? image : image.src } : null;
  }

  /** An image of this file that the page has loaded already spares the request. */
  #source(node, file) {
    const url = this.#view(file);
    const same = (image) =>
      usable(image) && new URLSearchParams(new URL(image.src, location.href).search).get("filename") === file.filename;
    return { key: url, from: node.imgs?.length === 1 && same(node.imgs[0]) ? node.imgs[0] : url };
  }

  #outputs(node) {
    const graph = node.graph;
    const key = !graph || graph.isRootGraph ? String(node.id) : `${graph.id}:${node.id}`;
    return this.app.nodeOutputs?.[key];
  }

  #view({ filename, subfolder = "", type = "output" }) {
    return this.api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
  }
}

const pick = (from, names) => Object.fromEntries(names.map((name) => [name, from[name]]));

const usable = (image) => image instanceof HTMLImageElement && image.complete && image.naturalWidth > 0 && !image.src.includes("preview=");
