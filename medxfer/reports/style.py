"""How a report looks: one style sheet for light, dark and paper, charts included.

Text and marks keep a contrast of at least 4.5 to 1 on their ground (WCAG 2.2, 1.4.3).
"""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--faint:#59636e;--line:#d5dae0;
--wash:#f4f6f8;--accent:#0b5a8a;--warn:#8a3b00;--warnwash:#fff4e8;--k0:#0b5a8a;--k1:#a33b00;
--k2:#5b3a9e;--k3:#2f6b2f}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6e9ed;--faint:#a3adb8;
--line:#3a434d;--wash:#1d232a;--accent:#7cc0ea;--warn:#ffb77a;--warnwash:#2d2117;--k0:#7cc0ea;
--k1:#ffa36b;--k2:#c3a9ff;--k3:#8fd08f}}
*{box-sizing:border-box}
html{background:var(--paper)}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;
color:var(--ink);background:var(--paper);max-width:64rem;margin:0 auto;padding:2rem 1.5rem 4rem}
header{border-bottom:3px solid var(--accent);padding-bottom:1rem;margin-bottom:1.5rem}
h1{font-size:1.9rem;line-height:1.2;margin:.4rem 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.6rem 0 .8rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
h2 .number{display:inline-block;min-width:1.7em;color:var(--accent)}
#summary h2{margin-top:0}
.notice{font-weight:600;color:var(--warn);margin:0}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.6rem 1.5rem;margin:0}
dt{font-size:.8rem;color:var(--faint)}
dd{margin:0;overflow-wrap:anywhere}
p{margin:.5rem 0;max-width:52rem}
p,li,figcaption,caption{overflow-wrap:anywhere}
ul{max-width:52rem;padding-left:1.2rem}
li{margin:.25rem 0}
p.note,p.warning{padding:.6rem .9rem;border-left:4px solid var(--accent);background:var(--wash)}
p.warning{border-color:var(--warn);background:var(--warnwash)}
p.warning strong{color:var(--warn)}
nav ol{columns:2;padding-left:1.6rem;margin:0}
a{color:var(--accent)}
.scroll{overflow-x:auto;margin:1rem 0 1.4rem}
table{border-collapse:collapse;font-size:.9rem;min-width:26rem}
caption{text-align:left;font-weight:600;padding-bottom:.4rem}
th,td{text-align:left;vertical-align:top;padding:.3rem 1.1rem .3rem 0;font-weight:400;
border-bottom:1px solid var(--line)}
thead th{color:var(--faint);border-bottom:2px solid var(--line);vertical-align:bottom}
tbody th{min-width:7rem;overflow-wrap:anywhere}
table.words,table.facts{width:100%}
table.words td,table.words tbody th,table.facts td{overflow-wrap:anywhere}
table.facts tbody th{width:18rem;color:var(--faint)}
td.n,thead th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
thead th.n{white-space:normal}
.charts{display:flex;flex-wrap:wrap;gap:1rem 2rem;margin:1rem 0}
figure{margin:0;max-width:100%}
figcaption{font-weight:600;font-size:.9rem;margin-bottom:.4rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:1rem;
align-items:start}
.pictures img{display:block;width:100%;height:auto}.pictures figcaption{margin-top:.4rem}
svg{max-width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,
"Liberation Sans",sans-serif}
svg .ink{fill:var(--ink)}
svg .mid{text-anchor:middle}svg .end{text-anchor:end}
svg .axis{fill:none;stroke:var(--faint)}svg .grid{stroke:var(--line)}
svg .faint{stroke:var(--faint);stroke-dasharray:4 4}
svg .mark{fill:none;stroke-width:2}svg .dot{stroke:none}
svg .band{stroke:none;fill-opacity:.18}
svg .mark.k0{stroke:var(--k0)}svg .dot.k0,svg .band.k0{fill:var(--k0)}
svg .mark.k1{stroke:var(--k1)}svg .dot.k1,svg .band.k1{fill:var(--k1)}
svg .mark.k2{stroke:var(--k2)}svg .dot.k2,svg .band.k2{fill:var(--k2)}
svg .mark.k3{stroke:var(--k3)}svg .dot.k3,svg .band.k3{fill:var(--k3)}
svg .bar{fill:var(--k0)}svg .faintbar{fill:var(--faint);fill-opacity:.55}
svg .cell{fill:var(--wash)}svg .fill{fill:var(--k0)}
.signature{display:grid;grid-template-columns:repeat(2,1fr);gap:2.6rem 2rem;margin-top:3.5rem;
break-inside:avoid}
.signature p{grid-column:1/-1;font-weight:600;margin:0}
.signature div{border-top:1px solid var(--ink);padding-top:.2rem}
.signature span{font-size:.8rem;color:var(--faint)}
footer{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--line);font-size:.85rem;
color:var(--faint)}
footer p{margin:.1rem 0}
@page{margin:18mm 15mm}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--faint:#444;--line:#bbb;
--wash:#f2f2f2;--accent:#0b5a8a;--warn:#7a3300;--warnwash:#faf3ea;--k0:#0b5a8a;--k1:#a33b00;
--k2:#5b3a9e;--k3:#2f6b2f}
body{font-size:10pt;max-width:none;padding:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
h2{break-after:avoid}figure,tr,.note,.warning{break-inside:avoid}
thead{display:table-header-group}table{font-size:8.5pt}td.n{white-space:normal}.scroll{overflow:visible}nav{display:none}
a{color:inherit;text-decoration:none}}
""".strip()
