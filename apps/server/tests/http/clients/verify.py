"""verify.py JWKS TOKEN ALGORITHM KEY: verifies a token as a service would, with PyJWT, and makes others under the same key.

KEY is the secret or the PKCS#8 document, in hexadecimal. Prints one line of JSON: {sub, good, expired, forged}, tokens by
what they are. Each of the forged ones is signed as it says and wrong in that one thing.
"""

import base64
import hmac
import json
import sys
from urllib.request import urlopen

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

url, token, algorithm, key = sys.argv[1:]
key = bytes.fromhex(key)
header, unverified = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
kid = header["kid"]
if algorithm == "HS256":
    public = key
else:
    key = load_der_private_key(key, None)
    public = jwt.PyJWKSet.from_dict(json.load(urlopen(url)))[kid].key
claims = jwt.decode(token, public, algorithms=[algorithm], audience=unverified["aud"])
assert claims["iss"].startswith("urn:uuid:"), claims


def sign(key=key, algorithm=algorithm, kid=kid, typ="JWT", header={}, **changed):
    headers = {"typ": typ, **({"kid": kid} if kid else {}), **header}
    return jwt.encode({**claims, **changed}, key, algorithm=algorithm, headers=headers)


def part(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def mac(key, **header):
    """A token under a MAC, made by hand: no library gives this key to one."""
    signed = f"{part(json.dumps(header).encode())}.{token.split('.')[1]}"
    return f"{signed}.{part(hmac.digest(key, signed.encode(), 'sha256'))}"


pairs = {"EdDSA": ed25519.Ed25519PrivateKey.generate(), "RS256": rsa.generate_private_key(65537, 2048)}
others = {**pairs, "HS256": b"x" * 32}
confused = {f"a key of {name} under our name": sign(other, name) for name, other in others.items() if name != algorithm}
if algorithm != "HS256":
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    confused["a MAC under the public key, PEM"] = mac(pem, alg="HS256", kid=kid)
    confused["a MAC under the public key, DER"] = mac(der, alg="HS256", kid=kid)
if algorithm == "EdDSA":
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    confused["a MAC under the public key, raw"] = mac(raw, alg="HS256", kid=kid)

forged = {
    **confused,
    "none": sign(None, "none"),
    "another key under our name": sign(others[algorithm]),
    "a foreign kid": sign(kid="foreign"),
    "no kid": sign(kid=None),
    "another app": sign(aud="00000000-0000-0000-0000-000000000000"),
    "an app among others": sign(aud=[claims["aud"], "00000000-0000-0000-0000-000000000000"]),
    "another issuer": sign(iss="https://elsewhere.example"),
    "not valid yet": sign(nbf=claims["exp"] - 1),
    "another type": sign(typ="at+jwt"),
    "a critical extension": sign(header={"crit": ["extension"], "extension": 1}),
}
good = {"with a type": sign(), "an extension": sign(header={"extension": 1})}
print(json.dumps({"sub": claims["sub"], "good": good, "expired": sign(exp=claims["nbf"]), "forged": forged}))
