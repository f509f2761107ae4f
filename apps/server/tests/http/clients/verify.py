"""verify.py JWKS TOKEN ALGORITHM: verifies a token as a service would, with PyJWT, and forges others.

Prints one line of JSON: {sub, forged: {what: token}}.
"""

import json
import sys
from urllib.request import urlopen

import jwt

url, token, algorithm = sys.argv[1:]
header, unverified = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
keys = jwt.PyJWKSet.from_dict(json.load(urlopen(url)))
claims = jwt.decode(token, keys[header["kid"]], algorithms=[algorithm], audience=unverified["aud"])
assert claims["iss"].startswith("urn:uuid:"), claims

shared = json.dumps(json.load(urlopen(url))).encode() + b" " * 32
kid = header["kid"]
forged = {
    "none": jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
    "a MAC under the public keys": jwt.encode(claims, shared, algorithm="HS256", headers={"kid": kid}),
    "a MAC under a key of its own": jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"kid": "mine"}),
}
print(json.dumps({"sub": claims["sub"], "forged": forged}))
