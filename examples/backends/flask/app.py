"""A backend for a phone app or a web page, on Flask: SESSION_KEY=… OSAYCORE_…=… flask --app app run"""
import os, re
from urllib.parse import quote
from flask import Flask, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException
from werkzeug.security import check_password_hash, generate_password_hash
from osaycore import OsayCore, Refused

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
osaycore = OsayCore(*(os.environ["OSAYCORE_" + name] for name in ("BASE_URL", "API_KEY", "SECRET_KEY")))
logins = URLSafeTimedSerializer(os.environ["SESSION_KEY"], salt="login")
LOGIN_S = 24 * 60 * 60
FEATURE, CREDITS_A_PAGE, PACKS = "new_dashboard", 2, (50, 200, 1000)  # what is sold is yours
# Yours: a table of users, each with the id that OsayCore knows them by; a limit on tries of the password.
USERS = {"alice": ("user-1", generate_password_hash("wonderland")), "bob": ("user-2", generate_password_hash("builder"))}
NOBODY = None, generate_password_hash(os.urandom(16).hex())  # a wrong name takes as long as a wrong password


class Problem(Exception):
    def __init__(self, status, code, error, **more):
        self.status, self.body = status, {"code": code, "error": error, **more}


@app.errorhandler(Problem)
def problem(problem):
    return problem.body, problem.status


@app.errorhandler(HTTPException)  # Flask's own: 404, 405, 413
def not_here(error):
    return {"code": error.name.lower().replace(" ", "_"), "error": error.name}, error.code


@app.errorhandler(Refused)
def refused(refused):
    if refused.status == 402:
        lacking = refused.answer["shortfall"]
        return {"code": "insufficient_credits", "error": "You have too few credits for this.", "shortfall": lacking,
                "buy": next((pack for pack in PACKS if pack >= lacking), PACKS[-1])}, 402
    if refused.code == "reference_conflict":
        return {"code": refused.code, "error": "This reference is another report's. Draw a new one."}, 409
    if refused.code in ("user_inactive", "user_not_found", "not_permitted", "scope_missing"):
        return {"code": refused.code, "error": "This account may not do that. Write to us."}, 403
    app.logger.error("osaycore: %s", refused)
    if refused.status in (429, 503, 507) or refused.code == "replayed_request":
        return {"code": "unavailable", "error": "Try again in a moment."}, 503, {"Retry-After": refused.retry_after}
    return {"code": "internal", "error": "Something is wrong here."}, 500  # keys, clock, or a fault: see the log


@app.post("/login")
def login():
    user_id, password_hash = USERS.get(member("username", str), NOBODY)
    if not check_password_hash(password_hash, member("password", str)) or not user_id:
        raise Problem(401, "wrong_login", "Wrong name or password.")
    return {"token": logins.dumps(user_id), "expires_in": LOGIN_S}


@app.get("/me")
def me():
    context = osaycore.as_user(user(), "GET", "/user/context")
    summary = context["user_summary"]
    return {"name": summary["display_name"] or summary["username"],
            "balance": context["credit_balance"]["balance"], "features": context["enabled_features"]}


@app.post("/reports")
def report():
    user_id, reference, pages = user(), member("reference", str), member("pages", int)
    if not re.fullmatch("[A-Za-z0-9-]{8,64}", reference):
        raise Problem(400, "invalid_field", "8 to 64 letters, digits or hyphens", field="reference")
    if not 1 <= pages <= 100:
        raise Problem(400, "invalid_field", "1 to 100", field="pages")
    name = f"report:{user_id}:{reference}"  # unique in the app for ever: what it is, whose, and which of theirs
    features = osaycore.as_user(user_id, "GET", "/user/context")["enabled_features"]
    if not features.get(FEATURE) and not paid(user_id, name):
        raise Problem(403, "not_switched_on", "Reports are not switched on for you.")
    charged = osaycore.as_user(user_id, "POST", "/action/deduct-credits", {
        "amount": pages * CREDITS_A_PAGE, "description": f"Report of {pages} pages", "client_reference_id": name})
    # Yours: the report. If it fails here, the phone's retry makes it, and is not charged again.
    return {"reference": reference, "report": f"{pages} pages", "balance": charged["new_balance"]}


def paid(user_id, name):
    """What was charged is served to a retry, whatever became of the flag since."""
    return bool(osaycore.as_user(user_id, "GET", "/credits/transactions?reference=" + quote(name))["transactions"])


def user():
    """Who asks, by the token of /login."""
    try:
        return logins.loads(request.headers.get("Authorization", "").removeprefix("Bearer "), max_age=LOGIN_S)
    except BadSignature:
        raise Problem(401, "sign_in", "Sign in.") from None


def member(name, kind):
    members = request.get_json(silent=True)
    value = members.get(name) if isinstance(members, dict) else None
    if type(value) is not kind:
        raise Problem(400, "invalid_field", f"{name} is missing, or of another type", field=name)
    return value
