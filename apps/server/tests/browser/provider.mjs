// A certified OpenID Connect provider (npm oidc-provider) on a free port of 127.0.0.1, for tests.
//
//   node provider.mjs --client-id ID --client-secret SECRET --redirect-uri URI [--redirect-uri URI …]
//     --accounts '[{"sub": "1", "email": "ada@example.com", "email_verified": true, "name": "Ada", "picture": "https://…"}]'
//     [--port N]
//
// Prints its issuer URL, one line, once it serves; SIGTERM ends it. Everything is in memory. People sign in by `sub` or
// `email` (input `login`, button `submit`), then agree (button `submit`), or refuse at either page (button `deny`).

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";

// The library talks to the standard output, which is for the URL.
console.info = console.warn = console.error;
if (!process.env.OSAYCORE_TEST_NODE_MODULES) throw new Error("oidc-provider is needed: run `cargo xtask test`, which brings it");
const { Provider } = await import(join(process.env.OSAYCORE_TEST_NODE_MODULES, "oidc-provider/lib/index.js"));

const { values: given } = parseArgs({
  options: {
    "client-id": { type: "string" },
    "client-secret": { type: "string" },
    "redirect-uri": { type: "string", multiple: true },
    accounts: { type: "string" },
    port: { type: "string", default: "0" },
  },
});
for (const name of ["client-id", "client-secret", "redirect-uri", "accounts"]) {
  if (given[name] === undefined) {
    console.error(`--${name} is missing`);
    process.exit(2);
  }
}
const accounts = JSON.parse(given.accounts);

const server = createServer();
server.listen(Number(given.port), "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = providerAt(issuer);
  const library = provider.callback();
  server.on("request", (request, response) => {
    const page = /^\/interaction\/([\w-]+)$/.test(request.url);
    const answer = page ? interact(provider, request, response) : library(request, response);
    Promise.resolve(answer).catch((error) => {
      console.error(error);
      response.writeHead(400).end(`${error.name}: ${error.message}`);
    });
  });
  process.stdout.write(`${issuer}\n`);
});
process.on("SIGTERM", () => process.exit(0));

function providerAt(issuer) {
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  return new Provider(issuer, {
    clients: [
      {
        client_id: given["client-id"],
        client_secret: given["client-secret"],
        redirect_uris: given["redirect-uri"],
        id_token_signed_response_alg: "RS256",
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "picture"] },
    cookies: { keys: [randomBytes(32).toString("hex")] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, sub) => {
      const account = accounts.find((account) => account.sub === sub);
      return account && { accountId: sub, claims: () => account };
    },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    jwks: { keys: [{ ...key, kid: randomBytes(8).toString("hex"), alg: "RS256", use: "sig" }] },
    pkce: { required: () => true },
  });
}

/** The pages of signing in and of consent. */
async function interact(provider, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (request.method !== "POST") {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page(prompt.name, params));
    return;
  }
  const form = await formOf(request);
  const finish = (result, options) => provider.interactionFinished(request, response, result, options);
  if (form.has("deny")) {
    await finish({ error: "access_denied", error_description: "denied" }, { mergeWithLastSubmission: false });
  } else if (prompt.name === "login") {
    const login = form.get("login");
    const account = accounts.find(({ sub, email }) => login === sub || login === email);
    if (account) {
      await finish({ login: { accountId: account.sub } }, { mergeWithLastSubmission: false });
    } else {
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page("login", params, "Nobody of that name."));
    }
  } else {
    const known = grantId && (await provider.Grant.find(grantId));
    const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
    grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
    await finish({ consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  }
}

async function formOf(request) {
  let body = "";
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

function page(prompt, params, complaint = "") {
  const client = escaped(params.client_id);
  const login = prompt === "login";
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${login ? "Sign in" : "Consent"}</title>
<h1>${login ? `Sign in to go on to ${client}` : `May ${client} see your ${escaped(params.scope)}?`}</h1>
<p>${escaped(complaint)}</p>
<form method="post">
${login ? '<label>Name <input name="login" autofocus></label>' : ""}
<button type="submit" name="submit" value="1">${login ? "Sign in" : "Agree"}</button>
<button type="submit" name="deny" value="1" formnovalidate>Deny</button>
</form></html>`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
