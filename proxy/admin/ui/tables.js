// Errcodes, hosts, clients.
import { $, h, table } from "./dom.js";
import { clock, moment, number } from "./format.js";
import { known, said, t } from "./i18n.js";
import { level, since, tick } from "./accounts.js";

export function drawErrcodes(rows) {
  table($("errcodes"), t("errcodes"), [
    { text: t("errcode"), class: "n" }, { text: t("meaning") }, { text: t("calls"), class: "n" }, { text: t("lastSeen"), class: "time" }, { text: t("account") }, { text: t("todo") },
  ], rows.map((e) => h("tr", {},
    h("th", { scope: "row", class: "n" }, String(e.errcode)),
    h("td", {}, e.name || "–", e.platform === "wecom" ? h("span", { class: "tag" }, "WeCom") : null),
    h("td", { class: "n" }, number(e.calls)),
    h("td", { class: "time" }, h("time", { datetime: e.last_at, title: moment(e.last_at) }, clock(Date.parse(e.last_at)))),
    h("td", { title: e.several ? e.account : null }, e.several ? t("several") : e.account),
    h("td", { class: "todo" }, e.advice ? said(e.advice) : known(`verdict_${e.verdict}`, "")))), t("noErrcodes"));
}

const breakerLevel = { closed: "ok", "half-open": "warning", open: "down" };

export function drawHosts(rows) {
  table($("hosts"), t("hosts"), [{ text: t("host") }, { text: t("breaker") }, { text: t("since"), class: "n" }],
    rows.map((r) => h("tr", {},
      h("th", { scope: "row" }, r.host),
      h("td", {}, level(breakerLevel[r.breaker] ?? "warning", known(`breaker_${r.breaker}`, r.breaker))),
      h("td", { class: "n" }, r.since ? since(r.since) : "–"))), t("noHosts"));
  tick($("hosts"));
}

export function drawClients(page) {
  table($("clients"), t("clients"), [
    { text: t("client") }, { text: t("mayUse") }, { text: t("rules"), class: "n" }, { text: t("rateLimit"), class: "n" }, { text: t("calls"), class: "n" }, { text: t("failed"), class: "n" },
  ], page.rows.map((c) => h("tr", {},
    h("th", { scope: "row" }, c.name === "anonymous" || c.name === "other" ? t(c.name) : c.name),
    h("td", { class: "muted" }, c.accounts.length > 0 ? c.accounts.join(", ") : t("everyAccount")),
    h("td", { class: "n" }, number(c.rules)),
    h("td", { class: "n" }, c.rate > 0 ? `${number(c.rate)}/s` : "–"),
    h("td", { class: "n" }, number(c.calls)),
    h("td", { class: c.failed > 0 ? "n bad" : "n" }, number(c.failed)))), t("noClients"));
}
