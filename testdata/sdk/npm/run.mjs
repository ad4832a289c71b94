// The SDKs' half of sdk_test.go: one JSON request per line on stdin,
//
//	{"sdk": "co-wechat-api", "as": "one", "step": "call", "secret": "…", "appid": "wx…"}
//
// one answer per line on stdout: {"ok": …} or {"failed": {"code", "words"}}.
// "as" names an instance: it keeps the token it was given, as a program would.
// An SDK that has no such step answers {"none": true}. PROXY is the base URL.
import { createRequire } from "node:module";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const require = createRequire(import.meta.url);
const base = process.env.PROXY;
const page = "https://shop.example/a?b=c";
const message = { touser: "oABCD", msgtype: "text", text: { content: "你好 & <b>" } };
const picture = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(300_000, "\x00\n{}")]);
const file = join(mkdtempSync(join(tmpdir(), "sdk-")), "a.jpg");
writeFileSync(file, picture);
// What an SDK says on its own is not ours to read.
console.log = console.info = console.warn = console.error;

// Each makes an instance: the one setting, and what a program calls.
const sdks = {
  // Setting: eight prefixes.
  "co-wechat-api"(appid, secret) {
    const API = require("co-wechat-api");
    const api = new API(appid, secret);
    const to = { prefix: "cgi-bin", snsPrefix: "sns", mpPrefix: "cgi-bin", fileServerPrefix: "cgi-bin", payPrefix: "pay", merchantPrefix: "merchant", customservicePrefix: "customservice", wxaPrefix: "wxa" };
    for (const [field, path] of Object.entries(to)) api[field] = `${base}/${path}/`;
    return {
      token: async () => (await api.ensureAccessToken()).accessToken,
      call: () => api.sendText("oABCD", "hi"),
      upload: async () => (await api.uploadMedia(picture, "image", "a.jpg", "image/jpeg")).media_id,
      download: (id) => api.getMedia(id),
      ticket: async () => (await api.ensureTicket()).ticket,
      signature: () => api.getJsConfig({ debug: false, jsApiList: [], url: page }),
    };
  },

  // Setting: endpoint, with a slash at its end, and the file server's prefix.
  "wechat-api"(appid, secret) {
    const API = require("wechat-api");
    const api = new API(appid, secret);
    api.endpoint = base + "/";
    api.fileServerPrefix = `${base}/cgi-bin/`;
    const call = (name) => promisify(api[name].bind(api));
    return {
      token: async () => (await call("getLatestToken")()).accessToken,
      call: () => call("sendText")("oABCD", "hi"),
      upload: async () => (await call("uploadMedia")(file, "image")).media_id,
      download: (id) => call("getMedia")(id),
      ticket: async () => (await call("getLatestTicket")()).ticket,
      signature: () => call("getJsConfig")({ debug: false, jsApiList: [], url: page }),
    };
  },

  // Setting: http.baseURL, here with an account in it.
  "node-easywechat"(appid, secret) {
    const { OfficialAccount, MiniApp } = require("node-easywechat");
    const settings = { app_id: appid, secret, http: { baseURL: `${base}/@${appid}/` } };
    const app = new OfficialAccount(settings).setCache(memory());
    const mini = new MiniApp(settings).setCache(memory());
    const client = app.getClient();
    const answered = async (promise) => judge((await promise).toObject());
    return {
      token: () => app.getAccessToken().getToken(),
      call: () => answered(client.postJson("cgi-bin/message/custom/send", message)),
      upload: async () => {
        const form = new (createRequire(require.resolve("node-easywechat"))("form-data"))();
        form.append("media", picture, { filename: "a.jpg" });
        return (await answered(client.post("cgi-bin/media/upload", { params: { type: "image" }, formData: form }))).media_id;
      },
      download: async (id) => {
        const got = await client.get("cgi-bin/media/get", { params: { media_id: id }, responseType: "arraybuffer" });
        return Buffer.from(got.getContent());
      },
      ticket: () => app.getTicket().getTicket(),
      signature: () => app.getUtils().buildJsSdkConfig(page),
      login: (code) => mini.getUtils().codeToSession(code),
    };
  },

  // Setting: http.baseURL and use_stable_access_token.
  "node-easywechat stable"(appid, secret) {
    const { OfficialAccount } = require("node-easywechat");
    const app = new OfficialAccount({ app_id: appid, secret, use_stable_access_token: true, http: { baseURL: base + "/" } }).setCache(memory());
    return {
      token: () => app.getAccessToken().getToken(),
      call: async () => judge((await app.getClient().postJson("cgi-bin/message/custom/send", message)).toObject()),
    };
  },

  // Setting: none, its URLs are literal. axios takes the proxy for an HTTP proxy.
  "nest-wechat"(appid, secret) {
    const { WeChatService } = nest();
    const api = new WeChatService({ appId: appid, secret });
    return {
      token: () => api.getToken(),
      call: async () => judge(await api.sendTemplateMessage({ touser: "oABCD", template_id: "t", data: {} })),
      download: async () => {
        const got = await api.mp.getUnlimitedQRCode({ scene: "a" }, await api.getToken(), { responseType: "arraybuffer" });
        return Buffer.from(got.data);
      },
      ticket: () => api.getTicket(),
      signature: () => api.jssdkSignature(page),
      login: async (code) => judge(await api.getAccessTokenByCode(code)),
      // The wrong key does not make it throw: it has no token then.
      wrong: async () => judge(await api.getStableAccessToken()),
    };
  },

  // Setting: accessTokenUrl, ticketUrl, and two more for cards and logins.
  "wechat-jssdk"(appid, secret) {
    const { JSSDK, Card, MiniProgram, Store } = require("wechat-jssdk");
    const options = {
      appId: appid, appSecret: secret, accessTokenUrl: base + "/cgi-bin/token", ticketUrl: base + "/cgi-bin/ticket/getticket", apiUrl: base,
      decodeCardCodeUrl: base + "/card/code/decrypt", miniProgram: { appId: appid, appSecret: secret, GET_SESSION_KEY_URL: base + "/sns/jscode2session" },
    };
    // A store for each: in one that is shared, a card's token passes for one with a ticket.
    const api = new JSSDK({ ...options, store: new Store() });
    const card = new Card({ ...options, store: new Store() });
    const mini = new MiniProgram({ ...options, store: new Store() });
    const token = async () => (await api.getAccessToken()).access_token;
    return {
      token,
      call: () => card.decryptCardCode("code"),
      ticket: async () => (await api.getJsApiTicket(await token())).ticket,
      signature: () => api.getSignature(page),
      login: (code) => mini.getSession(code),
    };
  },
};

