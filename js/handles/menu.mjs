/** A small menu in the browser's top layer: never clipped by the node, closed by Escape or a click elsewhere. */

import { h } from "./dom.mjs";

const GAP = 6;

/**
 * @param {HTMLElement} button opens and closes it
 * @param {string} label
 * @param {HTMLElement[]} content
 * @param {() => void} [beforeOpen]
 * @returns {HTMLElement} to be put beside the button
 */
export function menu(button, label, content, beforeOpen = () => {}) {
  const panel = h("div", {
    class: "outpaint-menu",
    popover: "auto",
    role: "dialog",
    "aria-label": label,
    onkeydown: (event) => move(event, panel),
    onpointerdown: (event) => event.stopPropagation(),
    onwheel: (event) => event.stopPropagation(),
    ontoggle: (event) => {
      const open = event.newState === "open";
      button.setAttribute("aria-expanded", String(open));
      if (!open) return;
      const first = panel.querySelector("[aria-checked=true], [aria-pressed=true]") ?? panel.querySelector("button");
      first?.focus({ preventScroll: true });
    },
  }, ...content);
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  button.popoverTargetElement = panel;
  button.addEventListener("click", () => {
    beforeOpen();
    // After the browser has shown it: only then it has a size.
    requestAnimationFrame(() => position(panel, button));
  });
  return panel;
}

function position(panel, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const below = at.bottom + GAP + height <= innerHeight;
  const top = below ? at.bottom + GAP : Math.max(GAP, at.top - GAP - height);
  const left = Math.min(Math.max(GAP, at.left), Math.max(GAP, innerWidth - width - GAP));
  panel.style.top = `${top}px`;
  panel.style.left = `${left}px`;
}

/** Arrows go from button to button in the order of reading. */
function move(event, panel) {
  event.stopPropagation();
  const buttons = [...panel.querySelectorAll("button:not([disabled])")];
  const at = buttons.indexOf(document.activeElement);
  const columns = Number(document.activeElement?.closest("[data-columns]")?.dataset.columns ?? 1);
  const step = { ArrowDown: columns, ArrowUp: -columns, ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const target = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : step && at + step;
  if (target === undefined) {
    if (event.key === "Escape") panel.hidePopover();
    return;
  }
  event.preventDefault();
  buttons[Math.min(Math.max(target, 0), buttons.length - 1)]?.focus();
}
