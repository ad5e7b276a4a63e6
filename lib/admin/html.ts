/** Markup that is safe to send: made by {@link html} or by {@link trusted}, never from a bare string. */
export class Html {
  constructor(readonly text: string) {}
}

/** What may stand in a template: text is escaped, markup is not, `undefined` and `false` show nothing. */
type HtmlValue = string | number | Html | undefined | false | readonly HtmlValue[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A tagged template that escapes whatever is put into it, for text and for attributes in quotes. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(String.raw({ raw: strings }, ...values.map(render)));
}

/** Lets text of this package through as it is (the stylesheet). Never for anything that a client has sent. */
export function trusted(text: string): Html {
  return new Html(text);
}

/** What shows nothing, breaks lines, or turns them around. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Text of a client as an administrator is to see it: what cannot be seen is shown by its number, so that two names that look alike
 * are not taken for one.
 */
export function visible(text: string): Html {
  const escaped = escape(text.toWellFormed());
  const shown = escaped.replace(UNSEEN, (one) => `<span class="code-point">${codePoint(one)}</span>`);
  return new Html(`<bdi>${shown}</bdi>`);
}

/** The same where there can be no markup: in a title. */
export function visibleText(text: string): string {
  return text.toWellFormed().replace(UNSEEN, (one) => `[${codePoint(one)}]`);
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function render(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === false) return '';
  if (typeof value === 'object') return value.map(render).join('');
  return escape(String(value));
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
