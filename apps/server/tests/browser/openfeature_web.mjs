// openfeature_web.mjs BASE_URL KEY CALLS: has flags evaluated as a web page would, by OpenFeature's web SDK in Chromium, on a
// page of another origin than the server's.
//
// CALLS is JSON: [{type, key, default, context}]. Then it polls twice, changes the context, and listens: it writes
// "listening" to the file FILE and waits for a change of the flags. Prints one line of JSON: {told, statuses, changed}.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize } from "node:path";

import { fail, onPage } from "./chromium.mjs";

const [baseUrl, key, calls, file] = process.argv.slice(2);
const modules = process.env.OSAYCORE_TEST_NODE_MODULES;
const provider = "/@openfeature/ofrep-web-provider";
const nested = `${provider}/node_modules/@openfeature/ofrep-core/index.esm.js`;
const imports = {
  "@openfeature/core": "/@openfeature/core/dist/esm/index.js",
  "@openfeature/web-sdk": "/@openfeature/web-sdk/dist/esm/index.js",
  "@openfeature/ofrep-core": nested,
  "@openfeature/ofrep-web-provider": `${provider}/index.esm.js`,
};
const page = `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports })}</script>`;
const site = createServer((request, response) => {
  const isPage = request.url === "/";
  response.setHeader("Content-Type", isPage ? "text/html" : "text/javascript");
  response.end(isPage ? page : readFileSync(join(modules, normalize(request.url))));
});
await new Promise((listening) => site.listen(0, "127.0.0.1", listening));

/** Runs in the page. */
async function evaluate([baseUrl, key, calls]) {
  const { OpenFeature, ProviderEvents } = await import("@openfeature/web-sdk");
  const { OFREPWebProvider } = await import("@openfeature/ofrep-web-provider");
  const statuses = [];
  const fetchImplementation = async (...request) => {
    const response = await fetch(...request);
    statuses.push(response.status);
    return response;
  };
  const options = { baseUrl, headers: [["Authorization", `Bearer ${key}`]], cacheMode: "disabled", fetchImplementation };
  const polling = { ...options, changeDetection: "polling", pollInterval: 200 };
  const use = (given) => OpenFeature.setProviderAndWait(new OFREPWebProvider(given));
  const until = async (it) => {
    while (!it()) await new Promise((done) => setTimeout(done, 20));
  };

  await use({ ...options, changeDetection: "none" });
  const client = OpenFeature.getClient();
  const details = {
    boolean: client.getBooleanDetails,
    string: client.getStringDetails,
    integer: client.getNumberDetails,
    float: client.getNumberDetails,
    object: client.getObjectDetails,
  };
  const told = [];
  for (const call of calls) {
    await OpenFeature.setContext(call.context);
    const { value, variant, reason, errorCode } = details[call.type].call(client, call.key, call.default);
    told.push({ value, variant, reason, error: errorCode });
  }

  statuses.length = 0;
  await use(polling);
  await until(() => statuses.length >= 2);
  const polled = statuses.splice(0, 2);
  await OpenFeature.setContext({ targetingKey: "somebody else" });
  await until(() => statuses.includes(200));

  const changed = new Promise((done) => client.addHandler(ProviderEvents.ConfigurationChanged, (event) => done(event.flagsChanged)));
  const opened = new Promise((done) => {
    const Source = window.EventSource;
    window.EventSource = class extends Source {
      constructor(...given) {
        super(...given);
        this.addEventListener("open", done);
      }
    };
  });
  await use({ ...options, changeDetection: "sse" });
  await opened;
  window.changed = changed.then((keys) => ({ keys, value: client.getNumberValue("changing", 0) }));
  return { told, statuses: polled };
}

await onPage(async (page) => {
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  const told = await page.evaluate(evaluate, [baseUrl, key, JSON.parse(calls)]);
  writeFileSync(`${file}.new`, "listening");
  renameSync(`${file}.new`, file);
  return { ...told, changed: await page.evaluate(() => window.changed) };
}).catch(fail);
site.close();
