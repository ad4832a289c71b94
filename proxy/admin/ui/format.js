// Numbers, durations and moments, in the language of the page.
import { language, t } from "./i18n.js";

let skew = 0; // the server's clock less ours, in milliseconds

export function setNow(serverNow) {
  skew = Date.parse(serverNow) - Date.now();
}

export const now = () => Date.now() + skew;

export const number = (n) => n.toLocaleString(language());

export function rate(n) {
  return n.toLocaleString(language(), { maximumFractionDigits: n < 10 ? 1 : 0, minimumFractionDigits: n < 10 ? 1 : 0 });
}

// duration takes seconds: "1 h 59 min", "4 min 10 s", "12 s".
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const d = Math.floor(s / 86400), hours = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  const [ud, uh, um, us] = t("units");
  if (d > 0) return hours > 0 ? `${d} ${ud} ${hours} ${uh}` : `${d} ${ud}`;
  if (hours > 0) return `${hours} ${uh} ${String(m).padStart(2, "0")} ${um}`;
  if (m >= 10) return `${m} ${um}`;
  if (m > 0) return `${m} ${um} ${String(s % 60).padStart(2, "0")} ${us}`;
  return `${s} ${us}`;
}

// ms takes milliseconds: "0.12 ms", "48 ms", "1.3 s".
export function ms(n) {
  if (n === null || n === undefined) return "–";
  if (n >= 10000) return `${Math.round(n / 1000)} s`;
  if (n >= 1000) return `${(n / 1000).toFixed(1)} s`;
  if (n >= 10) return `${Math.round(n)} ms`;
  return `${n.toFixed(n < 1 ? 2 : 1)} ms`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export const clock = (at) => clockFormat.format(at);
export const minute = (at) => minuteFormat.format(at);
export const moment = (at) => new Date(at).toLocaleString(language());
