// The form that asks WeChat about a rid.
import { $, fill, h } from "./dom.js";
import { t } from "./i18n.js";
import { post } from "./live.js";
import { problem } from "./renew.js";

const form = () => $("explain").querySelector("form");

// prepare puts a failed call's rid into the form.
export function prepare(rid, account) {
  form().elements.rid.value = rid;
  if (account) form().elements.account.value = account;
  form().elements.account.focus();
}

// suggest fills in an account if the field is empty.
export function suggest(account) {
  const field = form().elements.account;
  if (field.value === "" && document.activeElement !== field) field.value = account;
}

async function ask(event) {
  event.preventDefault();
  const { rid, account } = form().elements;
  const button = form().querySelector("button");
  button.disabled = true;
  const answer = $("explained").parentElement;
  answer.querySelectorAll("p").forEach((p) => p.remove());
  $("explained").hidden = true;
  try {
    const { ok, body } = await post(`/api/accounts/${encodeURIComponent(account.value.trim())}/explain`, { rid: rid.value.trim() });
    if (ok) {
      $("explained").textContent = JSON.stringify(body, null, 2);
      $("explained").hidden = false;
    } else {
      answer.prepend(...problem(body.error).filter(Boolean));
    }
  } catch {
    answer.prepend(h("p", { class: "bad" }, t("noAnswer")));
  }
  button.disabled = false;
}

export function start() {
  form().addEventListener("submit", ask);
}
