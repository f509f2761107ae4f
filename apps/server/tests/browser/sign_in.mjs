// sign_in.mjs APP LOGIN FOLDER [--deny]: signs in as a person would: opens the app, presses its button, and does in the
// pop-up what the provider asks for.
//
// The app's page has a button `start` that opens the pop-up, and shows in `outcome` what the pop-up has told it. Prints one
// line of JSON: {outcome, popup_closed, opener_url, console_errors, csp_violations}.

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fail, onPage } from "./chromium.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { deny: { type: "boolean" } } });
const [app, login, folder] = positionals;

await onPage(async (page, context) => {
  await page.goto(app);
  const opened = context.waitForEvent("page");
  await page.locator("#start").click();
  const popup = await opened;
  const closed = popup.waitForEvent("close");
  await popup.locator("input[name=login]").waitFor();
  await popup.screenshot({ path: join(folder, "provider.png"), fullPage: true });
  await popup.locator("input[name=login]").fill(login);
  await popup.locator("button[name=submit]").click();
  await popup.locator("button[name=deny]").waitFor();
  assert.equal(await popup.locator("input[name=login]").count(), 0, "the page of consent");
  await popup.locator(values.deny ? "button[name=deny]" : "button[name=submit]").click();
  await closed;
  await page.locator("#outcome:not(:empty)").waitFor();
  const outcome = JSON.parse(await page.locator("#outcome").innerText());
  await page.screenshot({ path: join(folder, "app.png"), fullPage: true });
  return { outcome, popup_closed: popup.isClosed(), opener_url: page.url() };
}).catch(fail);
