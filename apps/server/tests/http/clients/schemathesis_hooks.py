"""Signs what Schemathesis sends, whichever of the two signatures its operation wants; what administers has a token alone.

Loaded by `schemathesis run` (SCHEMATHESIS_HOOKS); OSAYCORE_API has the keys.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import sys
import time

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

API = json.loads(os.environ["OSAYCORE_API"])
numbers = itertools.count()


def timestamp():
    """Within the window, and seldom the same: equal bytes of one second would be one request."""
    return str(int(time.time()) - next(numbers) % 280)


def mac(key, message):
    return hmac.new(key.encode(), message, hashlib.sha256)


def content(request):
    body = request.body or b""
    return body.encode() if isinstance(body, str) else body


def sign(request):
    """The API's own signature."""
    now = timestamp()
    signature = mac(API["secret_key"], f"{now}.".encode() + content(request)).hexdigest()
    request.headers["X-OSAYCORE-API-KEY"] = API["api_key"]
    request.headers["X-OSAYCORE-TIMESTAMP"] = now
    request.headers["X-OSAYCORE-SIGNATURE"] = signature
    return request


def sign_as_oasis(request):
    """That of the one-time passcodes."""
    now = timestamp()
    body = content(request) if request.method == "POST" else b""
    message = f"{API['oasis_app_id']}:{now}:{API['oasis_application_key']}:".encode() + body
    request.headers["X-OASIS-APPID"] = str(API["oasis_app_id"])
    request.headers["X-OASIS-EPOCH"] = now
    request.headers["X-OASIS-REQSECRET"] = base64.b64encode(mac(API["oasis_api_key"], message).digest()).decode()
    return request


def token(user):
    """A new token; another lifetime each time, as equal requests get the same one."""
    body = json.dumps({"user_id": user, "expires_in_seconds": 3600 + next(numbers)})
    answer = requests.post(f"{API['base_url']}/api/auth/generate-user-jwt", data=body, auth=sign, timeout=30)
    answer.raise_for_status()
    return answer.json()["jwt_token"]


TOKEN = token(API["user_id"])


class Signed(requests.auth.AuthBase):
    """Over the bytes that go out, which only `requests` knows."""

    def __call__(self, request):
        path = request.path_url
        if path.startswith("/api/admin/"):
            request.headers["Authorization"] = f"Bearer {API['admin_token']}"
            return request
        if path.startswith("/api/ApplicationAPI/"):
            return sign_as_oasis(request)
        # What revokes a token has one of its own; the others go on with theirs.
        bearer = token(API["other_user_id"]) if path.startswith("/api/auth/revoke") else TOKEN
        request.headers["Authorization"] = f"Bearer {bearer}"
        return sign(request)


def closed(schema):
    """The schema of an answer, of which no member is unknown."""
    anything = schema.get("$ref", "").endswith("/FlagValue")
    return schema if anything else {"allOf": [schema], "unevaluatedProperties": False}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Clients put up with new members; here each must be described."""
    operations = [operation for item in raw_schema["paths"].values() for operation in item.values()]
    answers = [answer for operation in operations for answer in operation["responses"].values()]
    for answer in [*answers, *raw_schema["components"]["responses"].values()]:
        for kind, media in answer.get("content", {}).items():
            if kind == "application/json":
                media["schema"] = closed(media["schema"])


@schemathesis.auth(refresh_interval=None)
class Signing:
    """Leaves alone what is sent without a signature on purpose."""

    def get(self, case, context):
        unsigned = case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)
        return None if unsigned else Signed()

    def set(self, case, signed, context):
        case._auth = signed


def exact(value):
    """Numbers as the schemas mean them, and cannot say: multiples of a millionth that floats hit beside, whole numbers
    without a point, and none that no double holds."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 6)
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return 0
    if isinstance(value, dict):
        return {name: exact(member) for name, member in value.items()}
    if isinstance(value, list):
        return [exact(member) for member in value]
    return value


# Whom and what the names in paths may mean, so that something is there every other time.
KNOWN = {"app": "shop", "user": "ada", "group": "staff", "flag": "new_ui", "provider": "google", "key": "web"}


def meant(case):
    """What the admin API's schemas cannot know: names that there are, and that a cursor is none but one that was answered."""
    case.query.pop("cursor", None)
    if next(numbers) % 2:
        for name in KNOWN.keys() & case.path_parameters.keys():
            case.path_parameters[name] = KNOWN[name]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        case.body = exact(case.body)
        if case.path.startswith("/api/admin/"):
            meant(case)
