/** The two pictures of a node: what comes in, and what its last run gave, as long as they hold. */

import { canvasSize, sameExtents } from "./geometry.mjs";
import { loadPicture } from "./picture.mjs";

const NOTHING = Object.freeze({ key: null, picture: null, size: null, broken: false });

export class Pictures {
  /** @param {any} node @param {import("./source.mjs").Sources} sources @param {() => void} onChange one was loaded */
  constructor(node, sources, onChange) {
    this.node = node;
    this.sources = sources;
    this.onChange = onChange;
    this.came = NOTHING;
    this.went = NOTHING;
    /** What the last run reported, the key of the picture upstream that it reported on, and what was added between. */
    this.run = { source: null, result: null, of: null, added: "" };
    this.connected = false;
    this.source = null;
    this.upstreamKey = null;
    this.added = "";
  }

  /** @returns {import("./geometry.mjs").Size|null} */
  get size() {
    return this.came.size;
  }

  /** Whether the size is the true one, not that of a picture farther upstream. */
  get certain() {
    return (this.source?.certain ?? false) && (this.source !== this.run.source || this.run.added === this.added);
  }

  /** How many pictures came in the last run, else one. */
  get batch() {
    return this.run.of === this.upstreamKey ? (this.run.source?.batch ?? 1) : 1;
  }

  /** The node reported something after it ran. */
  executed(output) {
    const source = this.sources.reported(this.node, "outpaint_source", output);
    const result = this.sources.reported(this.node, "outpaint_result", output);
    const upstream = this.sources.upstream(this.node);
    if (source) this.run = { ...this.run, source, result: null };
    if (result) this.run = { ...this.run, result };
    this.run = { ...this.run, of: upstream.source?.key ?? null, added: upstream.added };
  }

  /** Looks where the picture comes from now. */
  find() {
    const { source, connected, added } = this.sources.upstream(this.node);
    this.connected = connected;
    this.added = added;
    this.upstreamKey = source?.key ?? null;
    const ran = this.run.of === this.upstreamKey ? this.run.source : null;
    // After a reload of the page the host may still know what an earlier run reported.
    const kept = source || this.run.source ? null : this.sources.reported(this.node, "outpaint_source");
    this.source = connected ? (source?.certain ? source : (ran ?? kept ?? source)) : null;
    this.#load("came", this.source);
    this.#load("went", this.run.of === this.upstreamKey ? this.run.result : null);
  }

  /**
   * The picture that the last run gave, while the node still asks for what it shows.
   * @param {import("./geometry.mjs").Extents} extents
   */
  result(extents) {
    return this.#holding(extents) ? this.went.picture : null;
  }

  #holding(extents) {
    const { result, of } = this.run;
    if (!result || !this.size || of !== this.upstreamKey || this.run.added !== this.added) return null;
    if (result.extents) return sameExtents(result.extents, extents) ? result : null;
    const { width, height } = canvasSize(this.size, extents);
    return result.size?.width === width && result.size?.height === height ? result : null;
  }

  async #load(name, source) {
    const before = this[name];
    if (before.key === (source?.key ?? null)) return;
    // The last size stands until the next is known: the canvas does not jump while a picture loads.
    const mine = source ? { ...NOTHING, key: source.key, size: before.size } : NOTHING;
    this[name] = mine;
    this.onChange();
    if (!source) return;
    try {
      mine.picture = await loadPicture(source.from);
      mine.size = source.size ?? mine.picture.size;
    } catch {
      mine.broken = true;
      mine.size = null;
    }
    if (this[name] === mine) this.onChange();
  }
}
