import { createHash } from 'node:crypto';

/** Sent with the page: nothing is loaded from anywhere. */
const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #566070; --line: #d8dde5; --edge: #7b8696; --paper: #fff; --ground: #f3f5f8;
  --accent: #1f5fa8; --danger: #b3261e; --on-danger: #fff; --good: #1c6b45; --good-ground: #e6f4ec; --bad-ground: #fbeae8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --soft: #a3aebd; --line: #313a47; --edge: #7d8999; --paper: #1a2029; --ground: #11161d;
    --accent: #8fbdf3; --danger: #f2a29b; --on-danger: #2b0806; --good: #8fd8b1; --good-ground: #173226; --bad-ground: #3b1d1b; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
header { display: flex; flex-wrap: wrap; align-items: end; justify-content: space-between; gap: .75rem 2rem; padding-bottom: 0; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; }
h1 a { color: inherit; text-decoration: none; }
h2 { font-size: 1.2rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
p { margin: 0 0 .75rem; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }
.soft { color: var(--soft); font-size: .875rem; }
.search { display: flex; flex-wrap: wrap; align-items: end; gap: .5rem; flex: 0 1 32rem; }
.search label { flex: 1 1 100%; font-weight: 600; font-size: .875rem; }
.search input { flex: 1 1 12rem; min-width: 0; font: inherit; color: inherit; background: var(--paper); padding: .45rem .6rem;
  border: 1px solid var(--edge); border-radius: .4rem; }
button { font: inherit; font-weight: 600; color: var(--accent); background: var(--paper); padding: .4rem .8rem; min-height: 2.5rem;
  border: 1px solid var(--edge); border-radius: .4rem; cursor: pointer; }
button.danger { color: var(--danger); border-color: currentcolor; }
button.danger:hover, details button.danger { color: var(--on-danger); background: var(--danger); }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin-bottom: 1rem; }
.card > :last-child { margin-bottom: 0; }
.notice { border-left: .3rem solid var(--good); background: var(--good-ground); padding: .6rem .9rem; border-radius: .3rem; margin-bottom: 1rem; }
.notice.bad { border-color: var(--danger); background: var(--bad-ground); }
.bar { display: flex; flex-wrap: wrap; align-items: start; justify-content: space-between; gap: .5rem 1.5rem; margin-bottom: .5rem; }
summary { cursor: pointer; color: var(--danger); font-weight: 600; padding: .4rem 0; }
details[open] { border: 1px solid var(--danger); border-radius: .4rem; padding: .25rem .9rem .9rem; max-width: 30rem; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; color: var(--soft); font-size: .875rem; padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .6rem .75rem .6rem 0; border-top: 1px solid var(--line); }
thead th { font-size: .875rem; color: var(--soft); border-top: 0; padding-top: 0; white-space: nowrap; }
tbody th { font-weight: 600; }
th > .soft, td > .soft { display: block; font-weight: 400; overflow-wrap: anywhere; }
td.who { overflow-wrap: anywhere; min-width: 7rem; }
tbody th { min-width: 16rem; }
td.id { min-width: 9.5rem; width: 9.5rem; word-break: break-all; }
td.end { text-align: right; padding-right: 0; }
time { white-space: nowrap; }
code { font: .75rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.code-point { font: .8em ui-monospace, monospace; border: 1px solid var(--edge); border-radius: .2rem; padding: 0 .2rem; margin: 0 .1rem; }
.mark { display: inline-block; font-size: .75rem; font-weight: 700; color: var(--good); border: 1px solid currentcolor; border-radius: 1rem; padding: 0 .5rem; }
.pages { display: flex; gap: 1.5rem; margin-top: 1rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 70rem) {
  table, tbody, tr, th, td { display: block; width: 100%; }
  caption { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border-top: 1px solid var(--line); padding: .75rem 0; }
  tbody th, td, td.id { border: 0; padding: .15rem 0; min-width: 0; width: 100%; }
  td[data-label] { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); }
  td[data-label]::before { content: attr(data-label); color: var(--soft); font-size: .875rem; line-height: 1.7; }
  td[data-label] > .soft { grid-column: 2; }
  td.end { text-align: left; padding-top: .6rem; }
  td.end button { width: 100%; }
}
@media (forced-colors: active) { button { border-color: ButtonBorder; } }
`;

/** The element around it, which no formatter of templates may touch: its hash is that of every character. */
export const STYLE_ELEMENT = `<style>${STYLE}</style>`;

/** The one style that the page may have, for its Content-Security-Policy. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
