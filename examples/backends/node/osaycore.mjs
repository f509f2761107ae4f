// A client of OsayCore for a backend. Node 20 or newer, nothing to install.
import { createHmac } from "node:crypto";

const LIFETIME_S = 600, EARLY_S = 60; // of a user's token, and how long before its end the next one is fetched

/** OsayCore said no, with its `code`; or nothing to be understood: 503 `unreachable`. Holds no secret. */
export class Refused extends Error {
  constructor(status, answer, retryAfter) {
    super(`${status} ${answer.code}, request ${answer.request_id ?? "none"}`);
    Object.assign(this, { status, code: answer.code, answer, retryAfter: retryAfter ?? "5" });
  }
}

export class OsayCore {
  #secretKey;
  #tokens = new Map(); // user id → token, and until when to use it; they never leave this process

  constructor({ baseUrl, apiKey, secretKey }) {
    Object.assign(this, { baseUrl, apiKey });
    this.#secretKey = secretKey;
  }

  /** A call on behalf of a user whom you have signed in. */
  async asUser(userId, method, path, body) {
    try {
      return await this.call(method, path, body, await this.#token(userId));
    } catch (error) {
      if (!["token_expired", "token_invalid"].includes(error.code)) throw error;
    }
    this.#tokens.delete(userId); // ended meanwhile, by whomever: once more with a new one
    return this.call(method, path, body, await this.#token(userId));
  }

  /** A signed call → what was answered. A charge may be sent again if it has a client_reference_id. */
  async call(method, path, body, token) {
    const payload = body === undefined ? "" : JSON.stringify(body);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac("sha256", this.#secretKey).update(`${timestamp}.${payload}`).digest("hex");
    const headers = { "Content-Type": "application/json", "X-OSAYCORE-API-KEY": this.apiKey,
      "X-OSAYCORE-TIMESTAMP": timestamp, "X-OSAYCORE-SIGNATURE": signature, ...(token && { Authorization: `Bearer ${token}` }) };
    let response, answer;
    try {
      response = await fetch(this.baseUrl + path,
        { method, headers, body: payload || undefined, signal: AbortSignal.timeout(10_000) });
      answer = await response.json();
    } catch { /* no connection, no answer in time, or not JSON */ }
    if (response?.ok && answer) return answer;
    const retryAfter = response?.headers.get("Retry-After");
    throw answer?.code ? new Refused(response.status, answer, retryAfter) : new Refused(503, { code: "unreachable" }, retryAfter);
  }

  async #token(userId) {
    const kept = this.#tokens.get(userId);
    if (kept && performance.now() < kept.untilMs) return kept.token;
    const untilMs = performance.now() + (LIFETIME_S - EARLY_S) * 1000;
    const asked = { user_id: userId, expires_in_seconds: LIFETIME_S };
    const { jwt_token: token } = await this.call("POST", "/auth/generate-user-jwt", asked);
    this.#tokens.set(userId, { token, untilMs });
    return token;
  }
}
