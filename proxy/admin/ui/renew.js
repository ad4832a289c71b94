// The dialog that asks before a credential is renewed.
import { $, fill, h, say } from "./dom.js";
import { said, t } from "./i18n.js";
import { post } from "./live.js";

let wanted = null; // what the open dialog is about

export function offer(account, credential) {
  wanted = { name: account.name, kind: credential.kind };
  $("h-renew").textContent = t("renewTitle", wanted.kind, wanted.name);
  const alive = credential.state === "fresh" || credential.state === "stale";
  $("renew-text").textContent = alive && account.token_api === "stable" && credential.forced_left !== undefined ? t("renewForced", credential.forced_left) : t("renewPlain");
  fill($("renew-error"));
  busy(false);
  $("renew").showModal();
}

function busy(yes) {
  $("renew-yes").disabled = yes;
  $("renew-yes").textContent = t(yes ? "renewing" : "renew");
}

// problem shows what the API says under "error".
export function problem(e) {
  const words = [e.message, e.errcode ? `: ${e.errcode} ${e.errmsg ?? ""}` : "", e.rid ? ` (rid ${e.rid})` : ""].join("");
  return [h("p", { class: "bad" }, words), e.advice ? h("p", { class: "advice" }, said(e.advice)) : null];
}

async function renew(event) {
  event.preventDefault();
  if ($("renew-yes").disabled) return;
  const { name, kind } = wanted;
  busy(true);
  try {
    const { ok, body } = await post(`/api/accounts/${encodeURIComponent(name)}/renew?kind=${encodeURIComponent(kind)}`);
    if (ok) {
      $("renew").close();
      say(t("renewed", kind, name));
    } else {
      fill($("renew-error"), ...problem(body.error));
    }
  } catch {
    fill($("renew-error"), h("p", { class: "bad" }, t("noAnswer")));
  }
  busy(false);
}

export function start() {
  $("renew").querySelector("form").addEventListener("submit", renew);
  $("renew-no").addEventListener("click", () => $("renew").close());
}
