// The state of the proxy, kept up to date by server-sent events, or by polling if
// those do not come through.
import { setNow } from "./format.js";

const pollEvery = 5000;
const silence = 40000; // the server says something every 15 s

export const state = {};

// connect calls changed with the names of the parts that changed, and
// connection with live, polling, connecting or offline.
export function connect(query, changed, connection) {
  let source = null, poll = 0, retry = 0, watchdog = 0, ended = false;

  function take(part) {
    setNow(part.now);
    Object.assign(state, part);
    changed(Object.keys(part));
  }

  async function ask() {
    if (ended) return;
    try {
      const answer = await fetch(`/api/status?${query}`, { signal: AbortSignal.timeout(10000) });
      if (answer.status === 401) return location.reload();
      const whole = await answer.json();
      if (ended || !answer.ok) return;
      take(whole);
      if (poll) connection("polling");
    } catch {
      if (!ended) connection("offline");
    }
  }

  function startPolling() {
    if (poll || ended) return;
    ask();
    poll = setInterval(ask, pollEvery);
  }

  function stopPolling() {
    clearInterval(poll);
    poll = 0;
  }

  function heard() {
    clearTimeout(watchdog);
    watchdog = setTimeout(listen, silence);
  }

  function listen() {
    source?.close();
    clearTimeout(retry);
    if (ended) return;
    source = new EventSource(`/api/events?${query}`);
    source.addEventListener("open", () => { stopPolling(); connection("live"); heard(); });
    source.addEventListener("change", (e) => { heard(); take(JSON.parse(e.data)); });
    source.addEventListener("beat", heard);
    source.addEventListener("error", () => {
      if (!poll) connection("connecting"); // else the polls say how it is
      clearTimeout(watchdog);
      source.close();
      startPolling();
      retry = setTimeout(listen, pollEvery);
    });
  }

  connection("connecting");
  listen();
  return () => {
    ended = true;
    source?.close();
    stopPolling();
    clearTimeout(retry);
    clearTimeout(watchdog);
  };
}

// post asks the proxy to do something. It returns {ok, body}.
export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Requested-With": "dashboard" },
    body: JSON.stringify(body ?? {}),
  });
  if (answer.status === 401) location.reload();
  const text = await answer.text();
  return { ok: answer.ok, body: text ? JSON.parse(text) : {} };
}
