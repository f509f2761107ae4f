// console_users.mjs BASE EMAIL PASSWORD: somebody who helps users: finds why one has no access and mends it, unlocks one,
// refunds a charge, deletes a user and restores the user.
//
// The users are ann, shut out of the app Shop by three things; liz, locked; and bob, who was charged 10 credits. Prints one
// line of JSON: {refunded, wrong, console_errors, csp_violations}.

import assert from "node:assert/strict";
import { fail, onPage } from "./chromium.mjs";
import { Person, lookAt } from "./console.mjs";

const [base, email, password] = process.argv.slice(2);

await onPage(async (page) => {
  const wrong = [];
  const person = new Person(page, base);
  const tab = (name) => page.getByRole("navigation", { name: "User" }).getByRole("link", { name, exact: true }).click();
  const look = async (name) => wrong.push(...(await lookAt(page, name)));
  /** To a user's pages, as somebody looks for one who calls. */
  const find = async (text, username) => {
    await person.go("Users");
    await person.fill("Search", text);
    await person.press("Show");
    await person.follow(username);
    await person.sees(username);
  };

  await person.signIn(email, password);
  await person.sees("Overview");

  // Why has this user no access? By what the shop calls the user, as that is all that the caller knows.
  await find("customer-7", "ann");
  await tab("Apps");
  await person.reads("no access");
  await person.follow("Shop");
  await person.reads("ann has no access to Shop");
  await look("user-no-access");
  await person.press("Enable the user");
  await person.reads("ann is active now.");
  await person.reads("ann may not use Shop: charges are answered 403 not_permitted");
  await person.press("Let the user use the app");
  await person.reads("Shop is restricted to groups, and ann is in none of them");
  await person.press("Put into staff");
  await person.reads("ann has access to Shop");
  await person.reads("Nothing stands in the way.");
  await look("user-access");

  // What was typed stays where it is refused.
  await person.fill("Credits per unit", "a lot");
  await person.press("Save the permissions");
  await person.reads("Rate must be a decimal number");
  assert.equal(await page.getByLabel("Credits per unit").inputValue(), "a lot");
  await look("user-permissions-refused");
  await person.fill("Credits per unit", "0.5");
  await person.press("Save the permissions");
  await person.reads("The permissions in Shop were changed.");

  // Unlock a user: found by the filter.
  await person.go("Users");
  await page.getByLabel("Locked", { exact: true }).check();
  await person.press("Show");
  assert.equal(await page.locator("tbody tr").count(), 1, "one user is locked");
  await person.follow("liz");
  await tab("Second factor");
  await person.reads("until");
  await look("user-locked");
  await person.press("Unlock the user");
  await person.reads("liz is unlocked: wrong codes are forgotten.");

  // Refund a charge, by the keyboard alone once the user is found.
  await find("bob", "bob");
  await tab("Wallet");
  await page.getByRole("row", { name: "Charge" }).getByRole("link").press("Enter");
  await person.reads("Left to refund");
  const other = await page.context().newPage();
  await other.goto(page.url());
  const amount = page.getByLabel("Credits to give back");
  assert.equal(await amount.inputValue(), "10.00", "all of it is offered");
  await amount.fill("11");
  await amount.press("Enter");
  await person.reads("Of this charge 10.00 is left to refund.");
  await look("user-refund-refused");
  await amount.fill("4");
  await page.keyboard.press("Tab");
  await page.keyboard.type("ticket 7");
  await page.keyboard.press("Enter");
  await person.reads("4.00 credits were refunded. The balance is 94.00.");
  await look("user-refunded");
  // The same form once more, from another window that was open before.
  const late = new Person(other, base);
  await late.fill("Credits to give back", "4");
  await late.fill("Description", "ticket 7");
  await late.press("Refund");
  await late.reads("nothing was given back again");
  await other.close();
  await tab("Wallet");
  const refunded = await page.locator("tbody tr", { hasText: "Refund" }).count();

  // Delete a user, and take it back.
  await tab("Account");
  await person.disclose("Delete the user");
  const button = page.getByRole("button", { name: "Delete the user", exact: true });
  assert.equal(await button.isDisabled(), true, "not before the name is typed");
  await page.getByLabel("Type bob to confirm").fill("bob");
  await button.click();
  await person.reads("bob is deleted.");
  await look("user-deleted");
  await person.go("Users");
  await person.fill("Search", "bob");
  await person.press("Show");
  await person.reads("Nobody is like that.");
  await page.getByLabel("Deleted as well", { exact: true }).check();
  await person.press("Show");
  await person.follow("bob");
  await person.press("Restore the user");
  await person.reads("bob is there again");
  return { refunded, wrong };
}).catch(fail);
