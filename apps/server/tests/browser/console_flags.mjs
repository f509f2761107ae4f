// console_flags.mjs BASE EMAIL PASSWORD FOLDER USER: somebody who releases: rolls a flag out to 5 %, finds out why USER does
// not have it, tries what does not compile, and puts the flags back.
//
// The flag `checkout` of every app has the rules `staff` and `some`, which takes nobody yet, as version 1. Writes
// FOLDER/rolled-out once it is, and goes on after a line of standard input. Prints one line of JSON:
// {wrong, console_errors, csp_violations}.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fail, onPage } from "./chromium.mjs";
import { Person, lookAt } from "./console.mjs";

const [base, email, password, folder, user] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

await onPage(async (page) => {
  const wrong = [];
  const person = new Person(page, base);
  const look = async (name) => wrong.push(...(await lookAt(page, name)));

  await person.signIn(email, password);
  await person.sees("Overview");

  // Roll out to 5 %.
  await person.go("Flags");
  await look("flags-list");
  await person.follow("checkout");
  await person.sees("checkout");
  await look("flag");
  await person.fill("Rollout, % of some", "five");
  await person.press("See who changes in some");
  await person.reads("A percentage is a number from 0 to 100");
  await person.fill("Percentage", "5");
  await person.press("See who changes");
  await person.reads("+5,000 of 100,000 buckets, none lose it");
  await look("flag-rollout");
  await person.press("Save the rollout");
  await person.reads("Rule some of checkout takes 5 % now.");
  writeFileSync(join(folder, "rolled-out"), "");
  await lines.next();

  // Why has this customer not the new checkout?
  await person.follow("Explain for a user");
  await person.fill("User", user);
  await person.press("Explain");
  await person.reads(`${user} gets false`);
  await person.reads("below 5000 are taken");
  await look("flag-explained");

  // What does not compile is not saved, by the form and by the text.
  await person.open("/console/flags/all/flags/checkout/edit");
  await look("flag-edit");
  await person.press("Add a rule");
  await page.locator('input[name="rule.2.serve"]').fill("gold");
  await page.locator('input[name="rule.2.name"]').fill("vip");
  await person.press("Move rule 3 up");
  await person.press("Save the flag");
  await person.reads("flag `checkout`, rule `vip`");
  assert.equal(await page.locator('input[name="rule.1.serve"]').inputValue(), "gold");
  await look("flag-refused");
  await person.fill("Definition as JSON", '{"key": "checkout", "rules": [{"name": "vip"}]}');
  await person.press("Save the text");
  await person.reads("flag `checkout`, rule `vip`");

  // Put yesterday's flags back.
  await person.open("/console/flags/all/versions");
  await look("flag-versions-two");
  await person.follow("Since then (version 1)");
  await person.reads("+5,000 of 100,000 buckets");
  await person.disclose("Put version 1 back");
  await look("flag-compare");
  await person.fill("Type 1 to confirm", "1");
  await person.press("Put version 1 back");
  await person.reads("Version 3 is version 1 again.");
  return { wrong };
}).catch(fail).finally(() => process.stdin.destroy());
