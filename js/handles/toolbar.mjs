/** The one row of controls above the stage. Says what was asked for; decides nothing. */

import { anchorIcon, h, icon, ratioIcon, setAttribute, setText } from "./dom.mjs";
import { ANCHORS } from "./geometry.mjs";
import { menu } from "./menu.mjs";
import { ANCHOR_TEXTS, PERCENTS, RATIOS } from "./presets.mjs";
import { t } from "./text.mjs";

const MAIN_PERCENT = 25;

/**
 * @typedef {object} Wishes
 * @property {(ratio: import("./geometry.mjs").Ratio) => void} onRatio
 * @property {(anchor: string) => void} onAnchor
 * @property {(percent: number) => void} onPercent
 * @property {() => void} onReset
 * @property {(name: "mirror"|"ratio"|"snap") => void} onToggle
 * @property {(comparing: boolean) => void} onCompare
 */

export class Toolbar {
  /** @param {Wishes} wishes */
  constructor(wishes) {
    this.wishes = wishes;
    this.toggles = {};
    this.ratioName = h("span", { class: "outpaint-ratio-name" });
    this.compare = this.#compareButton();
    this.element = h("div", { class: "outpaint-bar", role: "toolbar", "aria-label": t("editor") },
      ...this.#ratioMenu(),
      ...this.#anchorMenu(),
      this.#toggle("mirror", "mirror"),
      this.#button("percent", t("percentTip", { n: MAIN_PERCENT }), h("span", { text: `+${MAIN_PERCENT} %` }), () => wishes.onPercent(MAIN_PERCENT)),
      h("span", { class: "outpaint-gap" }),
      this.compare,
      this.#button("reset", t("reset"), icon("reset"), () => wishes.onReset()),
      ...this.#moreMenu(),
    );
  }

  #button(name, label, content, onclick) {
    return h("button", { type: "button", class: "outpaint-button", "data-control": name, title: label, "aria-label": label, onclick }, content);
  }

  #toggle(name, iconName) {
    const button = this.#button(name, t(name), icon(iconName), () => this.wishes.onToggle(name));
    this.toggles[name] = button;
    return button;
  }

  #ratioMenu() {
    const button = this.#button("ratio", t("ratioTip"), icon("ratio"));
    button.append(this.ratioName);
    this.ratioItems = RATIOS.map(({ name, ratio }) =>
      h("button", { type: "button", class: "outpaint-item", role: "menuitemradio", "data-ratio": name, onclick: () => this.#choose(() => this.wishes.onRatio(ratio)) },
        ratioIcon(ratio), h("span", { text: name })),
    );
    const list = h("div", { class: "outpaint-ratios", role: "menu", "data-columns": 3 }, ...this.ratioItems);
    this.ratioPanel = menu(button, t("ratioTip"), [h("div", { class: "outpaint-title", text: t("ratioTip") }), list]);
    return [button, this.ratioPanel];
  }

  /** A ratio is chosen once: the menu closes. */
  #choose(wish) {
    this.ratioPanel.hidePopover();
    wish();
  }

  #anchorMenu() {
    this.anchorButton = this.#button("anchor", t("anchorTip"), anchorIcon({ row: 1, column: 1 }));
    this.anchorItems = ANCHORS.map((anchor) =>
      h("button", {
        type: "button", class: "outpaint-place", role: "radio", "data-anchor": anchor,
        title: t(ANCHOR_TEXTS[anchor]), "aria-label": t(ANCHOR_TEXTS[anchor]), onclick: () => this.wishes.onAnchor(anchor),
      }),
    );
    const pad = h("div", { class: "outpaint-pad", role: "radiogroup", "aria-label": t("anchorTip"), "data-columns": 3 }, ...this.anchorItems);
    const panel = menu(this.anchorButton, t("anchorTip"), [h("div", { class: "outpaint-title", text: t("anchorTip") }), pad]);
    return [this.anchorButton, panel];
  }

  #moreMenu() {
    const button = this.#button("more", t("more"), icon("more"));
    const percents = h("div", { class: "outpaint-percents", "data-columns": PERCENTS.length },
      ...PERCENTS.map((n) => h("button", {
        type: "button", class: "outpaint-item", "data-percent": n, title: t("percentTip", { n }), "aria-label": t("percentTip", { n }),
        text: `+${n} %`, onclick: () => this.wishes.onPercent(n),
      })));
    const option = (name, text, key) => {
      const item = h("button", { type: "button", class: "outpaint-option", role: "menuitemcheckbox", "data-control": name, onclick: () => this.wishes.onToggle(name) },
        icon("check"), h("span", { text: t(text) }), h("kbd", { text: t(key) }));
      this.toggles[name] = item;
      return item;
    };
    const note = (text) => h("div", { class: "outpaint-note", text: t(text) });
    const key = (name, text) => h("div", { class: "outpaint-note" }, h("kbd", { text: t(name) }), h("span", { text: t(text) }));
    const panel = menu(button, t("more"), [
      percents,
      h("hr"),
      option("ratio", "keepRatio", "keyShift"),
      option("snap", "snap", "keyCtrl"),
      h("hr"),
      key("keyAlt", "helpAlt"),
      note("helpReset"),
      note("helpArrows"),
    ]);
    return [button, panel];
  }

  #compareButton() {
    const show = (on) => () => this.wishes.onCompare(on);
    const button = this.#button("compare", t("compare"), icon("compare"));
    button.hidden = true;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      show(true)();
    });
    for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(type, show(false));
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      show(true)();
    });
    button.addEventListener("keyup", show(false));
    return button;
  }

  /**
   * @param {{anchor: string|null, ratio: string|null, comparable: boolean, comparing: boolean,
   *   modes: Record<string, boolean>, editable: boolean}} state
   */
  show({ anchor, ratio, comparable, comparing, modes, editable }) {
    setText(this.ratioName, ratio ?? t("ratio"));
    for (const item of this.ratioItems) setAttribute(item, "aria-checked", String(item.dataset.ratio === ratio));
    for (const item of this.anchorItems) setAttribute(item, "aria-checked", String(item.dataset.anchor === anchor));
    if (this.anchor !== anchor) {
      const index = anchor === null ? -1 : ANCHORS.indexOf(anchor);
      this.anchorButton.replaceChildren(anchorIcon(index < 0 ? null : { row: Math.floor(index / 3), column: index % 3 }));
      this.anchor = anchor;
    }
    for (const [name, button] of Object.entries(this.toggles)) {
      const role = button.getAttribute("role") === "menuitemcheckbox" ? "aria-checked" : "aria-pressed";
      setAttribute(button, role, String(Boolean(modes[name])));
    }
    this.compare.hidden = !comparable;
    setAttribute(this.compare, "aria-pressed", String(comparing));
    for (const button of this.element.querySelectorAll("button[data-control]")) {
      if (button !== this.compare) button.disabled = !editable;
    }
  }
}
