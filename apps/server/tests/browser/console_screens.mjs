// console_screens.mjs BASE EMAIL PASSWORD [only] [NAME=PATH]…: looks at every screen of the console as somebody who is
// signed in; with `only`, at those that are named here and the sign-in.
// Prints one line of JSON: {screens, wrong, console_errors, csp_violations}.

import { fail, onPage } from "./chromium.mjs";
import { Person, lookAt } from "./console.mjs";

// A screen is one line here; paths that depend on what there is come as arguments.
const SCREENS = {
  overview: "/console",
  week: "/console?range=7d",
  credits: "/console/credits",
  "credits-refused": "/console/credits?reference=nothing-like-it",
  payments: "/console/credits/payments",
  audit: "/console/audit",
  profile: "/console/profile",
  settings: "/console/settings",
  limit: "/console/settings/limit",
  "token-keys": "/console/settings/keys",
  providers: "/console/settings/providers",
  "new-provider": "/console/settings/providers/new",
  logins: "/console/settings/logins",
  "new-login": "/console/settings/logins/new",
  users: "/console/users",
  "new-user": "/console/users/new",
};

const [base, email, password, ...more] = process.argv.slice(2);

await onPage(async (page) => {
  const wrong = [];
  await page.goto(`${base}/console/sign-in`);
  wrong.push(...(await lookAt(page, "sign-in")));
  const person = new Person(page, base);
  await person.signIn(email, password);
  await person.sees("Overview");
  const named = Object.fromEntries(more.filter((word) => word !== "only").map((pair) => pair.split(/=(.*)/s, 2)));
  const screens = more.includes("only") ? named : { ...SCREENS, ...named };
  for (const [name, path] of Object.entries(screens)) {
    await person.open(path);
    for (const summary of await page.locator("summary").all()) await summary.click();
    wrong.push(...(await lookAt(page, name)));
  }
  return { screens: Object.keys(screens).length + 1, wrong };
}).catch(fail);
