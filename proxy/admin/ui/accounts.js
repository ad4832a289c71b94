// The table of accounts: their credentials, how long these live, what is wrong.
import { $, fill, h, table } from "./dom.js";
import { duration, moment, now, number } from "./format.js";
import { known, said, t } from "./i18n.js";
import { offer } from "./renew.js";

// until is a span that counts down to a moment; tick keeps it right.
function until(at, passed) {
  const e = h("span", { "data-until": Date.parse(at), title: moment(at) });
  if (passed) e.dataset.passed = passed;
  return e;
}

// tick updates everything that depends on the time.
export function tick(root = document) {
  for (const e of root.querySelectorAll("[data-until]")) {
    const seconds = (Number(e.dataset.until) - now()) / 1000;
    e.textContent = seconds <= 0 && e.dataset.passed ? e.dataset.passed : duration(seconds);
  }
  for (const e of root.querySelectorAll("[data-since]")) e.textContent = duration((now() - Number(e.dataset.since)) / 1000);
  for (const e of root.querySelectorAll("[data-life]")) {
    const share = (at) => Math.min(1, Math.max(0, (at - now()) / 1000 / Number(e.dataset.life)));
    e.style.setProperty("--left", share(Number(e.dataset.end)));
    if (e.dataset.renew) e.style.setProperty("--due", Math.max(0, share(Number(e.dataset.end)) - share(Number(e.dataset.renew))));
  }
}

const ago = (at) => h("span", {}, since(at), t("ago"));

export const since = (at) => h("span", { "data-since": Date.parse(at), title: moment(at) });

export function level(name, text) {
  return h("span", { class: "level", "data-level": name }, h("span", { class: "mark", "aria-hidden": "true" }), h("span", {}, text));
}

const stateLevel = { fresh: "ok", stale: "ok", empty: "starting", expired: "down" };

// cell is a cell with the name of its column, for narrow screens.
const cell = (column, attributes, ...children) => h("td", { ...attributes, "data-column": t(column) }, ...children);

function lifeCell(c) {
  if (!c.expires_at || c.state === "empty" || c.state === "expired") return cell("life", { class: "life" }, h("span", { class: "bar", "data-state": c.state, "aria-hidden": "true" }), h("span", { class: "muted" }, "–"));
  return cell("life", { class: "life" },
    h("span", {
      class: "bar", "data-state": c.refused ? "refused" : c.state, "aria-hidden": "true", "data-life": c.life_seconds,
      "data-end": Date.parse(c.expires_at), "data-renew": c.renew_at ? Date.parse(c.renew_at) : null, title: t("notch"),
    }),
    until(c.expires_at));
}

function renewalCell(c) {
  const column = (...children) => cell("nextRenewal", {}, ...children);
  if (c.next_try_at) return column(h("span", {}, `${t("nextTry")} `, until(c.next_try_at, t("soon"))));
  if (c.renew_at && c.state !== "expired") return column(until(c.renew_at, t("soon")));
  return cell("nextRenewal", { class: "muted" }, "–");
}

function rejectionCell(c) {
  if (!c.last_refused_at) return cell("lastRejection", { class: "muted" }, "–");
  return cell("lastRejection", {}, h("span", {}, String(c.last_refused_errcode ?? ""), h("span", { class: "muted" }, " · ", ago(c.last_refused_at))));
}

function forcedCell(c) {
  if (c.forced_left === undefined) return cell("forcedLeft", { class: "n muted" }, "–");
  return cell("forcedLeft", { class: c.forced_left <= 4 ? "n warn" : "n" }, h("span", {}, `${c.forced_left}`, h("span", { class: "muted" }, "/20")));
}

const tail = (id) => (id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id);

function nameCell(a, rows) {
  return h("th", { scope: "rowgroup", rowspan: rows },
    level(a.health, h("b", {}, a.name)),
    a.default ? h("span", { class: "tag" }, t("isDefault")) : null,
    h("div", { class: "id muted", title: a.id }, tail(a.id), a.token_api ? ` · ${a.token_api}` : a.kind ? ` · ${a.kind}` : ""));
}

