"""A web app where people sign in by a provider, on Flask: SESSION_KEY=… OSAYCORE_…=… flask --app app run"""
import hashlib, hmac, html, json, os, secrets, time
from datetime import datetime
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from flask import Flask, redirect, request, session

app = Flask(__name__)
app.config.update(SECRET_KEY=os.environ["SESSION_KEY"], SESSION_COOKIE_SAMESITE="Lax")
BASE_URL, API_KEY, SECRET_KEY = (os.environ["OSAYCORE_" + name] for name in ("BASE_URL", "API_KEY", "SECRET_KEY"))
APP_URL = os.environ.get("APP_URL", "http://127.0.0.1:5000")
BACK = APP_URL + "/back"  # registered: app set --redirect-uris
PROVIDER = os.environ.get("PROVIDER", "local")
signed_in = {}  # yours: a table. Tokens stay on the server; the cookie has a random id
SORRY = {"access_denied": "You did not agree.", "provider_unreachable": "The provider does not answer.",
         "user_inactive": "This account is disabled.", "user_deleted": "This account is closed.",
         "reference_conflict": "That account belongs to another user."}

class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code

def osaycore(method, path, members=None, token=None):
    body = b"" if method == "GET" else json.dumps({**(members or {}), "nonce": secrets.token_hex(8)}).encode()
    timestamp = str(int(time.time()))
    signature = hmac.new(SECRET_KEY.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-OSAYCORE-API-KEY": API_KEY, "X-OSAYCORE-TIMESTAMP": timestamp,
               "X-OSAYCORE-SIGNATURE": signature, **({"Authorization": "Bearer " + token} if token else {})}
    try:
        with urlopen(Request(BASE_URL + path, body or None, headers, method=method), timeout=10) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise Refused(error.code, json.load(error)["code"]) from None
    except (URLError, TimeoutError) as error:
        raise Refused(503, f"no answer: {error}") from None

def token():
    """The user's token, fresh enough for a request; None: sign in."""
    tokens = signed_in.get(session.get("id"))
    if tokens and datetime.fromisoformat(tokens["expires_at"].replace("Z", "+00:00")).timestamp() < time.time() + 60:
        try:
            tokens = osaycore("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})
            signed_in[session["id"]] = tokens
        except Refused as refused:
            if refused.status >= 429:
                raise
            signed_in.pop(session["id"], None)  # its session is over
            return None
    return tokens and tokens["jwt_token"]

def page(content, status=200):
    return f"<!doctype html><title>App</title>{content}", status

@app.errorhandler(Refused)
def refused(error):
    if error.code in ("token_invalid", "token_expired", "user_inactive"):  # ended meanwhile, by whomever
        signed_in.pop(session.get("id"), None)
        session.clear()
        return redirect("/", 303)
    app.logger.error("osaycore: %s", error)
    return page("Please try again in a moment.", 503)

@app.before_request
def one_address():
    """The cookie is of one host: localhost is another than 127.0.0.1."""
    if request.host != urlsplit(APP_URL).netloc and request.method == "GET" and request.path == "/":
        return redirect(APP_URL)

@app.get("/")
def home():
    popup = """target="sign-in" onsubmit="window.open('', 'sign-in', 'width=500,height=650')" """
    user = token()
    if not user:
        return page(f'<form method="post" action="/login" {popup}><button>Sign in</button></form>'
                    f'<form method="post" action="/login?again=1" {popup}><button>As somebody else</button></form>')
    summary = osaycore("GET", "/user/context", token=user)["user_summary"]
    name = html.escape(summary["display_name"] or summary["username"])
    return page(f'Hello {name} <form method="post" action="/logout"><button>Sign out</button></form>'
                f'<form method="post" action="/login?link=1" {popup}><button>Link another account</button></form>')

@app.post("/login")
def login():
    linking = token() if "link" in request.args else None
    if "link" in request.args and not linking:
        return redirect("/", 303)
    session["state"] = secrets.token_urlsafe()
    asked = {"provider": PROVIDER, "redirect_uri": BACK, "response_mode": "code", "state": session["state"]}
    if "again" in request.args or linking:
        asked["prompt"] = "login"  # of Google and GitHub: select_account
    begun = osaycore("POST", "/auth/oauth/initiate", {**asked, "link": bool(linking)}, linking)
    return redirect(begun["auth_url"], 303)

@app.get("/back")
def back():
    state = session.get("state", "").encode()
    if not state or not hmac.compare_digest(request.args.get("osaycore_state", "").encode(), state):
        return page("This sign-in is over. Begin again.", 400)  # not the one that this browser began
    session.pop("state")
    try:
        if "osaycore_code" not in request.args:
            raise Refused(400, request.args.get("osaycore_error"))
        tokens = osaycore("POST", "/auth/oauth/exchange", {"code": request.args["osaycore_code"]}, token())
    except Refused as refused:
        if refused.status >= 429:
            raise
        return page(SORRY.get(refused.code, "That did not work. Try again."), refused.status)
    sign_out()
    session["id"] = secrets.token_urlsafe()
    signed_in[session["id"]] = tokens
    return page('<script>if (opener) { opener.location = "/"; close() } else location = "/"</script>')

@app.post("/logout")
def logout():
    sign_out()
    return redirect("/", 303)

def sign_out():
    try:
        if user := token():
            osaycore("POST", "/auth/revoke", token=user)
    except Refused as refused:
        if refused.status >= 429:
            raise  # else it is over already
    signed_in.pop(session.get("id"), None)
    session.clear()
