// Every text of the page, English and 中文.
import { read, write } from "./prefs.js";

const texts = {
  skip: ["Skip to the content", "跳到正文"],
  logout: ["Sign out", "退出"],
  toDark: ["Dark", "深色"],
  toLight: ["Light", "浅色"],
  otherLanguage: ["中文", "English"],
  units: [["d", "h", "min", "s"], ["天", "小时", "分", "秒"]],

  live: ["live", "实时"],
  connecting: ["connecting", "连接中"],
  polling: ["every 5 s", "每 5 秒刷新"],
  offline: ["no answer from the proxy", "代理无响应"],

  callsPerSecond: ["calls/s", "调用/秒"],
  failedPerSecond: ["failed/s", "失败/秒"],
  inFlight: ["in flight", "进行中"],
  accountsOK: ["accounts working", "可用账号"],
  store: ["store", "凭据存储"],
  shared: ["shared", "共享"],
  storeUp: ["up", "正常"],
  storeDown: ["down", "不可用"],
  up: ["up", "已运行"],

  accounts: ["Accounts", "账号"],
  account: ["Account", "账号"],
  credential: ["Credential", "凭据"],
  stateColumn: ["State", "状态"],
  life: ["Life", "剩余寿命"],
  nextRenewal: ["Next renewal", "下次刷新"],
  lastRejection: ["Last rejected", "最近被拒"],
  forcedLeft: ["Forced left", "强制刷新余量"],
  calls: ["Calls", "调用"],
  failed: ["Failed", "失败"],
  lastHour: ["last hour", "最近一小时"],
  action: ["Action", "操作"],
  search: ["Search name or appid", "搜索名称或 AppID"],
  filter: ["State", "状态"],
  all: ["All", "全部"],
  health_down: ["Down", "不可用"],
  health_warning: ["Needs attention", "需关注"],
  health_starting: ["Starting", "启动中"],
  health_ok: ["OK", "正常"],
  state_empty: ["empty", "尚无"],
  state_fresh: ["fresh", "有效"],
  state_stale: ["renewing", "刷新中"],
  state_expired: ["expired", "已过期"],
  state_refused: ["rejected by WeChat", "被微信拒绝"],
  rejected: [(code) => `WeChat rejects its token${code ? ` (${code})` : ""}.`, (code) => `微信拒绝其 token${code ? `（${code}）` : ""}。`],
  rejectedForGood: [(code) => `WeChat rejects its token${code ? ` (${code})` : ""}, and gives no other.`, (code) => `微信拒绝其 token${code ? `（${code}）` : ""}，且不再发放新的 token。`],
  rejectedTicket: [(code) => `WeChat rejects it${code ? ` (${code})` : ""}.`, (code) => `被微信拒绝${code ? `（${code}）` : ""}。`],
  nextTry: ["tries again in", "重试于"],
  soon: ["now", "即将"],
  ago: [" ago", "前"],
  notch: ["The notch is where it will be renewed.", "缺口处为计划刷新的时刻。"],
  isDefault: ["default", "默认"],
  rogue: ["Another program fetches this account's token too: each of its fetches invalidates the one in use. Find the program that still has the AppSecret, and reset the secret.",
    "有其他程序也在获取此账号的 token：对方每获取一次，当前 token 即失效。请找出仍持有 AppSecret 的程序，并重置密钥。"],
  quiet: ["Renewing did not help; rejections start no renewal for", "被拒绝后刷新无效，暂停刷新，剩余"],
  pages: [(a, b, n) => `${a}–${b} of ${n}`, (a, b, n) => `第 ${a}–${b} 个，共 ${n} 个`],
  previous: ["Previous", "上一页"],
  next: ["Next", "下一页"],
  noAccounts: ["No account matches.", "没有匹配的账号。"],

  traffic: ["Calls per second", "每秒调用"],
  latency: ["Latency", "延迟"],
  perSecond: ["per second", "每秒"],
  proxy: ["Proxy", "代理自身"],
  wechat: ["WeChat", "微信"],
  latest: ["latest", "最新"],
  trafficLabel: [(c, f) => `Calls per second over the last hour; at last ${c}, of which failed ${f}.`, (c, f) => `最近一小时的每秒调用；最新为 ${c}，其中失败 ${f}。`],
  latencyLabel: [(p, w) => `Latency over the last hour, logarithmic; median at last: proxy ${p}, WeChat ${w}.`, (p, w) => `最近一小时的延迟（对数坐标）；最新中位数：代理 ${p}，微信 ${w}。`],

  errcodes: ["Errcodes from WeChat", "微信返回的 errcode"],
  errcode: ["Errcode", "errcode"],
  meaning: ["Meaning", "含义"],
  todo: ["What to do", "如何处理"],
  lastSeen: ["Last", "最近"],
  several: ["several", "多个"],
  noErrcodes: ["None in the last hour.", "最近一小时没有。"],
  verdict_renew: ["The proxy renews the token and repeats the call.", "代理会刷新 token 并重试该调用。"],
  verdict_busy: ["WeChat is busy: the caller may try later.", "微信系统繁忙，调用方可稍后重试。"],
  verdict_limited: ["A limit is used up.", "额度或频率已达上限。"],
  verdict_denied: ["WeChat's settings forbid it.", "被微信侧的设置拒绝。"],
  verdict_retired: ["The proxy goes to another address of WeChat's.", "代理会改用微信的其他地址。"],
  verdict_caller: ["For the caller to correct: see WeChat's documentation of the API.", "由调用方修正：请查阅该接口的微信文档。"],

  hosts: ["WeChat's hosts", "微信服务器"],
  host: ["Host", "主机"],
  breaker: ["Breaker", "熔断器"],
  since: ["For", "已持续"],
  breaker_closed: ["closed: in use", "关闭：使用中"],
  "breaker_half-open": ["half-open: probing", "半开：试探中"],
  breaker_open: ["open: resting", "打开：暂停使用"],
  noHosts: ["None.", "无。"],

  clients: ["Clients", "客户端"],
  client: ["Client", "客户端"],
  mayUse: ["May use", "可用账号"],
  everyAccount: ["all accounts", "全部账号"],
  rules: ["Rules", "规则"],
  rateLimit: ["Limit", "限速"],
  noClients: ["No client is configured, and none has called.", "未配置客户端，也没有调用。"],
  anonymous: ["anonymous", "匿名"],
  other: ["other", "其他"],

  events: ["Recent events", "最近事件"],
  time: ["Time", "时间"],
  event: ["Event", "事件"],
  noEvents: ["Nothing yet.", "暂无。"],
  cause_start: ["at the start", "启动时"],
  cause_schedule: ["on schedule", "按计划"],
  cause_demand: ["for a call that needed it", "因调用需要"],
  cause_refusal: ["after a rejection", "被拒绝后"],
  cause_forced: ["forced after rejections", "多次被拒后强制"],
  cause_operator: ["on request", "应请求"],
  cause_settings: ["for new settings", "因配置变更"],
  result_renewed: ["renewed", "已刷新"],
  result_same: ["asked for again, unchanged", "重新获取，未变化"],
  result_adopted: ["taken over from another replica", "取自其他副本"],
  result_failed: ["could not be renewed", "刷新失败"],
  result_denied: ["not given by WeChat", "微信拒绝发放"],
  result_discarded: ["came too late and was dropped", "到达过晚，已丢弃"],
  renewal: [(e) => `${e.kind} ${e.result} ${e.cause}`, (e) => `${e.kind} ${e.cause}${e.result}`],
  step_newer: ["a newer one is held: repeated with it", "已有更新的凭据，用其重试"],
  step_asked: ["asked WeChat, repeated", "向微信查询后重试"],
  step_wait: ["waited a moment, repeated", "稍候后重试"],
  step_forced: ["renewed by force, repeated", "强制刷新后重试"],
  "step_passed on": ["passed on to the client", "原样返回给客户端"],
  refusal: [(kind, step) => `${kind} rejected by WeChat: ${step}`, (kind, step) => `${kind} 被微信拒绝：${step}`],
  event_quiet: [(d) => `renewing did not help: rejections start no renewal for ${d}`, (d) => `刷新无效：${d}内被拒绝不再触发刷新`],
  event_rogue: ["another program fetches this token too", "有其他程序也在获取此 token"],
  event_budget: ["no forced renewal is left", "需要强制刷新，但余量已用完"],
  event_store_down: ["The credential store is down; memory serves", "凭据存储不可用，由内存提供服务"],
  event_store_damaged: ["A stored credential could not be read and was dropped", "存储中的凭据无法读取，已丢弃"],
  event_store_up: ["The credential store is back", "凭据存储已恢复"],
  event_store: ["The credential store failed once", "凭据存储操作失败"],
  event_breaker: [(from, to) => `breaker ${from} → ${to}`, (from, to) => `熔断器 ${from} → ${to}`],
  event_reload: ["Settings read again", "配置已重新加载"],
  event_reload_refused: ["New settings refused, the old ones stay", "新配置被拒绝，沿用旧配置"],
  breakerName_closed: ["closed", "关闭"],
  "breakerName_half-open": ["half-open", "半开"],
  breakerName_open: ["open", "打开"],

  failures: ["Last failed calls", "最近失败的调用"],
  call: ["Call", "调用"],
  answer: ["Answer", "结果"],
  took: ["Took", "耗时"],
  requestID: ["Request ID", "请求 ID"],
  noFailures: ["None.", "没有。"],
  askRid: [(rid) => `rid ${rid}: ask WeChat`, (rid) => `向微信查询 rid ${rid}`],

  explain: ["Ask WeChat about a call", "向微信查询一次调用"],
  explainHelp: ["WeChat remembers a failed call for a while by its rid, the name at the end of errmsg.", "微信会在一段时间内按 rid（errmsg 末尾的编号）保留失败的调用。"],
  ridField: ["rid", "rid"],
  ask: ["Ask", "查询"],

  renew: ["Renew", "刷新"],
  cancel: ["Cancel", "取消"],
  renewOf: [(kind, name) => `Renew ${kind} of ${name}`, (kind, name) => `刷新 ${name} 的 ${kind}`],
  renewTitle: [(kind, name) => `Renew the ${kind} of ${name}?`, (kind, name) => `刷新 ${name} 的 ${kind}？`],
  renewForced: [(n) => `While the one in use is alive this is a forced renewal: WeChat allows 20 a day, 30 seconds apart. ${n} left. Calls go on meanwhile.`,
    (n) => `当前凭据仍有效，这将是一次强制刷新：微信每日限 20 次、间隔 30 秒，剩余 ${n} 次。期间调用不受影响。`],
  renewPlain: ["WeChat is asked at once. Calls go on meanwhile.", "将立即向微信获取。期间调用不受影响。"],
  renewing: ["Asking WeChat …", "正在向微信获取…"],
  renewed: [(kind, name) => `${kind} of ${name} renewed.`, (kind, name) => `${name} 的 ${kind} 已刷新。`],
  noAnswer: ["The proxy did not answer.", "代理没有响应。"],
};

let chosen = read("language") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

export const isChinese = () => chosen === "zh";
export const language = () => (isChinese() ? "zh-CN" : "en");

export function setLanguage(next) {
  chosen = next;
  write("language", next);
}

// t returns the text of a key. A text that is a function is called with args.
export function t(key, ...args) {
  const both = texts[key];
  if (!both) return key;
  const text = both[isChinese() ? 1 : 0];
  return typeof text === "function" ? text(...args) : text;
}

// known returns the text of a key, or otherwise if it has none.
export const known = (key, otherwise) => (texts[key] ? t(key) : otherwise);

// said returns one of {en, zh}, as in answers of the API.
export const said = (words) => (words ? words[isChinese() ? "zh" : "en"] : "");

// apply puts the texts into the page's own elements.
export function apply() {
  document.documentElement.lang = language();
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
}
