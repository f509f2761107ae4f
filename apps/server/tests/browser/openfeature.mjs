// openfeature.mjs BASE_URL KEY CALLS: has flags evaluated as a Node.js service would, by OpenFeature's server SDK.
//
// CALLS is JSON: [{type, key, default, context}]. Prints one line of JSON: the details of each.

import { createRequire } from "node:module";
import { join } from "node:path";

if (!process.env.OSAYCORE_TEST_NODE_MODULES) throw new Error("@openfeature is needed: run `cargo xtask test`, which brings it");
const require = createRequire(join(process.env.OSAYCORE_TEST_NODE_MODULES, "any.js"));
const { OpenFeature } = require("@openfeature/server-sdk");
const { OFREPProvider } = require("@openfeature/ofrep-provider");

const [baseUrl, key, calls] = process.argv.slice(2);
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers: [["Authorization", `Bearer ${key}`]] }));
const client = OpenFeature.getClient();
const details = {
  boolean: client.getBooleanDetails,
  string: client.getStringDetails,
  integer: client.getNumberDetails,
  float: client.getNumberDetails,
  object: client.getObjectDetails,
};
const told = [];
for (const call of JSON.parse(calls)) {
  const { value, variant, reason, errorCode } = await details[call.type].call(client, call.key, call.default, call.context);
  told.push({ value, variant, reason, error: errorCode });
}
console.log(JSON.stringify(told));
