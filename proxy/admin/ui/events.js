// What happened, in sentences; and the last calls that failed.
import { $, h, table } from "./dom.js";
import { clock, duration, moment, ms } from "./format.js";
import { known, said, t } from "./i18n.js";
import { level } from "./accounts.js";
import { prepare } from "./explain.js";

const time = (at) => h("td", { class: "time" }, h("time", { datetime: at, title: moment(at) }, clock(Date.parse(at))));

// sentence says what an event was.
export function sentence(e) {
  switch (e.type) {
    case "renewal":
      return t("renewal", { kind: e.kind, result: known(`result_${e.result}`, e.result), cause: known(`cause_${e.cause}`, e.cause) });
    case "refusal":
      return t("refusal", e.kind, known(`step_${e.step}`, e.step));
    case "quiet":
      return t("event_quiet", duration((e.took_ms ?? 0) / 1000));
    case "store":
      return known(`event_store_${e.step}`, t("event_store"));
    case "breaker":
      return t("event_breaker", known(`breakerName_${e.from}`, e.from), known(`breakerName_${e.to}`, e.to));
    case "reload":
      return t(e.level === "bad" ? "event_reload_refused" : "event_reload") + (e.message ? `: ${e.message}` : "");
    default:
      return known(`event_${e.type}`, e.type);
  }
}

const shown = { info: "starting", good: "ok", warning: "warning", bad: "down" };

function row(e) {
  const who = e.account || e.host;
  const details = [e.errcode ? `${e.errcode}${e.name ? ` ${e.name}` : ""}` : e.error, e.type === "renewal" && e.took_ms ? ms(e.took_ms) : null].filter(Boolean).join(" · ");
  return h("tr", {}, time(e.at), h("td", {},
    level(shown[e.level] ?? "starting", h("span", {}, who ? h("b", {}, `${who} `) : null, sentence(e), details ? h("span", { class: "muted" }, ` · ${details}`) : null)),
    e.advice ? h("p", { class: "advice" }, said(e.advice)) : null));
}

export function drawEvents(events) {
  table($("events"), t("events"), [{ text: t("time"), class: "time" }, { text: t("event") }], events.map(row), t("noEvents"));
}

function failure(f, canExplain) {
  const rid = f.rid && canExplain
    ? h("button", { type: "button", class: "quiet small", "data-key": `rid ${f.rid}`, "aria-label": t("askRid", f.rid), title: t("askRid", f.rid), on: { click: () => prepare(f.rid, f.account) } }, "rid")
    : null;
  return h("tr", {}, time(f.at),
    h("td", { class: "path" }, h("span", { class: "muted" }, `${f.method} `), f.path),
    h("td", {}, f.account || "–"),
    h("td", {}, f.client || "–"),
    h("td", { class: "n" }, String(f.status)),
    h("td", { class: "why" }, f.errcode ? h("b", {}, `${f.errcode} `) : null, f.name || f.error || "", " ", rid),
    h("td", { class: "n" }, ms(f.took_ms)),
    h("td", { class: "muted" }, f.id || "–"));
}

export function drawFailures(failures, canExplain) {
  table($("failures"), t("failures"), [
    { text: t("time"), class: "time" }, { text: t("call") }, { text: t("account") }, { text: t("client") }, { text: "HTTP", class: "n" },
    { text: t("answer") }, { text: t("took"), class: "n" }, { text: t("requestID") },
  ], failures.map((f) => failure(f, canExplain)), t("noFailures"));
}
