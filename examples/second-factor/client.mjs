// A client of OsayCore's one-time passcodes. Node 20 or newer, nothing to install.
import { createHmac, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

export const LOGIN = 0, REGISTRATION = 1;
export const STATES = ["NOTREGISTERED", "DISABLED", "LOCKED", "NOGROUPMEMBERSHIP", "NOTALLOWEDTOBYPASS",
  "SKIPAUTHENTICATION", "AUTHENTICATE", "INVALID", "VALID", "PENDINGENROLLMENT", "MAXUSERSREACHED"];

/** The server refused, with its `code`; or its answer is not to be trusted, `code` is undefined. */
export class OasisError extends Error {
  constructor(message, code) { super(message); this.code = code; }
}

const hmac = (key, message) => createHmac("sha256", key).update(message, "utf8").digest();

export class Oasis {
  constructor({ baseUrl, appId, applicationKey, apiKey, directory = null }) {
    Object.assign(this, { baseUrl, appId, applicationKey, apiKey, directory });
  }

  hello() { return this.#call("GET", "HelloWorld"); }

  requestState(username, verificationType = LOGIN, ip) {
    return this.#post("RequestAuthenticationState", { Username: username, VerificationType: verificationType }, ip);
  }

  register(username, { fullname = null, email = null, sendEmail = false, groups = [] } = {}) {
    return this.#post("RegisterUser",
      { Username: username, Fullname: fullname, Email: email, SendEnrollmentEmail: sendEmail, UserGroups: groups });
  }

  verifyCode(username, code, verificationType = LOGIN, ip) {
    return this.#post("VerifyUserOTP", { Username: username, OTPCode: code, VerificationType: verificationType }, ip);
  }

  delete(username) {
    const name = this.directory ? `${this.directory}\\${username}` : username;
    return this.#call("DELETE", `DeleteUser?username=${encodeURIComponent(name)}`);
  }

  async #post(operation, members, ip) {
    const body = JSON.stringify({ ...members, DirectoryName: this.directory });
    const answer = await this.#call("POST", operation, body, ip);
    if ("State" in answer) answer.State = STATES[answer.State];
    const data2 = answer.State ?? answer.UserID;
    const signed = `${members.Username}:${data2}:${answer.RandomToken}:${answer.SignedTime}`;
    const expected = hmac(this.applicationKey, signed), given = Buffer.from(`${answer.SignedResponse}`, "base64");
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new OasisError("the answer's signature is wrong");
    if (Math.abs(Date.now() / 1000 - answer.SignedTime) > 300)
      throw new OasisError("the answer is too old, or one of the clocks is wrong");
    return answer;
  }

  async #call(method, operation, body = "", ip = undefined, tries = 3) {
    const epoch = Math.floor(Date.now() / 1000);
    const message = `${this.appId}:${epoch}:${this.applicationKey}:${body}` + (ip ? `:${ip}` : "");
    const headers = { "Content-Type": "application/json", "X-OASIS-APPID": this.appId, "X-OASIS-EPOCH": epoch,
      "X-OASIS-REQSECRET": hmac(this.apiKey, message).toString("base64"), ...(ip && { "X-OASIS-IP": ip }) };
    const response = await fetch(`${this.baseUrl}/${operation}`,
      { method, headers, body: body || undefined, signal: AbortSignal.timeout(10_000) });
    if (method === "DELETE" && response.status === 409 && tries > 1) {
      await sleep(1000); // another deletion had the same signature; the next second has another
      return this.#call(method, operation, body, ip, tries - 1);
    }
    const answer = await response.json().catch(() => ({}));
    const { Code = "not_this_api", Message = "that is no answer of OsayCore; check OASIS_BASE_URL" } = answer;
    if (!response.ok || !Object.keys(answer).length) throw new OasisError(`${response.status} ${Code}: ${Message}`, Code);
    return answer;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) { // node client.mjs verifyCode USER 123456 1
  const names = ["BASE_URL", "APP_ID", "APPLICATION_KEY", "API_KEY"].map((name) => `OASIS_${name}`);
  const missing = names.filter((name) => !process.env[name]);
  if (missing.length) throw new OasisError(`set ${missing.join(", ")}`);
  const [baseUrl, appId, applicationKey, apiKey] = names.map((name) => process.env[name]);
  console.log(JSON.stringify(await new Oasis({ baseUrl, appId, applicationKey, apiKey })[process.argv[2]](...process.argv.slice(3))));
}
