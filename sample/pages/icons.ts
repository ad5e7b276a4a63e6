import { trusted, type Html } from './html.js';

/** A drawing of 24 by 24, in the colour of the text around it. No emoji: not every machine has a font with them. */
function icon(content: string, colour?: string): Html {
  const tint = colour === undefined ? '' : ` class="${colour}"`;
  return trusted(
    `<svg viewBox="0 0 24 24" width="1em" height="1em" fill="none" stroke="currentColor" stroke-width="1.7" ` +
      `stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"${tint}>${content}</svg>`,
  );
}

const CUP =
  '<path d="M4 10h13v4a6 6 0 0 1-6 6h-1a6 6 0 0 1-6-6z"/><path d="M17 11h1.5a2.5 2.5 0 0 1 0 5H16.6"/>' +
  '<path d="M8 7c-1-1.3 1-2.2 0-3.5M12.5 7c-1-1.3 1-2.2 0-3.5"/>';
const LEAF = '<path d="M5 19C4 10 9 4 20 4c0 11-6 16-15 15z"/><path d="M5 19C8 14 11 11 15 9"/>';
const PETALS = [0, 72, 144, 216, 288]
  .map((turn) => `<ellipse cx="12" cy="6.5" rx="2.6" ry="3.5" transform="rotate(${turn} 12 12)"/>`)
  .join('');

/** The shop's own. */
export const CUP_ICON = icon(CUP);
export const SENCHA_ICON = icon(LEAF, 'green');
export const ASSAM_ICON = icon(CUP, 'brown');
export const OOLONG_ICON = icon(
  '<path d="M12 21v-9"/><path d="M12 12C12 7 8 4 3 4c0 5 4 8 9 8z"/><path d="M12 14c0-4 3-6.5 8.5-6.5 0 4.5-3.5 6.5-8.5 6.5z"/>',
  'green',
);
export const ROOIBOS_ICON = icon(LEAF, 'red');
export const JASMINE_ICON = icon(`${PETALS}<circle cx="12" cy="12" r="2"/>`, 'yellow');
export const CAKE_ICON = icon(
  '<path d="M3 13 20 7c1 1 1 3 1 6z"/><path d="M3 13v6h18v-6"/><path d="M3 16h18"/><circle cx="17" cy="5" r="1.5"/>',
  'brown',
);
export const TICK_ICON = icon('<path d="M4 13l5 5L20 6"/>');
export const UNKNOWN_ICON = icon(
  '<circle cx="12" cy="12" r="9"/><path d="M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.4-1 .9-1 1.7M12 17v.01"/>',
);
export const COMPUTER_ICON = icon(
  '<rect x="4" y="5" width="16" height="11" rx="1.5"/><path d="M2 19.5h20"/>',
);
export const PHONE_ICON = icon('<rect x="7" y="2.5" width="10" height="19" rx="2"/><path d="M11 18.5h2"/>');
