// console_first.mjs BASE EMAIL PASSWORD FOLDER: the first owner signs in, sets up a second factor, signs out and in again.
//
// Writes the QR image to FOLDER/qr.png and takes codes from standard input, one a line: the first one, the next one. Prints
// one line of JSON: {recovery_codes, clipboard, wrong, console_errors, csp_violations}.

import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fail, onPage } from "./chromium.mjs";
import { Person, lookAt } from "./console.mjs";

const [base, email, password, folder] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const IMAGE = "data:image/png;base64,";

await onPage(async (page, context) => {
  const wrong = [];
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
  const person = new Person(page, base);

  await page.goto(`${base}/console/profile`);
  await person.sees("Sign in");
  await person.fill("E-mail address", email);
  await person.fill("Password", "not the password");
  await person.press("Sign in");
  await person.reads("This address and this password do not go together.");
  wrong.push(...(await lookAt(page, "sign-in-refused")));
  await person.fill("Password", password);
  await person.press("Sign in");
  await person.sees("Profile");

  await person.go("Overview");
  await person.reads("Your password alone signs you in");
  await person.follow("Set up a second factor");
  await person.press("Set up a second factor");
  await person.sees("Set up your second factor");
  wrong.push(...(await lookAt(page, "second-factor")));
  await person.fill("Code", "000000");
  await person.press("Finish");
  await person.reads("This code is not right.");
  wrong.push(...(await lookAt(page, "second-factor-refused")));
  const source = await page.locator(`img[src^="${IMAGE}"]`).getAttribute("src");
  // Whole or not at all: who waits for it reads it at once.
  writeFileSync(join(folder, "qr.part"), Buffer.from(source.slice(IMAGE.length), "base64"));
  renameSync(join(folder, "qr.part"), join(folder, "qr.png"));
  await person.fill("Code", (await lines.next()).value);
  await person.press("Finish");
  await person.sees("Keep these recovery codes");
  const recovery_codes = await page.locator("#recovery-codes code").allInnerTexts();
  await person.press("Copy");
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const clipboard = await page.evaluate(() => navigator.clipboard.readText());
  wrong.push(...(await lookAt(page, "recovery-codes")));
  await person.follow("Done");
  await person.sees("Profile");
  wrong.push(...(await lookAt(page, "profile-with-factor")));
  await person.go("Overview");
  assert.equal(await page.getByText("Your password alone signs you in").count(), 0, "it is set up");

  await person.signOut();
  await person.signIn(email, password);
  await person.sees("Second factor");
  wrong.push(...(await lookAt(page, "code")));
  await person.fill("Code", (await lines.next()).value);
  await person.press("Go on");
  await person.sees("Overview");
  return { recovery_codes, clipboard, wrong };
}).catch(fail).finally(() => process.stdin.destroy());
