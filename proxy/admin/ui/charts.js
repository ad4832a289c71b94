// Two plots of the last hour: calls, and latency on a logarithmic scale.
import { $, fill, h } from "./dom.js";
import { minute, ms, rate } from "./format.js";
import { t } from "./i18n.js";

const { uPlot } = window;
const height = 190;

// color returns the value of a custom property in the current theme.
function color(name) {
  const probe = document.body.appendChild(h("span", { hidden: true }));
  probe.style.color = `var(${name})`;
  const c = getComputedStyle(probe).color;
  probe.remove();
  return c;
}

// lonely returns the points without neighbours, which no line would show.
function lonely(u, series) {
  const y = u.data[series];
  const out = [];
  y.forEach((v, i) => { if (v != null && y[i - 1] == null && y[i + 1] == null) out.push(i); });
  return out;
}

function line(stroke, more) {
  return { stroke, width: 1.5, points: { show: true, size: 3, width: 0, fill: stroke, filter: lonely }, ...more };
}

function axes(values, size, more) {
  const shared = {
    stroke: color("--muted"), font: "12px system-ui, sans-serif",
    grid: { stroke: color("--line"), width: 1 }, ticks: { show: false },
  };
  return [
    { ...shared, values: (u, splits) => splits.map((s) => minute(s * 1000)), space: 60, size: 28 },
    { ...shared, values: (u, splits) => splits.map((s) => (s === null ? "" : values(s))), size, gap: 6, ...more },
  ];
}

// A chart draws lists of numbers over time, with a table of values beneath
// that follows the cursor.
class Chart {
  constructor(id, options, legend) {
    this.box = $(`${id}-chart`);
    this.table = $(`${id}-legend`);
    this.options = options;
    this.legend = legend;
    new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height })).observe(this.box);
  }

  draw(data, anew) {
    this.data = data;
    if (this.plot && !anew) {
      this.plot.setData(data);
    } else {
      this.plot?.destroy();
      this.plot = new uPlot({
        width: this.box.clientWidth, height, padding: [10, 20, 0, 0], legend: { show: false },
        cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
        hooks: { setCursor: [() => this.values()] },
        ...this.options(),
      }, data, this.box);
    }
    this.values();
  }

  // values writes the numbers at the cursor, or the latest.
  values() {
    if (!this.data) return;
    const at = this.plot?.cursor.idx;
    const i = at ?? this.data[0].length - 1;
    this.legend(this.table, this.data.map((list) => list[i]), at === null || at === undefined ? t("latest") : minute(this.data[0][i] * 1000), this.box);
  }
}

const row = (swatch, name, cells) => h("tr", {}, h("th", { scope: "row" }, h("span", { class: `swatch ${swatch}`, "aria-hidden": "true" }), name), cells.map((c) => h("td", { class: "n" }, c)));

const headOf = (when, names) => h("thead", {}, h("tr", {}, h("th", { scope: "col" }, when), names.map((n) => h("th", { scope: "col", class: "n" }, n))));

const traffic = new Chart("traffic", () => ({
  scales: { y: { range: (u, min, max) => [0, Math.max(1, max * 1.1)] } },
  axes: axes((v) => rate(v).replace(/[.,]0$/, ""), 44),
  series: [{}, line(color("--series-1"), { fill: color("--series-1-soft") }), line(color("--bad"))],
}), (table, [, calls, failed], when, box) => {
  fill(table, headOf(when, [t("perSecond")]), h("tbody", {}, row("one", t("calls"), [rate(calls)]), row("bad", t("failed"), [rate(failed)])));
  box.setAttribute("aria-label", t("trafficLabel", rate(calls), rate(failed)));
});

const latency = new Chart("latency", () => ({
  scales: { y: { distr: 3, log: 10, range: (u, min, max) => [10 ** Math.floor(Math.log10(min ?? 0.1)), 10 ** Math.ceil(Math.log10((max ?? 100) * 1.01))] } },
  axes: axes(short, 54, { grid: { stroke: color("--line"), width: 1, filter: decades }, filter: decades }),
  series: [{},
    line(color("--series-1")), line(color("--series-1"), { width: 1, dash: [5, 3] }), line(color("--series-1"), { width: 1, dash: [1.5, 2.5] }),
    line(color("--series-2")), line(color("--series-2"), { width: 1, dash: [5, 3] }), line(color("--series-2"), { width: 1, dash: [1.5, 2.5] })],
}), (table, v, when, box) => {
  const names = ["50 %", "95 %", "99 %"];
  fill(table, headOf(when, names), h("tbody", {},
    row("one", t("proxy"), v.slice(1, 4).map(ms)), row("two", t("wechat"), v.slice(4, 7).map(ms))));
  box.setAttribute("aria-label", t("latencyLabel", ms(v[1]), ms(v[4])));
});

// decades keeps only the powers of ten on the axis.
const decades = (u, splits) => splits.map((v) => (Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-6 ? v : null));

const short = (v) => (v >= 1000 ? `${v / 1000} s` : `${Number(v.toPrecision(1))} ms`);

let last = null;

// draw takes the traffic of /api/status. anew is true if the theme or language
// changed.
export function draw(traffic_, anew = false) {
  if (traffic_) last = traffic_;
  if (!last || !uPlot) return;
  const start = Date.parse(last.start) / 1000;
  const x = last.calls.map((_, i) => start + i * last.step_seconds);
  const perSecond = (list) => list.map((n) => n / last.step_seconds);
  const safe = (list) => list.map((v) => (v === null ? null : Math.max(v, 0.001))); // a logarithmic scale has no 0
  traffic.draw([x, perSecond(last.calls), perSecond(last.failed)], anew);
  const { overhead_ms: p, upstream_ms: w } = last;
  latency.draw([x, p.p50, p.p95, p.p99, w.p50, w.p95, w.p99].map((list, i) => (i === 0 ? list : safe(list))), anew);
}
