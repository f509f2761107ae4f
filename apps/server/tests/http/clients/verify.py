"""verify.py JWKS TOKEN ALGORITHM: verifies a token as a service would, with PyJWT, and forges others.

Prints one line of JSON: {sub, forged: {what: token}}.
"""

import base64
import hmac
import json
import sys
from urllib.request import urlopen

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

url, token, algorithm = sys.argv[1:]
header, unverified = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
keys = jwt.PyJWKSet.from_dict(json.load(urlopen(url)))
claims = jwt.decode(token, keys[header["kid"]], algorithms=[algorithm], audience=unverified["aud"])
assert claims["iss"].startswith("urn:uuid:"), claims



def part(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def mac(key, **header):
    """A token under a MAC, made by hand: no library gives this key to one."""
    signed = f"{part(json.dumps(header).encode())}.{token.split('.')[1]}"
    return f"{signed}.{part(hmac.digest(key, signed.encode(), 'sha256'))}"


kid, public = header["kid"], keys[header["kid"]].key
pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
forged = {
    "none": jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
    "a MAC under the public key": mac(pem, alg="HS256", kid=kid),
    "a MAC under a key of its own": jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"kid": "mine"}),
}
print(json.dumps({"sub": claims["sub"], "forged": forged}))
