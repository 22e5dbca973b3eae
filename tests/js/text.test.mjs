/** Level: pure functions, run by node itself. Texts in the user's language, and what stands where there is none. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ENGLISH, ofLanguage, t, useTexts } from "../../js/handles/text.mjs";

const SERVED = { zh: { outpaint: { left: "左边", pixels: "{n} 像素" } }, en: { nodeDefs: {} } };

test("the user's language, and its family where the variant is not served", () => {
  for (const locale of ["zh", "zh-TW"]) {
    useTexts(ofLanguage(SERVED, locale).outpaint);
    assert.equal(t("left"), "左边");
    assert.equal(t("pixels", { n: 7 }), "7 像素");
  }
});

test("English stands in for what is not served", () => {
  useTexts(ofLanguage(SERVED, "zh").outpaint);
  assert.equal(t("right"), ENGLISH.right);
  for (const served of [undefined, null, {}, { de: {} }]) {
    useTexts(ofLanguage(served, "de").outpaint);
    assert.equal(t("left"), ENGLISH.left);
  }
});