// levelOf says how a credential is. One that WeChat rejects is not ok, though it
// has not expired.
function levelOf(c) {
  const alive = stateLevel[c.state] === "ok";
  if (c.last_error) return alive && !c.refused ? "warning" : "down";
  return c.refused && alive ? "warning" : stateLevel[c.state];
}

function credentialCells(c) {
  const state = c.refused ? "refused" : c.state;
  return [
    h("td", { class: "kind" }, c.kind),
    h("td", { class: "state" }, level(levelOf(c), known(`state_${state}`, state))),
    lifeCell(c), renewalCell(c), rejectionCell(c), forcedCell(c),
  ];
}

function renewCell(a, c) {
  return h("td", { class: "act" }, h("button", {
    type: "button", class: "quiet small", "data-key": `renew ${a.name} ${c.kind}`, "aria-label": t("renewOf", c.kind, a.name), on: { click: () => offer(a, c) },
  }, t("renew")));
}

function callCells(a, rows) {
  return [cell("calls", { class: "n", rowspan: rows }, number(a.calls)), cell("failed", { class: a.failed > 0 ? "n bad" : "n", rowspan: rows }, number(a.failed))];
}

// complaints are what is wrong with an account, in words.
function complaints(a) {
  const out = [];
  for (const c of a.credentials) {
    const e = c.last_error;
    if (c.refused) {
      const words = c.kind !== "access_token" ? "rejectedTicket" : e ? "rejectedForGood" : "rejected";
      out.push(h("p", { class: "advice" }, h("b", {}, `${c.kind}: `), t(words, c.last_refused_errcode)));
    }
    if (e) {
      out.push(h("p", {}, h("b", {}, `${c.kind}: `), [e.errcode ? `${e.errcode} ` : "", e.name ? `${e.name}. ` : "", e.message].join(""),
        e.rid ? h("span", { class: "muted" }, ` (rid ${e.rid})`) : null));
      if (e.advice) out.push(h("p", { class: "advice" }, said(e.advice)));
    }
    if (c.rogue) out.push(h("p", { class: "advice" }, t("rogue")));
    if (c.quiet_until) out.push(h("p", {}, `${t("quiet")} `, until(c.quiet_until)));
  }
  return out;
}

function group(a, canRenew) {
  const credentials = a.credentials.length > 0 ? a.credentials : [{ kind: "access_token", state: "empty", renewals: 0 }];
  const wrong = complaints(a);
  const rows = credentials.map((c, i) => h("tr", {},
    i === 0 ? nameCell(a, credentials.length) : null,
    credentialCells(c),
    i === 0 ? callCells(a, credentials.length) : null,
    canRenew ? renewCell(a, c) : null));
  if (wrong.length > 0) rows.push(h("tr", { class: "wrong" }, h("td", { colspan: canRenew ? 10 : 9 }, h("div", {}, wrong))));
  return h("tbody", { "data-account": a.name, "data-health": a.health }, rows);
}

export function draw(page, canRenew, turn) {
  const columns = [
    { text: t("account") }, { text: t("credential") }, { text: t("stateColumn") }, { text: t("life") }, { text: t("nextRenewal") },
    { text: t("lastRejection") }, { text: t("forcedLeft"), class: "n" },
    { text: `${t("calls")}, 1 h`, class: "n" }, { text: t("failed"), class: "n" },
    ...(canRenew ? [{ text: t("action"), class: "act" }] : []),
  ];
  table($("accounts"), t("accounts"), columns, page.rows.map((a) => group(a, canRenew)), t("noAccounts"));
  tick($("accounts"));
  $("search").hidden = page.total <= 8 && page.matching === page.total;
  drawPages(page, turn);
}

function drawPages(page, turn) {
  const last = page.offset + page.rows.length;
  if (page.matching <= page.rows.length) {
    fill($("pages"));
    return;
  }
  const button = (key, to, off) => h("button", { type: "button", class: "quiet small", "data-key": key, disabled: off, on: { click: () => turn(to) } }, t(key));
  fill($("pages"), h("span", { class: "muted" }, t("pages", number(page.rows.length ? page.offset + 1 : 0), number(last), number(page.matching))),
    button("previous", page.offset - 50, page.offset === 0), button("next", page.offset + 50, last >= page.matching));
}
