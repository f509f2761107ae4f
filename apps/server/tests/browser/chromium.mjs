// Chromium as the system has it, driven by playwright-core, which `cargo xtask test` installs elsewhere.

import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A script that hangs ends with an error, on however busy a machine. */
const DEADLINE_MS = 300_000;
const PATIENCE_MS = 60_000;

const { chromium } = createRequire(join(variable("OSAYCORE_TEST_NODE_MODULES"), "any.js"))("playwright-core");

/**
 * Does the work on an empty page and prints what it returns as one line of JSON, with what went wrong on the page:
 * `console_errors` and `csp_violations`. `options` are further ones of the browser's context. A status of a page itself is no console error here: the script asks for it.
 */
export async function onPage(work, options = {}) {
  setTimeout(() => fail(new Error(`not done within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS).unref();
  // playwright-core disables the sandbox by itself, as root and in containers it could not start with it.
  const browser = await chromium.launch({ executablePath: program(), args: ["--no-proxy-server"] });
  try {
    const context = await browser.newContext({ viewport: WIDE, locale: "en-US", ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const [errors, violations] = [[], []];
    await context.exposeBinding("tellViolation", (_, violation) => violations.push(violation));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        window.tellViolation(`${event.effectiveDirective}: ${event.blockedURI} (${event.sourceFile}:${event.lineNumber})`);
      });
    });
    const page = await context.newPage();
    const documents = new Set();
    page.on("response", (response) => response.request().isNavigationRequest() && documents.add(response.url()));
    page.on("pageerror", (error) => errors.push({ text: String(error), url: page.url() }));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push({ text: message.text(), url: message.location().url });
    });
    const told = await work(page, context);
    const aboutDocument = ({ text, url }) => text.startsWith("Failed to load resource: the server") && documents.has(url);
    const console_errors = errors.filter((error) => !aboutDocument(error)).map(({ text, url }) => `${text} (${url})`);
    console.log(JSON.stringify({ ...told, console_errors, csp_violations: violations }));
  } finally {
    await browser.close();
  }
}

/** For the end of the script: says why, fails. */
export function fail(error) {
  console.error(error?.stack ?? error);
  process.exit(1);
}

function program() {
  if (process.env.OSAYCORE_TEST_CHROMIUM) return process.env.OSAYCORE_TEST_CHROMIUM;
  for (const name of ["chromium", "chromium-browser"]) {
    for (const folder of process.env.PATH.split(delimiter)) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // The next one.
      }
    }
  }
  throw new Error("chromium is needed: run `cargo xtask test`, which brings it");
}

function variable(name) {
  if (process.env[name]) return process.env[name];
  throw new Error(`${name} is not set: run \`cargo xtask test\`, which sets it`);
}
