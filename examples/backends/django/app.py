"""A backend for a phone app or a web page, on Django, in one file: SESSION_KEY=… OSAYCORE_…=… python3 app.py runserver"""
import json, logging, os, re, sys
from urllib.parse import quote
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST
from osaycore import OsayCore, Refused

settings.configure(  # yours: settings.py. Bearer tokens need neither cookies nor CsrfViewMiddleware
    SECRET_KEY=os.environ["SESSION_KEY"], ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", f"{__name__}.Problems"], USE_TZ=True,
    LOGGING={"version": 1, "disable_existing_loggers": False, "root": {"handlers": ["stderr"]},
             "handlers": {"stderr": {"class": "logging.StreamHandler", "level": "ERROR"}}})
osaycore = OsayCore(*(os.environ["OSAYCORE_" + name] for name in ("BASE_URL", "API_KEY", "SECRET_KEY")))
LOGIN_S = 24 * 60 * 60
FEATURE, CREDITS_A_PAGE, PACKS = "new_dashboard", 2, (50, 200, 1000)  # what is sold is yours
# Yours: django.contrib.auth and authenticate(), each user with the id that OsayCore knows them by; a limit on tries.
USERS = {"alice": ("user-1", make_password("wonderland")), "bob": ("user-2", make_password("builder"))}
NOBODY = None, make_password(os.urandom(16).hex())  # a wrong name takes as long as a wrong password


class Problem(Exception):
    def __init__(self, status, code, error, **more):
        self.status, self.body = status, {"code": code, "error": error, **more}


class Problems:
    """Answers what the views raise. With Django REST framework: the EXCEPTION_HANDLER."""
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        if isinstance(error, Problem):
            return JsonResponse(error.body, status=error.status)
        return refused(error) if isinstance(error, Refused) else None


def refused(refused):
    if refused.status == 402:
        lacking = refused.answer["shortfall"]
        return JsonResponse({"code": "insufficient_credits", "error": "You have too few credits for this.", "shortfall": lacking,
                             "buy": next((pack for pack in PACKS if pack >= lacking), PACKS[-1])}, status=402)
    if refused.code == "reference_conflict":
        said = {"code": refused.code, "error": "This reference is another report's. Draw a new one."}
        return JsonResponse(said, status=409)
    if refused.code in ("user_inactive", "user_not_found", "not_permitted", "scope_missing"):
        return JsonResponse({"code": refused.code, "error": "This account may not do that. Write to us."}, status=403)
    logging.getLogger("osaycore").error("osaycore: %s", refused)
    if refused.status in (429, 503, 507) or refused.code == "replayed_request":
        said = {"code": "unavailable", "error": "Try again in a moment."}
        return JsonResponse(said, status=503, headers={"Retry-After": refused.retry_after})
    return JsonResponse({"code": "internal", "error": "Something is wrong here."}, status=500)  # keys, clock, or a fault: see the log


@require_POST
def login(request):
    user_id, password_hash = USERS.get(member(request, "username", str), NOBODY)
    if not check_password(member(request, "password", str), password_hash) or not user_id:
        raise Problem(401, "wrong_login", "Wrong name or password.")
    return JsonResponse({"token": signing.dumps(user_id, salt="login"), "expires_in": LOGIN_S})


@require_GET
def me(request):
    context = osaycore.as_user(user(request), "GET", "/user/context")
    summary = context["user_summary"]
    return JsonResponse({"name": summary["display_name"] or summary["username"],
                         "balance": context["credit_balance"]["balance"], "features": context["enabled_features"]})


@require_POST
def reports(request):
    user_id, reference, pages = user(request), member(request, "reference", str), member(request, "pages", int)
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
    return JsonResponse({"reference": reference, "report": f"{pages} pages", "balance": charged["new_balance"]})


def paid(user_id, name):
    """What was charged is served to a retry, whatever became of the flag since."""
    return bool(osaycore.as_user(user_id, "GET", "/credits/transactions?reference=" + quote(name))["transactions"])


def user(request):
    """Who asks, by the token of /login."""
    try:
        return signing.loads(request.headers.get("Authorization", "").removeprefix("Bearer "), salt="login", max_age=LOGIN_S)
    except signing.BadSignature:
        raise Problem(401, "sign_in", "Sign in.") from None


def member(request, name, kind):
    try:
        value = json.loads(request.body).get(name)
    except (ValueError, AttributeError):  # no JSON, or no object
        value = None
    if type(value) is not kind:
        raise Problem(400, "invalid_field", f"{name} is missing, or of another type", field=name)
    return value


urlpatterns = [path("login", login), path("me", me), path("reports", reports)]
handler404 = lambda request, exception: JsonResponse({"code": "not_found", "error": "Not found"}, status=404)
application = get_wsgi_application()  # for gunicorn app:application

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
