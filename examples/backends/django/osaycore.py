"""A client of OsayCore for a backend. Python 3.9 or newer, nothing to install."""
import hashlib, hmac, json, time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

LIFETIME_S, EARLY_S = 600, 60  # of a user's token, and how long before its end the next one is fetched


class Refused(Exception):
    """OsayCore said no, with its `code`; or nothing to be understood: 503 `unreachable`. Holds no secret."""
    def __init__(self, status, answer, retry_after=None):
        super().__init__(f"{status} {answer['code']}, request {answer.get('request_id', 'none')}")
        self.status, self.code, self.answer, self.retry_after = status, answer["code"], answer, retry_after or "5"


class OsayCore:
    def __init__(self, base_url, api_key, secret_key):
        self.base_url, self.api_key, self.secret_key = base_url, api_key, secret_key
        self.tokens = {}  # user id → token, and until when to use it; they never leave this process

    def as_user(self, user_id, method, path, body=None):
        """A call on behalf of a user whom you have signed in."""
        try:
            return self.call(method, path, body, self._token(user_id))
        except Refused as refused:
            if refused.code not in ("token_expired", "token_invalid"):
                raise
        self.tokens.pop(user_id, None)  # ended meanwhile, by whomever: once more with a new one
        return self.call(method, path, body, self._token(user_id))

    def call(self, method, path, body=None, token=None):
        """A signed call → what was answered. A charge may be sent again if it has a client_reference_id."""
        payload = b"" if body is None else json.dumps(body).encode()
        timestamp = str(int(time.time()))
        signature = hmac.new(self.secret_key.encode(), timestamp.encode() + b"." + payload, hashlib.sha256)
        headers = {"Content-Type": "application/json", "X-OSAYCORE-API-KEY": self.api_key,
                   "X-OSAYCORE-TIMESTAMP": timestamp, "X-OSAYCORE-SIGNATURE": signature.hexdigest(),
                   **({"Authorization": f"Bearer {token}"} if token else {})}
        try:
            with urlopen(Request(self.base_url + path, payload or None, headers, method=method), timeout=10) as answer:
                return json.load(answer)
        except HTTPError as error:
            refused = self._refusal(error)
        except (OSError, HTTPException, ValueError):  # no connection, no answer in time, or not JSON
            refused = Refused(503, {"code": "unreachable"})
        raise refused

    def _token(self, user_id):
        token, until = self.tokens.get(user_id, (None, 0))
        if time.monotonic() >= until:
            until = time.monotonic() + LIFETIME_S - EARLY_S
            asked = {"user_id": user_id, "expires_in_seconds": LIFETIME_S}
            token = self.call("POST", "/auth/generate-user-jwt", asked)["jwt_token"]
            self.tokens[user_id] = token, until
        return token

    @staticmethod
    def _refusal(error):
        try:
            answer = json.load(error)
            return Refused(error.code, {**answer, "code": answer["code"]}, error.headers.get("Retry-After"))
        except (OSError, HTTPException, ValueError, LookupError, TypeError):  # a proxy's page, or half an answer
            return Refused(503, {"code": "unreachable"}, error.headers.get("Retry-After"))
