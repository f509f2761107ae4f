// Signs in the browser what the page sends. Keys live in the inputs of this page alone.
const byId = (id) => document.getElementById(id);
const value = (id) => byId(id).value.trim();
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));

async function hmac(key, message) {
  const bytes = (text) => new TextEncoder().encode(text);
  const secret = await crypto.subtle.importKey("raw", bytes(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", secret, bytes(message));
}

/** What says that something cannot be sent, and why. */
class Unready extends Error {}

function need(id, what) {
  const given = value(id);
  if (!given) throw new Unready(`${what} is missing: enter it above, under “Keys to try it with”.`);
  return given;
}

/** The headers that prove who sends `body`. */
async function proof(signature, token, body) {
  const now = String(Math.floor(Date.now() / 1000));
  const headers = {};
  const byKey = token === "evaluation" && value("evaluation-key");
  if (byKey) {
    headers.Authorization = `Bearer ${byKey}`;
  } else if (signature === "osaycore") {
    headers["X-OSAYCORE-API-KEY"] = need("api-key", "The API key");
    headers["X-OSAYCORE-TIMESTAMP"] = now;
    headers["X-OSAYCORE-SIGNATURE"] = hex(await hmac(need("secret-key", "The secret key"), `${now}.${body}`));
  } else if (signature === "oasis") {
    const appId = need("oasis-app-id", "The OASIS app id");
    const message = `${appId}:${now}:${need("oasis-application-key", "The OASIS application key")}:${body}`;
    headers["X-OASIS-APPID"] = appId;
    headers["X-OASIS-EPOCH"] = now;
    headers["X-OASIS-REQSECRET"] = base64(await hmac(need("oasis-api-key", "The OASIS API key"), message));
  }
  if (token === "admin") headers.Authorization = `Bearer ${need("admin-token", "The admin token")}`;
  if (token === "token" && value("token")) headers.Authorization = `Bearer ${value("token")}`;
  return headers;
}

/** The request that a form describes, signed now. */
async function request(form) {
  const { method, signature, token, kind } = form.dataset;
  let path = form.dataset.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const input of form.querySelectorAll("[data-in]")) {
    const { in: place, name } = input.dataset;
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (!input.value) continue;
    else if (place === "query") query.append(name, input.value);
    else headers[name] = input.value;
  }
  if (query.size) path += `?${String(query).replaceAll("+", "%20")}`;
  const written = form.querySelector("textarea")?.value ?? "";
  const isForm = kind === "application/x-www-form-urlencoded";
  const body = isForm ? String(new URLSearchParams(JSON.parse(written))) : written;
  if (kind) headers["Content-Type"] = kind;
  Object.assign(headers, await proof(signature, token, method === "DELETE" && signature === "oasis" ? "" : body));
  const base = value("base").replace(/\/+$/, "");
  return { url: base + path, method, headers, body: kind ? body : undefined };
}

function curl({ url, method, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl -X ${method} ${quoted(url)}`];
  for (const [name, text] of Object.entries(headers)) lines.push(`-H ${quoted(`${name}: ${text}`)}`);
  if (body !== undefined) lines.push(`--data-raw ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

/** Pretty where it is JSON; as it came where its numbers would lose digits. */
function pretty(text) {
  return text.startsWith("{") ? text.replace(/,"/g, ',\n "') : text;
}

function show(form, parts) {
  const outcome = form.querySelector(".outcome");
  outcome.replaceChildren();
  for (const [title, text, className] of parts) {
    const heading = document.createElement("h5");
    heading.textContent = title;
    const content = document.createElement("pre");
    content.textContent = text;
    content.tabIndex = 0;
    if (className) content.className = className;
    outcome.append(heading, content);
  }
}

async function send(form) {
  const asked = await request(form);
  const shown = ["As curl", curl(asked), "curl"];
  if (new URL(asked.url).origin !== location.origin) {
    throw new Unready("This page may ask its own server alone. For another one, take the curl command.");
  }
  const { url, method, headers, body } = asked;
  // What never ends (a stream of events) is shown as far as it has come.
  const patience = AbortSignal.timeout(15_000);
  const response = await fetch(url, { method, headers, body, redirect: "manual", credentials: "omit", signal: patience });
  const status = response.status ? `${response.status} ${response.statusText}` : "A redirect, which the page does not follow";
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  const text = isStream ? "The stream is open." : await response.text();
  if (isStream) await response.body.cancel();
  const told = [...response.headers].map(([name, text]) => `${name}: ${text}`).join("\n");
  show(form, [["Answer", status, "status-line"], ["Body", pretty(text), "body"], ["Headers", told], shown]);
  keep(text);
}

/** A new token is what the next call is tried with. */
function keep(text) {
  try {
    const token = JSON.parse(text).jwt_token;
    if (token) byId("token").value = token;
  } catch {
    // No JSON: nothing to keep.
  }
}

async function run(form, act) {
  show(form, []);
  try {
    await act(form);
  } catch (error) {
    const why = error instanceof Unready || error instanceof SyntaxError ? error.message : `It was not sent: ${error.message}`;
    show(form, [["Not sent", why, "problem"]]);
  }
}

byId("base").value = location.origin;
byId("given").addEventListener("submit", (event) => event.preventDefault());
document.querySelector(".keys").hidden = false;
for (const form of document.querySelectorAll(".try form")) {
  form.parentElement.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(form, send);
  });
  form.querySelector(".second").addEventListener("click", () =>
    run(form, async () => show(form, [["As curl", curl(await request(form)), "curl"]])),
  );
}
// On a phone the list of calls would stand before everything else.
if (matchMedia("(max-width: 60rem)").matches) document.querySelector("nav details").open = false;
