/** The host's colours, as a canvas can use them: it knows neither var() nor color-mix(). */

/** @typedef {{accent: string, ground: string, line: string, light: boolean}} Colours */

const DECIDING = ["--primary-background", "--p-primary-color", "--comfy-input-bg", "--comfy-menu-bg"];

/** Changes with the host's theme. @param {Element} root */
export function themeOf(root) {
  const style = getComputedStyle(root);
  return [style.color, ...DECIDING.map((name) => style.getPropertyValue(name))].join("|");
}

/**
 * @param {Element} root
 * @param {HTMLElement} probe an element inside it whose background is free for a moment
 * @returns {Colours}
 */
export function coloursOf(root, probe) {
  const { color } = getComputedStyle(root);
  const light = luminance(color) < 128;
  root.toggleAttribute("data-light", light);
  const resolved = (name) => {
    probe.style.backgroundColor = `var(${name})`;
    const value = getComputedStyle(probe).backgroundColor;
    probe.style.backgroundColor = "";
    return value;
  };
  return { accent: resolved("--outpaint-accent"), ground: resolved("--outpaint-ground"), line: color, light };
}

function luminance(colour) {
  const [r = 255, g = 255, b = 255] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b;
}
