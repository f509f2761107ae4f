// enroll.mjs LINK FOLDER [--wrong-first CODE]: enrols on the page of an enrolment link, as its user would.
//
// Leaves `qr.png` in the folder, then waits for the code on standard input. Prints one line of JSON:
// {title, key, recovery_codes, clipboard, second_status, console_errors, csp_violations}. Screenshots in the folder:
// page, page-phone, wrong, codes, codes-phone, again.

import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { PHONE, WIDE, fail, onPage } from "./chromium.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { "wrong-first": { type: "string" } } });
const [link, folder] = positionals;
const IMAGE = "data:image/png;base64,";

await onPage(async (page, context) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(link).origin });
  const opened = await page.goto(link);
  assert.equal(opened.status(), 200, `GET ${link}`);
  assert.equal(await page.locator("[role=alert]").count(), 0, "an alert before anything was entered");
  assert.equal(await page.locator("form").count(), 1, "there is one form");
  const source = await page.locator(`img[src^="${IMAGE}"]`).getAttribute("src");
  const title = await page.title();
  const key = (await page.locator("#key").innerText()).trim();
  await photograph(page, "page");

  if (values["wrong-first"] !== undefined) {
    await enter(page, values["wrong-first"]);
    await page.locator("[role=alert]").waitFor();
    assert.equal(await page.locator("#recovery-codes").count(), 0, "a wrong code was taken");
    await page.screenshot({ path: join(folder, "wrong.png"), fullPage: true });
  }

  // Whole or not at all: who waits for it reads it at once.
  writeFileSync(join(folder, "qr.part"), Buffer.from(source.slice(IMAGE.length), "base64"));
  renameSync(join(folder, "qr.part"), join(folder, "qr.png"));
  await enter(page, await lineOfInput());
  await page.locator("#recovery-codes").waitFor().catch(async (error) => {
    throw new Error(`no recovery codes; the page says: ${await page.locator("body").innerText()}`, { cause: error });
  });
  const recovery_codes = await page.locator("#recovery-codes code").allInnerTexts();
  assert.equal(recovery_codes.length, 10, "recovery codes");
  await photograph(page, "codes");
  assert.equal(await page.locator("button#print").count(), 1, "there is a button to print");
  const clipboard = await copied(page);

  const again = await page.goto(link);
  await page.screenshot({ path: join(folder, "again.png"), fullPage: true });
  return { title, key, recovery_codes, clipboard, second_status: again.status() };
}).catch(fail);

/** On a wide screen and on a phone's. */
async function photograph(page, name) {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  await page.setViewportSize(PHONE);
  await page.screenshot({ path: join(folder, `${name}-phone.png`), fullPage: true });
  await page.setViewportSize(WIDE);
}

async function enter(page, code) {
  await page.locator("form input[name=code]").fill(code);
  await page.locator("form").getByRole("button").first().click();
}

/** What the button #copy leaves in the clipboard. */
async function copied(page) {
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await page.locator("button#copy").click();
  await page.waitForFunction(async () => (await navigator.clipboard.readText()) !== "");
  return page.evaluate(() => navigator.clipboard.readText());
}

async function lineOfInput() {
  try {
    for await (const line of createInterface({ input: process.stdin })) return line.trim();
    throw new Error("standard input ended before the code");
  } finally {
    // Open, it would keep the script alive.
    process.stdin.destroy();
  }
}
