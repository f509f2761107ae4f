// A backend for a phone app or a web page, on Node 20 or newer, nothing to install: SESSION_KEY=… OSAYCORE_…=… node app.mjs
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { promisify } from "node:util";
import { OsayCore, Refused } from "./osaycore.mjs";

const NAMES = ["SESSION_KEY", "OSAYCORE_BASE_URL", "OSAYCORE_API_KEY", "OSAYCORE_SECRET_KEY"];
const missing = NAMES.filter((name) => !process.env[name]);
if (missing.length) throw new Error(`set ${missing.join(", ")}`);
const [sessionKey, baseUrl, apiKey, secretKey] = NAMES.map((name) => process.env[name]);
const osaycore = new OsayCore({ baseUrl, apiKey, secretKey });
const LOGIN_S = 24 * 60 * 60;
const FEATURE = "new_dashboard", CREDITS_A_PAGE = 2, PACKS = [50, 200, 1000]; // what is sold is yours
const hash = async (password, salt = randomBytes(16)) => ({ salt, hash: await promisify(scrypt)(password, salt, 32) });
// Yours: a table of users, each with the id that OsayCore knows them by; a limit on tries of the password.
const USERS = new Map([["alice", { id: "user-1", ...await hash("wonderland") }], ["bob", { id: "user-2", ...await hash("builder") }]]);
const NOBODY = await hash(randomBytes(16)); // a wrong name takes as long as a wrong password

class Problem extends Error {
  constructor(status, code, error, more = {}, headers = {}) {
    super(error);
    Object.assign(this, { status, body: { code, error, ...more }, headers });
  }
}

const ROUTES = {
  async "POST /login"(_, members) {
    const { username, password } = { username: text(members, "username"), password: text(members, "password") };
    const user = USERS.get(username) ?? NOBODY;
    if (!timingSafeEqual((await hash(password, user.salt)).hash, user.hash) || !user.id)
      throw new Problem(401, "wrong_login", "Wrong name or password.");
    const signed = `${user.id}.${Math.floor(Date.now() / 1000) + LOGIN_S}`;
    return { token: `${signed}.${mac(signed).toString("base64url")}`, expires_in: LOGIN_S };
  },

  async "GET /me"(request) {
    const { user_summary, credit_balance, enabled_features } = await osaycore.asUser(userOf(request), "GET", "/user/context");
    return { name: user_summary.display_name || user_summary.username, balance: credit_balance.balance, features: enabled_features };
  },

  async "POST /reports"(request, members) {
    const userId = userOf(request), reference = text(members, "reference"), { pages } = members;
    if (!/^[A-Za-z0-9-]{8,64}$/.test(reference))
      throw new Problem(400, "invalid_field", "8 to 64 letters, digits or hyphens", { field: "reference" });
    if (!Number.isInteger(pages) || pages < 1 || pages > 100)
      throw new Problem(400, "invalid_field", "1 to 100", { field: "pages" });
    const name = `report:${userId}:${reference}`; // unique in the app for ever: what it is, whose, and which of theirs
    const { enabled_features } = await osaycore.asUser(userId, "GET", "/user/context");
    if (!enabled_features[FEATURE] && !await paid(userId, name))
      throw new Problem(403, "not_switched_on", "Reports are not switched on for you.");
    const { new_balance } = await osaycore.asUser(userId, "POST", "/action/deduct-credits",
      { amount: pages * CREDITS_A_PAGE, description: `Report of ${pages} pages`, client_reference_id: name });
    // Yours: the report. If it fails here, the phone's retry makes it, and is not charged again.
    return { reference, report: `${pages} pages`, balance: new_balance };
  },
};

/** What was charged is served to a retry, whatever became of the flag since. */
async function paid(userId, name) {
  const path = `/credits/transactions?reference=${encodeURIComponent(name)}`;
  return (await osaycore.asUser(userId, "GET", path)).transactions.length > 0;
}

const mac = (signed) => createHmac("sha256", sessionKey).update(signed).digest();

/** Who asks, by the token of /login: an id, a time, and the MAC of both. */
function userOf(request) {
  const [, id, until, given] = /^Bearer ([\w-]+)\.(\d+)\.([\w-]+)$/.exec(request.headers.authorization ?? "") ?? [];
  const bytes = Buffer.from(given ?? "", "base64url"), expected = mac(`${id}.${until}`);
  if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected) || until < Date.now() / 1000)
    throw new Problem(401, "sign_in", "Sign in.");
  return id;
}

function text(members, name) {
  if (typeof members[name] === "string") return members[name];
  throw new Problem(400, "invalid_field", `${name} is missing, or of another type`, { field: name });
}

async function bodyOf(request) {
  let body = "";
  for await (const part of request.setEncoding("utf8"))
    if ((body += part).length > 16_384) throw new Problem(413, "body_too_large", "At most 16 KiB.", {}, { Connection: "close" });
  try { return Object(JSON.parse(body || "{}")); } catch { throw new Problem(400, "invalid_json", "No JSON."); }
}

/** What the phone is told of an error. */
function problemOf(error) {
  if (error instanceof Problem) return error;
  if (error.status === 402) {
    const lacking = error.answer.shortfall, buy = PACKS.find((pack) => pack >= lacking) ?? PACKS.at(-1);
    return new Problem(402, "insufficient_credits", "You have too few credits for this.", { shortfall: lacking, buy });
  }
  if (error.code === "reference_conflict")
    return new Problem(409, error.code, "This reference is another report's. Draw a new one.");
  if (["user_inactive", "user_not_found", "not_permitted", "scope_missing"].includes(error.code))
    return new Problem(403, error.code, "This account may not do that. Write to us.");
  console.error(error instanceof Refused ? `osaycore: ${error.message}` : error);
  if ([429, 503, 507].includes(error.status) || error.code === "replayed_request")
    return new Problem(503, "unavailable", "Try again in a moment.", {}, { "Retry-After": error.retryAfter });
  return new Problem(500, "internal", "Something is wrong here."); // keys, clock, or a fault: see the log
}

const server = createServer(async (request, response) => {
  let status = 200, body, headers = {};
  try {
    const route = ROUTES[`${request.method} ${request.url}`];
    if (!route) throw new Problem(404, "not_found", "Not found.");
    body = await route(request, await bodyOf(request));
  } catch (error) {
    ({ status, body, headers } = problemOf(error));
  }
  const json = JSON.stringify(body);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(json), ...headers }).end(json);
});
server.listen(process.env.PORT ?? 3000, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
