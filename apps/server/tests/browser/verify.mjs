// verify.mjs JWKS TOKEN ALGORITHM: verifies a token as a service would, with jose, and forges others.
//
// Prints one line of JSON: {sub, forged: {what: token}}.

import { join } from "node:path";

if (!process.env.OSAYCORE_TEST_NODE_MODULES) throw new Error("jose is needed: run `cargo xtask test`, which brings it");
const jose = await import(join(process.env.OSAYCORE_TEST_NODE_MODULES, "jose/dist/webapi/index.js"));

const [url, token, algorithm] = process.argv.slice(2);
const keys = jose.createRemoteJWKSet(new URL(url));
const { aud: audience } = jose.decodeJwt(token);
const { payload } = await jose.jwtVerify(token, keys, { algorithms: [algorithm], audience });
const { kid } = jose.decodeProtectedHeader(token);

const { privateKey } = await jose.generateKeyPair(algorithm, { extractable: true });
const sign = (header, claims = payload) => new jose.SignJWT(claims).setProtectedHeader(header).sign(privateKey);
const forged = {
  "another key under our name": await sign({ alg: algorithm, kid }),
  "a foreign kid": await sign({ alg: algorithm, kid: "foreign" }),
  "no kid": await sign({ alg: algorithm }),
  "another app": await sign({ alg: algorithm, kid }, { ...payload, aud: "00000000-0000-0000-0000-000000000000" }),
  "another type": await sign({ alg: algorithm, kid, typ: "at+jwt" }),
  "a critical extension": await new jose.CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: algorithm, kid, crit: ["b64"], b64: true })
    .sign(privateKey),
  "our header over other claims": token.split(".").map((part, at) => (at === 1 ? jose.base64url.encode(JSON.stringify({ ...payload, exp: payload.exp + 1 })) : part)).join("."),
};
console.log(JSON.stringify({ sub: payload.sub, forged }));
