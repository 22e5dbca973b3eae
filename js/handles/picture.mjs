/** A picture as the widget needs it: small copies to draw, and colours to continue beyond its borders. */

import { BASE, buildLevels } from "./soften.mjs";

/** Larger than any stage: a picture of any size is reduced to this once, and the large one is let go. */
const LARGEST = 1024;

/**
 * @typedef {object} Picture
 * @property {import("./geometry.mjs").Size} size of the picture itself
 * @property {HTMLCanvasElement[]} copies largest first, each half the one before
 * @property {import("./soften.mjs").Level[]|null} levels null when the colours may not be read
 */

/**
 * @param {string|HTMLImageElement} from an address, or an image that the page already shows
 * @returns {Promise<Picture>}
 * @throws when it is not a picture
 */
export async function loadPicture(from) {
  const image = typeof from === "string" ? await loadImage(from) : from;
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  if (!size.width || !size.height) throw new Error("no pixels");
  const copies = [await reduce(image, size)];
  while (Math.max(copies.at(-1).width, copies.at(-1).height) > BASE) copies.push(half(copies.at(-1)));
  return { size, copies, levels: readLevels(copies.at(-1)) };
}

async function loadImage(url) {
  const image = new Image();
  image.decoding = "async";
  image.src = url;
  await image.decode();
  return image;
}

/** Large photographs are reduced off the main thread where the browser can. */
async function reduce(image, size) {
  const scale = Math.min(1, LARGEST / Math.max(size.width, size.height));
  const width = Math.max(1, Math.round(size.width * scale));
  const height = Math.max(1, Math.round(size.height * scale));
  if (scale === 1) return draw(image, width, height);
  try {
    const bitmap = await createImageBitmap(image, { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" });
    const copy = draw(bitmap, width, height);
    bitmap.close();
    return copy;
  } catch {
    return draw(image, width, height);
  }
}

const half = (copy) => draw(copy, Math.max(1, copy.width >> 1), Math.max(1, copy.height >> 1));

function draw(source, width, height) {
  const copy = document.createElement("canvas");
  copy.width = width;
  copy.height = height;
  const context = copy.getContext("2d", { willReadFrequently: Math.max(width, height) <= BASE });
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return copy;
}

function readLevels(copy) {
  try {
    const { data } = copy.getContext("2d").getImageData(0, 0, copy.width, copy.height);
    return buildLevels(data, copy.width, copy.height);
  } catch {
    return null;
  }
}

/** The smallest copy that is at least as wide as it will be drawn. @param {Picture} picture @param {number} width */
export function copyFor(picture, width) {
  return picture.copies.findLast((copy) => copy.width >= width) ?? picture.copies[0];
}
