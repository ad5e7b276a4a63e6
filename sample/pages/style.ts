/** The one stylesheet, sent inline: a page is one request, so the footer's node is the one that rendered it. */
export const STYLE = `
:root { --ink: #1f2a26; --soft: #5d6b65; --line: #dde4df; --edge: #7d8a84; --leaf: #1d6b4c; --paper: #fff; --ground: #f4f6f3; --warn: #a33b2a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eeea; --soft: #9fb0a8; --line: #33403a; --edge: #77877f; --leaf: #62c196; --paper: #1b2320; --ground: #121816; --warn: #f0907f; }
}
* { box-sizing: border-box; }
:root { color-scheme: light dark; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--leaf); }
header, main, footer { max-width: 52rem; margin: 0 auto; padding: 0 1rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; padding-block: 1rem; }
header .brand { font-weight: 700; font-size: 1.15rem; text-decoration: none; margin-right: auto; }
header nav { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; }
header form { margin: 0; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0 1rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.25rem; margin-bottom: 1rem; }
form.card > :last-child, .card > p:last-child { margin-bottom: 0; }
.card > p:first-child { margin-top: 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; }
.grid .card { margin: 0; display: flex; flex-direction: column; gap: .25rem; }
.grid .card form { margin-top: auto; padding-top: .5rem; }
.icon { font-size: 2.25rem; line-height: 1; }
svg { vertical-align: -.15em; }
svg.green { color: #2f7d4f; } svg.brown { color: #8a5a2b; } svg.red { color: #b0452c; } svg.yellow { color: #a87a12; }
@media (prefers-color-scheme: dark) { svg.green { color: #6cc492; } svg.brown { color: #d0a274; } svg.red { color: #ec8f78; } svg.yellow { color: #e3bd5c; } }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.notice { background: var(--paper); border: 1px solid var(--line); border-left: .3rem solid var(--leaf); border-radius: .5rem; padding: .6rem 1rem; margin: 0 0 1rem; }
.devices { list-style: none; margin: 0; padding: 0; }
.devices li { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; align-items: center; gap: .5rem 1rem; padding: .75rem 0; border-bottom: 1px solid var(--line); }
.devices li:first-child { padding-top: 0; }
.devices .what { overflow-wrap: anywhere; }
.devices .what p { margin: 0; }
.devices form { margin: 0; }
.devices .soft { font-size: .9rem; }
@media (max-width: 30rem) { .devices li { grid-template-columns: auto minmax(0, 1fr); } .devices form { grid-column: 2; } }
form.others { margin: 1rem 0 0; }
.mark { font-size: .8rem; font-weight: 700; color: var(--leaf); border: 1px solid currentcolor; border-radius: 1rem; padding: 0 .5rem; margin-left: .25rem; white-space: nowrap; }
.soft { color: var(--soft); }
.error { color: var(--warn); }
.price { font-variant-numeric: tabular-nums; white-space: nowrap; }
.big { font-size: 3rem; font-weight: 700; line-height: 1.1; margin: .25rem 0; }
button { font: inherit; color: #fff; background: #1d6b4c; border: 0; border-radius: .5rem; padding: .45rem .9rem; cursor: pointer; }
button.second { background: none; color: var(--leaf); border: 1px solid currentcolor; }
button.quiet { background: none; color: var(--leaf); padding: 0; line-height: inherit; text-decoration: underline; }
button:focus-visible, a:focus-visible, input:focus-visible { outline: 3px solid var(--leaf); outline-offset: 2px; }
label { display: block; margin-bottom: .75rem; font-weight: 600; }
input { display: block; width: 100%; max-width: 22rem; font: inherit; margin-top: .25rem; padding: .45rem .6rem;
  border: 1px solid var(--edge); border-radius: .5rem; background: var(--ground); color: inherit; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; padding: .4rem .5rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; }
td { overflow-wrap: anywhere; }
td.end { text-align: right; }
tr:last-child > * { border-bottom: 0; }
td form { margin: 0; }
pre { margin: 0; overflow-x: auto; font: .85rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .875rem; padding-block: 1rem 2rem; }
footer .node { color: var(--ink); font-weight: 600; }
`;
