/** Answers geometry questions, one JSON array on stdin: how the Python tests hold both implementations together. */

import { readFileSync } from "node:fs";

import { passes, SERVICE } from "../../js/handles/advice.mjs";
import * as g from "../../js/handles/geometry.mjs";
import { translator } from "../../js/handles/messages.mjs";
import { RATIOS } from "../../js/handles/presets.mjs";
import { ENGLISH } from "../../js/handles/text.mjs";

const size = ([width, height]) => ({ width, height });
const sides = ({ left, right, up, down }) => [left, right, up, down];
const named = ([left, right, up, down]) => ({ left, right, up, down });

const ANSWERS = {
  ratio: ({ original, ratio, anchor, multiple }) => sides(g.toRatio(size(original), g.parseRatio(ratio), anchor, multiple)),
  place: ({ original, target, anchor }) => sides(g.place(size(original), size(target), anchor)),
  size: ({ original, target, anchor, multiple }) => sides(g.toSize(size(original), size(target), anchor, multiple)),
  percent: ({ original, percent, anchor }) => sides(g.percentOf(size(original), percent, anchor)),
  passes: ({ original, extents }) => passes(size(original), named(extents)),
  service: () => SERVICE,
  ratios: () => RATIOS.map(({ name }) => name),
  english: () => ENGLISH,
  heard: ({ messages, texts }) => texts.map(translator(messages)),
};

function answer({ ask, ...question }) {
  try {
    return ANSWERS[ask](question);
  } catch (error) {
    if (error instanceof RangeError) return "refused";
    throw error;
  }
}

const questions = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(questions.map(answer)));
