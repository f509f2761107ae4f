// console_keyboard.mjs BASE EMAIL PASSWORD: a release by the keyboard alone: signs in, makes an app, replaces its secret, and
// rolls the flag checkout of every app out to 5 %. No mouse, and nothing is focused but by Tab, Shift+Tab and Enter.
//
// Prints one line of JSON: {stops, secrets, wrong, console_errors, csp_violations}: stops of the focus, each of which is looked at.

import assert from "node:assert/strict";
import { fail, onPage } from "./chromium.mjs";
import { Person } from "./console.mjs";

const [base, email, password] = process.argv.slice(2);
/** More than any page has. */
const STOPS = 250;

await onPage(async (page) => {
  const [wrong, secrets] = [[], []];
  const person = new Person(page, base);
  const { keyboard } = page;
  let stops = 0;

  /** What has the focus, by the name that people see; and whether they see where it is. */
  const focused = () => page.evaluate(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    const { top, bottom, left, right } = element.getBoundingClientRect();
    const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
    return {
      name: name.trim().replace(/\s+/g, " "),
      is_nothing: element === document.body,
      is_outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && !/, 0\)$|^transparent$/.test(outlineColor),
      is_in_view: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth && bottom > top,
    };
  });

  async function step(key) {
    await keyboard.press(key);
    stops += 1;
    const stop = await focused();
    const where = `${stop.name || "nameless"} at ${new URL(page.url()).pathname}`;
    if (!stop.is_nothing && !stop.is_outlined) wrong.push(`the focus is not seen on ${where}`);
    if (!stop.is_nothing && !stop.is_in_view) wrong.push(`out of sight: ${where}`);
    return stop;
  }

  /** On to what has this name. */
  async function to(name, key = "Tab") {
    for (let count = 0; count < STOPS; count += 1) if ((await step(key)).name === name) return;
    throw new Error(`${name} is not reached at ${page.url()}`);
  }

  async function press(name, key = "Enter") {
    await to(name);
    await keyboard.press(key);
  }

  async function type(name, text) {
    await to(name);
    await keyboard.press("Control+a");
    await keyboard.type(text);
  }

  /** All around a page, and out of it again at either end: the focus is nowhere trapped. */
  async function around() {
    for (const key of ["Tab", "Shift+Tab"]) {
      let count = 0;
      while (!(await step(key)).is_nothing) if ((count += 1) > STOPS) throw new Error(`trapped at ${page.url()}`);
    }
  }

  await page.goto(`${base}/console/sign-in`);
  await around();
  await type("E-mail address", email);
  await type("Password", password);
  await keyboard.press("Enter");
  await person.sees("Overview");

  // The skip link comes first, and leads to the content.
  assert.equal((await step("Tab")).name, "Skip to the content");
  await keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await to("Apps", "Shift+Tab");
  await keyboard.press("Enter");
  await person.sees("Apps");
  await around();
  await press("New app");
  await person.sees("New app");
  await around();
  await type("Name", "By hand");
  await press("Add credits", "Space");
  await press("Make the app");
  await person.sees("The app is made");
  await around();
  secrets.push(await page.getByLabel("Secret key", { exact: true }).inputValue());
  await press("Done");
  await person.reads("Replace the Secret key");
  await around();
  await press("Replace the Secret key");
  await to("How long the old one goes on working");
  await keyboard.type("Not");
  await press("Make another Secret key", "Space");
  await person.sees("The new secret");
  secrets.push(await page.getByLabel("Secret key", { exact: true }).inputValue());

  await press("Flags");
  await person.sees("Flags");
  await around();
  await press("checkout");
  await person.sees("checkout");
  await around();
  await type("Rollout, % of some", "5");
  await press("See who changes in some");
  await person.reads("+5,000 of 100,000 buckets, none lose it");
  await around();
  await press("Save the rollout", "Space");
  await person.reads("Rule some of checkout takes 5 % now.");
  return { stops, secrets, wrong };
}).catch(fail);
