// console_money.mjs BASE EMAIL PASSWORD APP: "how much was spent last week and by whom", and "who changed this app's settings".
//
// Prints one line of JSON: {figure, spent, actor, change, wrong, console_errors, csp_violations}.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fail, onPage } from "./chromium.mjs";
import { Person, lookAt } from "./console.mjs";

const [base, email, password, app] = process.argv.slice(2);

await onPage(async (page) => {
  const wrong = [];
  const person = new Person(page, base);
  await person.signIn(email, password);
  await person.sees("Overview");
  await person.follow("7 days");
  const chart = page.locator("figure", { has: page.getByRole("heading", { name: "Credits" }) });
  // The trail is counted within seconds.
  const until = Date.now() + 60_000;
  let figure = await chart.locator(".figure").innerText();
  while (!figure.startsWith("20.00") && Date.now() < until) {
    await page.reload();
    figure = await chart.locator(".figure").innerText();
  }
  wrong.push(...(await lookAt(page, "overview-with-activity")));

  await person.follow("Who spent the credits");
  await person.sees("Credits");
  assert.equal(await page.getByLabel("Type").inputValue(), "DEDUCTION", "the filter is set");
  const download = page.waitForEvent("download");
  await person.follow("Download as CSV");
  const lines = readFileSync(await (await download).path(), "utf8").trim().split("\r\n").map((line) => line.split(","));
  const [head, ...rows] = lines;
  const spent = {};
  for (const row of rows) {
    const user = row[head.indexOf("user")];
    spent[user] = (spent[user] ?? 0) - Number(row[head.indexOf("amount")]);
  }
  await person.fill("User", "ada");
  await person.press("Show");
  assert.equal(await page.locator("tbody tr").count(), 2, "hers alone");

  await person.go("Audit");
  await person.choose("What happened", { label: "Settings of the app changed" });
  await person.choose("App", { label: app });
  await person.press("Show");
  const row = page.locator("tbody tr").first();
  const actor = await row.locator("td").nth(1).innerText();
  await row.getByRole("link").first().click();
  await person.sees("Settings of the app changed");
  const change = await page.locator("section[aria-labelledby=changes] tbody tr").first().locator("th, td").allInnerTexts();
  return { figure: figure.replace(/\s+/g, " "), spent, actor, change, wrong };
}).catch(fail);
