// verify.mjs JWKS TOKEN ALGORITHM KEY: verifies a token as a service would, with jose, and makes others under the same key.
//
// KEY is the secret or the PKCS#8 document, in hexadecimal. Prints one line of JSON: {sub, good, expired, forged}, tokens by
// what they are. Each of the forged ones is signed as it says and wrong in that one thing.

import { join } from "node:path";

if (!process.env.OSAYCORE_TEST_NODE_MODULES) throw new Error("jose is needed: run `cargo xtask test`, which brings it");
const jose = await import(join(process.env.OSAYCORE_TEST_NODE_MODULES, "jose/dist/webapi/index.js"));

const [url, token, algorithm, hex] = process.argv.slice(2);
const bytes = Buffer.from(hex, "hex");
const pem = `-----BEGIN PRIVATE KEY-----\n${bytes.toString("base64")}\n-----END PRIVATE KEY-----`;
const shared = algorithm === "HS256";
/** Our key, for whatever algorithm of its kind. */
const ours = (alg) => (shared ? new Uint8Array(bytes) : jose.importPKCS8(pem, alg));

const keys = shared ? await ours() : jose.createRemoteJWKSet(new URL(url));
const { aud: audience } = jose.decodeJwt(token);
const { payload } = await jose.jwtVerify(token, keys, { algorithms: [algorithm], audience });
const { kid } = jose.decodeProtectedHeader(token);

const key = await ours(algorithm);
const another = shared
  ? await jose.generateSecret("HS256")
  : (await jose.generateKeyPair(algorithm, { extractable: true })).privateKey;
const encoded = (json) => new TextEncoder().encode(JSON.stringify(json));
const sign = (header, claims = {}, by = key) =>
  new jose.CompactSign(encoded({ ...payload, ...claims }))
    .setProtectedHeader({ alg: algorithm, kid, ...header })
    .sign(by, { crit: { extension: true } });

const others = { HS256: ["HS384", "HS512"], RS256: ["RS512", "PS256"], EdDSA: ["Ed25519"] };
const confused = others[algorithm].map(async (alg) => [`our key by ${alg}`, await sign({ alg }, {}, await ours(alg))]);
const [header, , signature] = token.split(".");
const later = jose.base64url.encode(encoded({ ...payload, exp: payload.exp + 1 }));
const forged = {
  ...Object.fromEntries(await Promise.all(confused)),
  "another key under our name": await sign({}, {}, another),
  "a foreign kid": await sign({ kid: "foreign" }),
  "no kid": await sign({ kid: undefined }),
  "another app": await sign({}, { aud: "00000000-0000-0000-0000-000000000000" }),
  "another issuer": await sign({}, { iss: "https://elsewhere.example" }),
  "not valid yet": await sign({}, { nbf: payload.exp - 1 }),
  "another type": await sign({ typ: "at+jwt" }),
  "a critical extension": await sign({ crit: ["extension"], extension: 1 }),
  "our signature over other claims": [header, later, signature].join("."),
};
const good = { "as ours": await sign({}), "an extension": await sign({ extension: 1 }) };
console.log(JSON.stringify({ sub: payload.sub, good, expired: await sign({}, { exp: payload.nbf }), forged }));
