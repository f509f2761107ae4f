// console_no_script.mjs BASE EMAIL PASSWORD: somebody whose browser runs no scripts signs in, makes an app, a group and a user,
// adds credits, rolls the flag checkout of every app out to 5 %, deletes the user, and signs out.
//
// Prints one line of JSON: {wrong, console_errors, csp_violations}.

import assert from "node:assert/strict";
import { fail, onPage } from "./chromium.mjs";
import { Person } from "./console.mjs";

const [base, email, password] = process.argv.slice(2);

await onPage(async (page) => {
  const person = new Person(page, base);
  await person.signIn(email, password);
  await person.sees("Overview");
  assert.equal(await page.getByRole("button", { name: "Copy" }).count(), 0, "nothing is offered that needs a script");

  await person.go("Apps");
  await person.follow("New app");
  await person.fill("Name", "Plain");
  await person.press("Make the app");
  await person.sees("The app is made");
  await person.follow("Done");
  await person.disclose("Replace the Secret key");
  await person.press("Make another Secret key");
  await person.sees("The new secret");
  await person.go("Groups");
  await person.follow("New group");
  await person.fill("Name", "plain people");
  await person.press("Make the group");
  await person.sees("plain people");

  await person.go("Users");
  await person.follow("New user");
  await person.fill("Username", "paul");
  await person.press("Make the user");
  await person.sees("paul");
  await person.follow("Wallet");
  await person.disclose("Add credits");
  await person.fill("Credits", "12");
  await person.press("Add the credits");
  await person.reads("12.00");
  await person.follow("Account");
  await person.disclose("Delete the user");
  await page.getByLabel("Type paul to confirm").fill("paul");
  await person.press("Delete the user");
  await person.reads("paul is deleted.");

  await person.go("Flags");
  await person.follow("checkout");
  await person.fill("Rollout, % of some", "5");
  await person.press("See who changes in some");
  await person.press("Save the rollout");
  await person.reads("Rule some of checkout takes 5 % now.");
  await person.signOut();
  return { wrong: [] };
}, { javaScriptEnabled: false }).catch(fail);
