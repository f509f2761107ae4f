// What a person does in the console, step by step: for scripts that do a task, or look at every screen.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { PHONE, WIDE } from "./chromium.mjs";

const modules = createRequire(join(process.env.OSAYCORE_TEST_NODE_MODULES, "any.js"));
const AXE = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

/** A person at the console of this server. */
export class Person {
  constructor(page, base) {
    this.page = page;
    this.base = base;
  }

  /** Opens a page of the console. */
  async open(path) {
    const answer = await this.page.goto(this.base + path);
    assert.equal(answer.status(), 200, `GET ${path}`);
  }

  /** Fills in the sign-in, wherever it was asked for. */
  async signIn(email, password) {
    await this.page.goto(`${this.base}/console/sign-in`);
    await this.fill("E-mail address", email);
    await this.fill("Password", password);
    await this.press("Sign in");
  }

  async signOut() {
    await this.press("Sign out");
    await this.sees("Sign in");
  }

  /** To a section by the navigation, as a person goes. */
  async go(section) {
    await this.page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: section, exact: true }).click();
    await this.sees(section);
  }

  async fill(label, value) {
    await this.page.getByLabel(label, { exact: true }).first().fill(value);
  }

  async choose(label, value) {
    await this.page.getByLabel(label, { exact: true }).first().selectOption(value);
  }

  async press(button) {
    await this.page.getByRole("button", { name: button, exact: true }).first().click();
  }

  async follow(link) {
    await this.page.getByRole("link", { name: link, exact: true }).first().click();
  }

  /** Opens what is disclosed under this summary. */
  async disclose(summary) {
    await this.page.locator("summary", { hasText: summary }).first().click();
  }

  /** The page's heading, once it is there. */
  async sees(heading) {
    await this.page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor().catch(async (error) => {
      throw new Error(`not at ${heading}; the page says: ${await this.page.locator("body").innerText()}`, { cause: error });
    });
  }

  /** A text anywhere on the page, once it is there. */
  async reads(text) {
    await this.page.getByText(text).first().waitFor().catch(async (error) => {
      throw new Error(`no ${text}; the page says: ${await this.page.locator("body").innerText()}`, { cause: error });
    });
  }
}

/**
 * Looks at a page as it stands: photographs it wide and narrow, light and dark, into the folder that
 * OSAYCORE_TEST_SCREENSHOTS names, and tries it for accessibility in both schemes. → what is wrong with it.
 */
export async function lookAt(page, name) {
  const folder = process.env.OSAYCORE_TEST_SCREENSHOTS;
  if (folder) mkdirSync(folder, { recursive: true });
  const wrong = [];
  // It goes in by the protocol of the debugger, which the pages' policy does not bind.
  await page.evaluate(AXE);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [width, viewport] of [["wide", WIDE], ["phone", PHONE]]) {
      await page.setViewportSize(viewport);
      if (folder) await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (beyond > 0) wrong.push(`${name} is ${beyond} px wider than ${viewport.width}`);
      for (const violation of await violations(page, colorScheme)) wrong.push(`${name}, ${width}, ${colorScheme}: ${violation}`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(WIDE);
  return wrong;
}

/** What axe-core finds; in the dark the markup is the same, and the colours are others. */
async function violations(page, colorScheme) {
  const runOnly = colorScheme === "dark" ? ["color-contrast"] : ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const options = { runOnly, resultTypes: ["violations"] };
  const { violations: found } = await page.evaluate((options) => window.axe.run(document, options), options);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.any.map((check) => check.message).join(" ")}`).join(" | ")}`);
}
