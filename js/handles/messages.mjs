/**
 * What the server says, in the user's language. The host passes on texts of errors and of progress as they are, and
 * only the browser knows the language. So a text is recognised by its English templates, which are the keys of
 * `outpaintMessages` in locales/<language>/main.json (a test takes them from the Python sources): sentences, which
 * stand among others, and phrases, which stand alone or fill a place of a template.
 */

const PLACE = /\{\w+\}/g;

/** A place at the start takes no sentence before its own; in a phrase it is a number. One that ends a sentence holds
 * the full stop. */
function place(index, parts, sentence) {
  if (index === 1 && !parts[0]) return sentence ? "((?:(?![.:] ).)+?)" : "(\\d.*?)";
  return sentence && index === parts.length - 1 && !parts[index] ? "(.*?\\.)" : "(.*?)";
}

function compile([english, translated]) {
  const sentence = /[.:]$|^[A-Z].*\}$/.test(english);
  const places = english.match(PLACE) ?? [];
  const parts = english.split(PLACE).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  const own = parts.reduce((pattern, part, index) => pattern + place(index, parts, sentence) + part);
  const pattern = new RegExp(sentence ? `^(?:(.*?[.:]) )?${own}(?: (.*))?$` : `^()${own}()$`);
  return { pattern, places, translated, sentence, letters: english.replace(PLACE, "").length };
}

/** Phrases, then sentences that are always the same, then the ones with most words of their own: the surest first. */
const bySureness = (a, b) =>
  a.sentence - b.sentence || Boolean(a.places.length) - Boolean(b.places.length) || b.letters - a.letters;

const joined = (texts) => texts.filter(Boolean).reduce((said, text) => said + (/[。：]$/.test(said) ? "" : " ") + text);

/**
 * @param {Record<string, string>} messages English template -> the same in another language
 * @returns {(text: string) => string} what is not recognised stays English, values stay as they are
 */
export function translator(messages) {
  const templates = Object.entries(messages).map(compile).sort(bySureness);
  const translate = (text) => {
    for (const { pattern, places, translated } of templates) {
      const found = pattern.exec(text);
      if (!found) continue;
      const [before, ...values] = found.slice(1).map((part) => part && translate(part));
      const after = values.pop();
      return joined([before, translated.replace(PLACE, (name) => values[places.indexOf(name)]), after]);
    }
    return text;
  };
  return (text) => text.split("\n").map(translate).join("\n");
}

/**
 * Translates what is said about the pack's own nodes. Of an error the host copies the text as soon as it hears of it:
 * be called before the host begins to listen. Text on a node is said once more, when everybody has heard the English.
 * @param {any} api
 * @param {(type: string|undefined) => boolean} own whether a node type is the pack's
 * @param {(id: string) => string|undefined} typeOf the type of the node with an execution id
 * @param {(text: string) => string} translate
 */
export function listen(api, own, typeOf, translate) {
  api.addEventListener("execution_error", ({ detail }) => {
    if (own(detail.node_type)) detail.exception_message = translate(detail.exception_message ?? "");
  });
  let saidAgain = null;
  api.addEventListener("progress_text", ({ detail }) => {
    if (detail === saidAgain || !own(typeOf(detail.nodeId))) return;
    const text = translate(detail.text ?? "");
    if (text === detail.text) return;
    queueMicrotask(() => {
      saidAgain = { ...detail, text };
      api.dispatchEvent(new CustomEvent("progress_text", { detail: saidAgain }));
    });
  });
}
