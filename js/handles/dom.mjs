/** Small helpers to build elements. Text is always set as text, never as markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `class`, `text`, `on…` listeners, or plain attributes
 * @param {...(Node|null|undefined)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = String(value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter(Boolean));
  return element;
}

/** Sets text and attributes only where they differ, so that an unchanged widget costs no style work. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** Stroked shapes on a 24 × 24 grid, drawn for this widget. */
const ICONS = {
  ratio: ["M3 6.5h18v11H3z", "M7 13.5v-3h3", "M17 10.5v3h-3"],
  mirror: ["M12 4v16", "M8.5 8 4 12l4.5 4", "M15.5 8 20 12l-4.5 4"],
  reset: ["M5 5v5h5", "M5.6 10a7.5 7.5 0 1 1-1 4.5"],
  compare: ["M4 5h16v14H4z", "M12 3v18", "M4.5 15.5 12 9"],
  more: ["M5 12h.01", "M12 12h.01", "M19 12h.01"],
  lock: ["M6.5 11h11v8.5h-11z", "M9 11V8a3 3 0 0 1 6 0v3"],
  move: ["M12 4v16", "M4 12h16", "m9.5 6.5 2.5-2.5 2.5 2.5", "m9.5 17.5 2.5 2.5 2.5-2.5", "M6.5 9.5 4 12l2.5 2.5", "M17.5 9.5 20 12l-2.5 2.5"],
  warning: ["M12 4.5 21 19.5H3z", "M12 10.5v4", "M12 17h.01"],
  info: ["M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z", "M12 11.5v4.5", "M12 8h.01"],
  picture: ["M3.5 5.5h17v13h-17z", "m4 16 4.5-4.5 4 4 2.5-2.5 5 4.5", "M15.5 9.5h.01"],
  check: ["m5 12.5 4.5 4.5L19 7.5"],
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  return shapes(ICONS[name].map((d) => ["path", { d }]), name);
}

/** A 3 × 3 field of dots with the one at (column, row) filled; none when `at` is null. */
export function anchorIcon(at) {
  const dots = [];
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      const on = at && at.column === column && at.row === row;
      dots.push(["circle", { cx: 5 + 7 * column, cy: 5 + 7 * row, r: on ? 3 : 1.1, class: "outpaint-dot" }]);
    }
  }
  return shapes(dots, "anchor");
}

/** An outline with the proportions of a ratio. */
export function ratioIcon({ n, d }) {
  const scale = 18 / Math.max(n, d);
  const width = Math.max(3, n * scale);
  const height = Math.max(3, d * scale);
  return shapes([["rect", { x: 12 - width / 2, y: 12 - height / 2, width, height, rx: 1.2 }]], "proportion");
}

function shapes(list, name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: `outpaint-icon outpaint-icon-${name}`, "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  for (const [tag, attributes] of list) {
    const shape = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, String(value));
    svg.append(shape);
  }
  return svg;
}
