// console_screens.mjs BASE EMAIL PASSWORD [FOLLOWED]: looks at screens of the console, whose paths come as lines of standard
// input: at each as it looks, and for accessibility. With FOLLOWED, a text, it looks instead at what texts of others come to:
// each screen that shows the text is where it is by being text, and nothing of it runs or loads.
//
// Prints one line of JSON: {statuses, shown, wrong, console_errors, csp_violations}.

import { readFileSync } from "node:fs";
import { fail, onPage } from "./chromium.mjs";
import { Person, lookAt } from "./console.mjs";

const [base, email, password, followed] = process.argv.slice(2);
const paths = readFileSync(0, "utf8").split("\n").filter((path) => path !== "");
const nameOf = (path) => path.replace(/^\/console\/?/, "").replace(/[^\w]+/g, "-") || "overview";

await onPage(async (page, context) => {
  const wrong = [];
  const statuses = [];
  let shown = 0;
  const look = followed ? async (path) => (shown += await isText(path)) : async (path) => wrong.push(...(await lookAt(page, nameOf(path))));

  /** Whether the page has the text; what else than text it came to is wrong. */
  async function isText(path) {
    for (const hit of await page.evaluate(() => window.hits ?? [])) wrong.push(`${path}: ${hit} ran`);
    const elements = await page.evaluate(() => document.querySelectorAll("script:not([src^='/console/assets/']), img:not([src^='data:'])").length);
    if (elements > 0) wrong.push(`${path}: ${elements} elements of others`);
    const links = await page.evaluate(() => [...document.querySelectorAll("a[href], form[action]")]
      .map((element) => element.getAttribute("href") ?? element.getAttribute("action"))
      .filter((url) => !/^(\/console(\/|\?|$)|#|otpauth:)/.test(url)));
    if (links.length > 0) wrong.push(`${path}: links to ${links}`);
    return page.evaluate((text) => {
      const fields = [...document.querySelectorAll("input, textarea, option")].map((field) => field.value);
      return [document.body.textContent, document.title, ...fields].some((value) => value.includes(text));
    }, followed);
  }

  await context.addInitScript(() => {
    window.hits = [];
    window.hit = () => window.hits.push("a script");
  });
  page.on("dialog", (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${base}/`) && !url.startsWith("data:")) wrong.push(`asks ${url}`);
  });
  await page.goto(`${base}/console/sign-in`);
  await look("/console/sign-in");
  const person = new Person(page, base);
  await person.signIn(email, password);
  await person.sees("Overview");
  for (const path of paths) {
    statuses.push((await page.goto(base + path)).status());
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    await look(path);
  }
  return { statuses, shown, wrong };
}).catch(fail);
