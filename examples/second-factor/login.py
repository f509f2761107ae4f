"""A login in two steps, password and code, on Flask: SESSION_KEY=… OASIS_…=… flask --app login run"""
import html, os
from flask import Flask, redirect, request, session
from werkzeug.security import check_password_hash, generate_password_hash
from client import Oasis, OasisError
app = Flask(__name__)
app.config.update(SECRET_KEY=os.environ["SESSION_KEY"], SESSION_COOKIE_SAMESITE="Lax")
oasis = Oasis(*(os.environ["OASIS_" + name] for name in ("BASE_URL", "APP_ID", "APPLICATION_KEY", "API_KEY")))
passwords, nobody = {"alice": generate_password_hash("wonderland")}, generate_password_hash(os.urandom(16).hex())  # yours
LOGIN = '<form method="post" action="/login"><input name="username"><input name="password" type="password"><button>Sign in</button></form>'
CODE = '<form method="post"><input name="code" autocomplete="one-time-code" autofocus><button>Go on</button></form>'
SORRY = {"INVALID": "That code is not right. Wait for the next one and enter that.",
         "LOCKED": "Too many wrong codes. Try again later.", "DISABLED": "This account is disabled."}
def page(content, problem=""):
    return f'<!doctype html><title>Sign in</title><p role="alert">{html.escape(problem)}</p>{content}'

@app.errorhandler(OSError)  # no answer, or none to be trusted: nobody comes in
@app.errorhandler(OasisError)
def closed(error):
    if getattr(error, "code", None) == "replayed_request" and request.method == "POST":  # pressed twice: ask again
        return redirect(request.path, 303)
    app.logger.error("second factor: %s", error)
    return page(LOGIN, "Please try again in a moment."), 503

@app.get("/")
def home():
    return page(f"Hello {html.escape(session['user'])}") if "user" in session else redirect("/login")

@app.route("/login", methods=["GET", "POST"])
def login():
    username = request.form.get("username", "")
    if not check_password_hash(passwords.get(username, nobody), request.form.get("password", "")):
        return page(LOGIN, "" if request.method == "GET" else "Wrong name or password.")
    session.clear()
    state = oasis.request_state(username, ip=request.remote_addr)["State"]
    if state == "NOTREGISTERED":  # enrols whoever has the password first
        oasis.register(username)
    # If you enrol by mail, PENDINGENROLLMENT leads to "look at your mail", never to /enroll, and NOTREGISTERED is refused.
    steps = {"SKIPAUTHENTICATION": "/", "AUTHENTICATE": "/code", "NOTREGISTERED": "/enroll", "PENDINGENROLLMENT": "/enroll"}
    if state not in steps:
        return page(LOGIN, SORRY.get(state, "You cannot sign in at the moment."))
    session["user" if state == "SKIPAUTHENTICATION" else "half"] = username  # half: nothing is open yet
    return redirect(steps[state])

@app.route("/<any(code, enroll):step>", methods=["GET", "POST"])
def second_step(step):
    if "half" not in session:
        return redirect("/" if "user" in session else "/login")
    username, purpose, image, state = session["half"], int(step == "enroll"), None, None
    if request.method == "POST":
        answer = oasis.verify_code(username, request.form["code"].replace(" ", ""), purpose, request.remote_addr)
        state, image = answer["State"], answer["Data"]
        if state == "VALID":
            session.clear()
            session["user"] = username
            return redirect("/")
    elif purpose:
        image = oasis.request_state(username, purpose)["UserQRCode"]
    scan = f'<p>Scan this with your authenticator app.</p><img alt="" src="data:image/png;base64,{image}">' if image else ""
    return page(scan + CODE, state and SORRY.get(state, "You cannot sign in at the moment.") or "")
