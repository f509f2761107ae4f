// docs.mjs SERVER API_KEY SECRET_KEY USER FOLDER ADMIN_TOKEN: tries calls on the page of the API, as its reader would.
//
// Prints one line of JSON: {token, charged, curl, unsigned, no_admin_token, users, admin_signed, axe, wide, secrets_sent,
// kept, console_errors, csp_violations}. Screenshots in the folder: docs and docs-try, light and dark, and each on a phone.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PHONE, WIDE, fail, onPage } from "./chromium.mjs";

const [server, apiKey, secretKey, user, folder, adminToken] = process.argv.slice(2);
const axe = readFileSync(join(process.env.OSAYCORE_TEST_NODE_MODULES, "axe-core/axe.min.js"), "utf8");

await onPage(async (page, context) => {
  const sent = [];
  page.on("request", (request) => sent.push(request.url(), request.postData() ?? "", JSON.stringify(request.headers())));
  const opened = await page.goto(`${server}/docs`);
  assert.equal(opened.status(), 200);
  const [found, wide] = [[], []];
  await look(page, "docs", found, wide);

  // By the keyboard alone: the first stop leads past the list of calls.
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");

  const unsigned = await attempt(page, "deductCredits", '{"amount": 1}');
  await page.getByLabel("API key", { exact: true }).fill(apiKey);
  await page.getByLabel("Secret key").fill(secretKey);
  const token = JSON.parse((await attempt(page, "generateUserJwt", JSON.stringify({ user_id: user }))).body).jwt_token;
  const { body: charged, curl } = await attempt(page, "deductCredits", '{"amount": 2.50, "description": "it\'s a try"}');
  await look(page, "docs-try", found, wide);

  // Nothing is signed for the admin API, and the keys that stand there do not go along.
  const { problem: no_admin_token } = await attempt(page, "adminUsers");
  await page.getByLabel("Admin token").fill(adminToken);
  const before = sent.length;
  const { body: users } = await attempt(page, "adminUsers");
  const admin_signed = sent.slice(before).some((text) => /x-osaycore-|x-oasis-/i.test(text));

  const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
  const secrets_sent = sent.some((text) => text.includes(secretKey));
  assert.equal((await context.cookies()).length, 0, "cookies");
  return { token, charged, curl, unsigned: unsigned.problem, no_admin_token, users, admin_signed, axe: found, wide, secrets_sent, kept };
}).catch(fail);

/** Opens the form of an operation, sends the body if it has one, → what is shown. */
async function attempt(page, operation, body) {
  const article = page.locator(`article[aria-labelledby="${operation}"]`);
  const details = article.locator("details.try");
  if ((await details.getAttribute("open")) === null) {
    await details.locator("summary").focus();
    await page.keyboard.press("Enter");
  }
  if (body !== undefined) await article.getByLabel("Body").fill(body);
  await article.getByRole("button", { name: /^(Sign and send|Send)$/ }).focus();
  await page.keyboard.press("Enter");
  await article.locator(".outcome pre").first().waitFor();
  const problem = article.locator(".problem");
  if (await problem.count()) return { problem: await problem.innerText() };
  await article.locator(".outcome .body").waitFor();
  const text = (of) => article.locator(`.outcome .${of}`).textContent();
  assert.match(await text("status-line"), /^200/, await text("body"));
  return { body: await text("body"), curl: await text("curl") };
}

/** What axe finds, and what stands out of the window, in both colours and on both screens; pictures of each. */
async function look(page, name, found, wide) {
  await page.evaluate(axe);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [size, screen] of [["", WIDE], ["-phone", PHONE]]) {
      await page.setViewportSize(screen);
      const picture = `${name}-${colorScheme}${size}`;
      const { violations } = await page.evaluate(() => window.axe.run());
      found.push(...violations.map(({ id, nodes }) => `${picture}: ${id} at ${nodes.map((node) => node.target).join(", ")}`));
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > screen.width) wide.push(`${picture}: ${width}`);
      await page.screenshot({ path: join(folder, `${picture}.png`) });
    }
  }
  await page.setViewportSize(WIDE);
}