// memory is a cache that ends with its instance.
function memory() {
  const held = new Map();
  return {
    get: async (k) => held.get(k), has: async (k) => held.has(k),
    set: async (k, v) => (held.set(k, v), true), delete: async (k) => held.delete(k), clear: async () => (held.clear(), true),
  };
}

// judge throws what an SDK only hands over.
function judge(answer) {
  if (answer?.errcode) throw Object.assign(new Error(answer.errmsg), { code: answer.errcode });
  return answer;
}

let nested;
function nest() {
  if (nested) return nested;
  require("reflect-metadata");
  const axios = createRequire(require.resolve("nest-wechat"))("axios");
  const { hostname, port } = new URL(base);
  axios.interceptors.request.use((config) => {
    if (!config.url.startsWith("https://api.weixin.qq.com/")) return config;
    return { ...config, url: config.url.replace("https:", "http:"), proxy: { protocol: "http", host: hostname, port: Number(port) } };
  });
  return (nested = require("nest-wechat"));
}

const instances = new Map();

async function step({ sdk, as, step, secret, appid, arg }) {
  const key = `${sdk} ${as}`;
  if (!instances.has(key)) instances.set(key, sdks[sdk](appid, secret));
  const instance = instances.get(key);
  if (step === "wrong" && !instance.wrong) step = "token";
  if (!instance[step]) return { none: true };
  try {
    const got = await instance[step](arg);
    if (Buffer.isBuffer(got)) return { ok: { bytes: got.length, head: got.subarray(0, 3).toString("hex") } };
    return { ok: got ?? null };
  } catch (err) {
    // As different as SDKs are: a code of their own, WeChat's body, or words.
    const words = err?.message ?? JSON.stringify(err);
    const body = err?.response?.data;
    const code = err?.code ?? err?.errcode ?? body?.errcode ?? Number(/"errcode":(-?\d+)/.exec(words)?.[1] ?? 0);
    return { failed: { code: typeof code === "number" ? code : 0, words: String(words) } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await step(JSON.parse(line))) + "\n");
}
process.exit(0); // some SDKs keep timers
