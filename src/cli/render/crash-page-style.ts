/**
 * The style sheet of a crash's page: light and dark by the reader's own setting, and black on white in print.
 * @module
 */

/** Complete, with nothing that is fetched. */
export const CRASH_PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d1f23; --soft: #5c626b; --rule: #dcd9d3;
  --alarm: #b3261e; --warn: #8a5a00; --good: #1f6f43; --bar: #3a6ea5; --track: #edeae4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1c1f25; --ink: #e6e4df; --soft: #9aa1ab; --rule: #31363f;
    --alarm: #ff8a80; --warn: #f0b64f; --good: #6fcf97; --bar: #6ea8e0; --track: #272c34;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { border-left: 5px solid var(--alarm); padding: .1rem 0 .1rem 1rem; margin-bottom: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .35rem; overflow-wrap: anywhere; }
h1::first-letter { text-transform: uppercase; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
h3 { font-size: .9rem; margin: 1rem 0 .3rem; color: var(--soft); font-weight: 600; }
p { margin: .3rem 0; }
code, pre, .mono { font: 13px/1.55 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .9rem 1.1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
ol.steps { list-style: none; margin: 0; padding: 0; }
ol.steps li { display: grid; grid-template-columns: 6.5rem 1fr; gap: 0 1rem; padding: .3rem 0; align-items: baseline; }
ol.steps .at { text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
ol.steps .at b { color: var(--ink); font-weight: 600; }
ol.steps .track { grid-column: 2; height: 7px; border-radius: 4px; background: var(--track); margin: .2rem 0; }
ol.steps .track i { display: block; height: 100%; min-width: 4px; border-radius: 4px; background: var(--bar);
  margin-left: var(--from); width: var(--width); }
ol.steps .short { color: var(--warn); }
ol.steps .short + .track i { background: var(--warn); }
ol.steps .fatal { color: var(--alarm); font-weight: 600; }
.split { border-top: 1px dashed var(--rule); margin: .6rem 0; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .8rem 1rem; margin: 0;
  overflow-x: auto; white-space: pre; }
pre .maybe { color: var(--soft); }
pre .hit { color: var(--alarm); }
pre .module { color: var(--bar); }
pre .l0, pre .l1, pre .l2 { color: var(--alarm); font-weight: 600; }
pre .l3 { color: var(--alarm); }
pre .l4 { color: var(--warn); }
pre .l7, pre .time { color: var(--soft); font-weight: 400; }
.hint { border-left: 3px solid var(--warn); padding: 0 0 0 .9rem; margin: .9rem 0; }
.hint .title { font-weight: 600; }
.regs { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .1rem 1rem; }
.regs span { color: var(--soft); display: inline-block; min-width: 3.4rem; }
.end-home-by-kexec { color: var(--good); } .end-home-by-firmware { color: var(--warn); }
.end-continued { color: var(--good); }
footer { margin-top: 2.5rem; border-top: 1px solid var(--rule); padding-top: .8rem; font-size: 13px; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  ol.steps li { grid-template-columns: 1fr; } ol.steps .at { text-align: left; } ol.steps .track { grid-column: 1; } }
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #bbb; --track: #eee;
    --alarm: #900; --warn: #640; --good: #050; --bar: #246; }
  body { font-size: 11px; } main { max-width: none; padding: 0; } pre, code, .mono { font-size: 9px; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; } ol.steps .track i { print-color-adjust: exact; }
  h2 { break-after: avoid; } .hint, ol.steps li { break-inside: avoid; }
}
`;
