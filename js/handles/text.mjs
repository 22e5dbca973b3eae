/**
 * Texts of the widget. The host serves locales/<language>/main.json at /i18n; the English below is what is shown
 * where it does not (a test keeps it equal to locales/en/main.json).
 */

export const ENGLISH = {
  editor: "Borders of the picture",
  left: "Left border",
  right: "Right border",
  up: "Top border",
  down: "Bottom border",
  upLeft: "Top left corner",
  upRight: "Top right corner",
  downLeft: "Bottom left corner",
  downRight: "Bottom right corner",
  grip: "Position of the picture",
  pixels: "{n} pixels",
  pixelsAndPixels: "{a} and {b} pixels",
  locked: "set by a link",
  missing: "this workflow has no such input",
  ratio: "Ratio",
  ratioTip: "Extend to a ratio",
  anchorTip: "Where the picture lies",
  anchorTopLeft: "Top left",
  anchorTop: "Top",
  anchorTopRight: "Top right",
  anchorLeft: "Left",
  anchorCenter: "Centre",
  anchorRight: "Right",
  anchorBottomLeft: "Bottom left",
  anchorBottom: "Bottom",
  anchorBottomRight: "Bottom right",
  mirror: "Symmetric: opposite borders move together",
  percentTip: "Add {n} % of the picture's width and height",
  reset: "Reset all borders",
  compare: "Hold to see the original (C)",
  more: "More",
  keepRatio: "Keep the ratio",
  snap: "Snap to 64 pixels",
  helpReset: "Double-click resets a border",
  helpArrows: "Arrow keys move by 1, with Shift by 8",
  keyShift: "Shift",
  keyAlt: "Alt",
  keyCtrl: "Ctrl",
  helpAlt: "moves both sides",
  size: "{w} × {h}",
  about: "≈ {w} × {h}",
  unknownSize: "+{w} × +{h}",
  megapixels: "{n} MP",
  added: "+{n} %",
  credits: "{n} credits",
  creditsFree: "dry run, no credits",
  original: "Original",
  noPicture: "Connect a picture",
  notRunYet: "The picture shows after the first run",
  broken: "The picture cannot be shown",
  nothing: "Pull a border outward to add something",
  clamped: "Stopped at the limit of {n} px",
  customTooSmall: "The finished size is smaller than the picture",
  serviceSide: "The service needs at least 64 px a side",
  servicePixels: "The service takes at most 9.4 MP, this picture has {n} MP",
  serviceRatio: "The service takes pictures up to 2.5 : 1",
  serviceFar: "More than the picture's own size on one side: quality may suffer",
  passes: "Farther than a model sees at once: sampled in {n} passes",
  far: "More than the picture's own size on one side: little context",
};

let table = ENGLISH;

/**
 * What the pack has in a language, or else in its family.
 * @param {Record<string, any>} served the answer of /i18n
 * @param {string} locale such as "zh" or "zh-TW"
 * @returns {{outpaint?: Record<string, string>, outpaintMessages?: Record<string, string>}}
 */
export function ofLanguage(served, locale) {
  const found = [locale, String(locale).split("-")[0]].map((name) => served?.[name]);
  return found.find((texts) => texts?.outpaint) ?? {};
}

/** @param {Record<string, string>} [own] texts of the user's language */
export function useTexts(own = {}) {
  table = { ...ENGLISH, ...own };
}

/** @param {keyof typeof ENGLISH} key @param {Record<string, string|number>} [values] */
export function t(key, values = {}) {
  return String(table[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
