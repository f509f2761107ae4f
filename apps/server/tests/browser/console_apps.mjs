// console_apps.mjs BASE EMAIL PASSWORD APP API_KEY SECRET USER: somebody who runs the app Shop: replaces its secret without a
// break, registers a redirect URI, and opens the app to a group with a member. APP is its numeric id; the user, zoe, has
// the UUID USER and credits.
//
// Prints one line of JSON: {wrong, console_errors, csp_violations}.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { fail, onPage } from "./chromium.mjs";
import { Person, lookAt } from "./console.mjs";

const [base, email, password, app, apiKey, oldSecret, user] = process.argv.slice(2);
let lifetime = 3600;

/** What the server answers to a request that is signed with this secret. */
async function call(path, body, secret, token) {
  const [text, timestamp] = [JSON.stringify(body), String(Math.floor(Date.now() / 1000))];
  const signature = createHmac("sha256", secret).update(`${timestamp}.${text}`).digest("hex");
  const headers = { "X-OSAYCORE-API-KEY": apiKey, "X-OSAYCORE-TIMESTAMP": timestamp, "X-OSAYCORE-SIGNATURE": signature };
  if (token) headers.Authorization = `Bearer ${token}`;
  return fetch(base + path, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: text });
}

/** Whether zoe is authorized, as her user context says. */
async function isAuthorized(secret, token) {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = createHmac("sha256", secret).update(`${timestamp}.`).digest("hex");
  const headers = { "X-OSAYCORE-API-KEY": apiKey, "X-OSAYCORE-TIMESTAMP": timestamp, "X-OSAYCORE-SIGNATURE": signature };
  const answer = await fetch(`${base}/api/user/context`, { headers: { ...headers, Authorization: `Bearer ${token}` } });
  return (await answer.json()).app_context.app_permissions.is_authorized;
}

/** A token of zoe; each asks for another lifetime, as two of one second would be one request. */
const tokenBy = (secret) =>
  call("/api/auth/generate-user-jwt", { user_id: user, expires_in_seconds: (lifetime += 1) }, secret);

/** Asks until the answer is the one; a change is in force within a second. */
async function until(ask, expected, what) {
  const end = Date.now() + 30_000;
  for (;;) {
    const got = await ask();
    if (got === expected) return;
    if (Date.now() > end) throw new Error(`${what}: ${got} and not ${expected}`);
  }
}

await onPage(async (page, context) => {
  const wrong = [];
  const person = new Person(page, base);
  const look = async (name) => wrong.push(...(await lookAt(page, name)));
  const tab = (name) => page.getByRole("navigation", { name: "App" }).getByRole("link", { name, exact: true }).click();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await person.signIn(email, password);
  await person.sees("Overview");

  // Another secret, and nobody notices.
  await person.go("Apps");
  await person.fill("Search", "sho");
  await person.press("Show");
  await look("apps");
  await person.follow("Shop");
  await person.sees("Shop");
  await person.disclose("Replace the Secret key");
  await page.locator("#grace-signing").selectOption("604800");
  await person.press("Make another Secret key");
  await person.sees("The new secret");
  await look("app-secret");
  const newSecret = await page.getByLabel("Secret key", { exact: true }).inputValue();
  await person.press("Copy Secret key");
  await until(() => page.evaluate(() => navigator.clipboard.readText()), newSecret, "copied");
  await person.follow("Done");
  await person.reads("not used since it was replaced");
  await until(async () => (await tokenBy(newSecret)).status, 200, "the new secret");
  assert.equal((await tokenBy(oldSecret)).status, 200, "the old secret");
  await until(async () => {
    await page.reload();
    return page.getByText("last used").count();
  }, 1, "the use of the old secret");
  await look("app-keys");
  await person.disclose("Replace the Secret key");
  await page.locator("#grace-signing").selectOption("0");
  await person.press("Make another Secret key");
  await person.sees("The new secret");
  const newest = await page.getByLabel("Secret key", { exact: true }).inputValue();
  await person.follow("Done");
  await until(async () => (await tokenBy(oldSecret)).status, 401, "the old secret, ended");
  await until(async () => (await tokenBy(newest)).status, 200, "the newest secret");

  // A redirect URI: a wrong one is refused beside the field, where it stays to be mended.
  await tab("Redirect URIs");
  await person.fill("Redirect URI", "shop.example/signed-in");
  await person.press("Register");
  const field = page.getByLabel("Redirect URI", { exact: true });
  await page.locator("#uri-problem:not(:empty)").waitFor();
  assert.equal(await field.inputValue(), "shop.example/signed-in");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await look("app-redirect-uri-refused");
  await field.fill("https://shop.example/signed-in");
  await field.press("Enter");
  await person.reads("The redirect URI is registered.");
  await look("app-redirect-uris");

  // Only for a group from now on; then zoe is in it.
  const { jwt_token: token } = await (await tokenBy(newest)).json();
  const authorized = () => isAuthorized(newest, token);
  await until(authorized, true, "before");
  await tab("Settings");
  await page.getByLabel("Only for members of groups", { exact: true }).check();
  await person.press("Save the settings");
  await person.reads("The settings were saved.");
  await look("app-settings");
  await until(authorized, false, "outside of the group");
  await person.go("Groups");
  await page.getByRole("link", { name: "New group", exact: true }).first().click();
  await person.fill("Name", "Customers");
  await person.press("Make the group");
  await person.sees("Customers");
  await person.choose("App", app);
  await person.press("Open the app");
  await person.reads("Customers opens Shop.");
  await person.fill("Username", "zo");
  await person.press("Put into the group");
  await person.reads("There is no user zo.");
  await person.fill("Username", "zoe");
  await person.press("Put into the group");
  await person.reads("zoe is in Customers.");
  await look("group");
  await until(authorized, true, "in the group");
  await person.go("Groups");
  await look("groups");
  await person.go("Apps");
  await person.follow("Shop");
  await tab("Groups");
  await person.reads("Customers");
  await look("app-groups");
  await tab("Evaluation keys");
  await look("app-evaluation-keys");
  return { wrong };
}).catch(fail);
