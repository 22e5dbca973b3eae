/** The two lines under the stage: what comes out, and one remark. */

import { addedPercent, credits, megapixels } from "./advice.mjs";
import { h, icon, setText } from "./dom.mjs";
import { canvasSize } from "./geometry.mjs";
import { t } from "./text.mjs";

export class Reading {
  constructor() {
    this.size = h("strong");
    this.detail = h("span", { class: "outpaint-detail" });
    this.cost = h("span", { class: "outpaint-cost" });
    this.text = h("span");
    this.remark = h("div", { class: "outpaint-remark", role: "status" }, icon("warning"), this.text);
    this.element = h("div", { class: "outpaint-reading" },
      h("div", { class: "outpaint-figures" }, this.size, this.detail, h("span", { class: "outpaint-gap" }), this.cost),
      this.remark,
    );
  }

  /**
   * @param {object} state
   * @param {string} state.kind
   * @param {import("./geometry.mjs").Size|null} state.original null: unknown
   * @param {boolean} state.certain
   * @param {import("./geometry.mjs").Extents} state.extents
   * @param {number} state.batch
   * @param {boolean} state.dry
   * @param {import("./advice.mjs").Remark|null} state.remark
   */
  show({ kind, original, certain, extents, batch, dry, remark }) {
    if (original) {
      const { width, height } = canvasSize(original, extents);
      setText(this.size, t(certain ? "size" : "about", { w: width, h: height }));
      const percent = addedPercent(original, extents);
      setText(this.detail, `${t("megapixels", { n: megapixels(width * height) })} · ${t("added", { n: percent })}`);
    } else {
      setText(this.size, t("unknownSize", { w: extents.left + extents.right, h: extents.up + extents.down }));
      setText(this.detail, "");
    }
    const cost = kind !== "api" ? "" : dry ? t("creditsFree") : t("credits", { n: credits(batch, dry) });
    setText(this.cost, cost);
    this.remark.dataset.level = remark?.level ?? "none";
    setText(this.text, remark ? t(remark.key, remark.values) : "");
  }
}
