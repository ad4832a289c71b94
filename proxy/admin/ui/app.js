// Puts the page together: what changes is redrawn, the rest stays.
import { draw as drawAccounts, tick } from "./accounts.js";
import { draw as drawCharts } from "./charts.js";
import { $, fill, h } from "./dom.js";
import { drawEvents, drawFailures } from "./events.js";
import { start as startExplain, suggest } from "./explain.js";
import { number, rate } from "./format.js";
import { apply, isChinese, said, setLanguage, t } from "./i18n.js";
import { connect, post, state } from "./live.js";
import { isDark, onSystemTheme, setTheme } from "./prefs.js";
import { start as startRenew } from "./renew.js";
import { drawClients, drawErrcodes, drawHosts } from "./tables.js";

const wanted = { q: "", state: "", offset: 0 };
let disconnect = () => {};
let connection = "connecting";

function drawOverview(o) {
  const verdict = $("verdict");
  verdict.dataset.level = o.verdict.level;
  if (verdict.lastChild.textContent !== said(o.verdict)) verdict.lastChild.textContent = said(o.verdict);
  document.title = `${o.verdict.level === "ok" ? "" : "! "}${said(o.verdict)} · wechat-token-proxy`;
  const all = Object.values(o.counts).reduce((a, b) => a + b, 0);
  const fine = (o.counts.ok ?? 0) + (o.counts.warning ?? 0);
  const fact = (value, name, bad) => h("div", { class: bad ? "bad" : null }, h("dt", {}, name), h("dd", {}, value));
  fill($("facts"),
    fact(rate(o.calls_per_second), t("callsPerSecond")),
    fact(rate(o.failed_per_second), t("failedPerSecond"), o.failed_per_second > 0),
    fact(number(o.in_flight), t("inFlight")),
    fact(`${number(fine)}/${number(all)}`, t("accountsOK"), fine < all && (o.counts.down ?? 0) > 0),
    fact(o.store.name, `${t("store")}: ${o.store.shared ? `${t("shared")}, ` : ""}${t(o.store.up ? "storeUp" : "storeDown")}`, !o.store.up));
  $("version").textContent = [o.version, o.revision].filter(Boolean).join(" · ");
  fill($("uptime"), `${t("up")} `, h("span", { "data-since": Date.parse(o.started_at) }), o.go_version ? ` · ${o.go_version}` : "");
  $("logout").hidden = !o.key_needed;
  $("explain").hidden = !o.can_explain;
  tick($("uptime"));
}

const drawers = {
  overview: () => drawOverview(state.overview),
  accounts: () => {
    drawAccounts(state.accounts, state.overview.can_renew, turn);
    const first = state.accounts.rows.find((a) => a.default) ?? state.accounts.rows[0];
    if (first && wanted.q === "") suggest(first.name);
  },
  traffic: () => drawCharts(state.traffic),
  errcodes: () => drawErrcodes(state.errcodes),
  hosts: () => drawHosts(state.hosts),
  clients: () => drawClients(state.clients),
  events: () => drawEvents(state.events),
  failures: () => drawFailures(state.failures, state.overview.can_explain),
};

// The overview comes first: other parts depend on it.
function changed(parts) {
  for (const name of Object.keys(drawers)) if (parts.includes(name)) drawers[name]();
  document.documentElement.dataset.ready = "true";
}

function showConnection(now = connection) {
  connection = now;
  $("live").dataset.state = now;
  $("live").textContent = t(now);
}

function listen() {
  disconnect();
  const query = new URLSearchParams({ q: wanted.q, state: wanted.state, offset: wanted.offset });
  disconnect = connect(query, changed, showConnection);
}

function turn(offset) {
  wanted.offset = Math.max(0, offset);
  listen();
}

// dress applies the language and the theme.
function dress() {
  apply();
  $("language").textContent = t("otherLanguage");
  $("language").lang = isChinese() ? "en" : "zh-CN";
  $("theme").textContent = t(isDark() ? "toLight" : "toDark");
  $("q").placeholder = t("search");
  $("q").setAttribute("aria-label", t("search"));
  $("state").setAttribute("aria-label", t("filter"));
  fill($("state"), ["", "down", "warning", "starting", "ok"].map((s) => h("option", { value: s, selected: s === wanted.state }, t(s ? `health_${s}` : "all"))));
  showConnection();
  if (state.overview) for (const d of Object.values(drawers)) d();
  drawCharts(null, true);
}

function start() {
  $("language").addEventListener("click", () => { setLanguage(isChinese() ? "en" : "zh"); dress(); });
  $("theme").addEventListener("click", () => { setTheme(isDark() ? "light" : "dark"); dress(); });
  onSystemTheme(dress);
  $("logout").addEventListener("click", async () => { await post("/logout"); location.reload(); });
  let typing = 0;
  $("q").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { wanted.q = $("q").value.trim(); turn(0); }, 250);
  });
  $("state").addEventListener("change", () => { wanted.state = $("state").value; turn(0); });
  $("search").addEventListener("submit", (e) => e.preventDefault());
  startRenew();
  startExplain();
  dress();
  listen();
  setInterval(tick, 1000);
}

start();
