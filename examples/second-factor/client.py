"""A client of OsayCore's one-time passcodes. Python 3.9 or newer, nothing to install."""
import base64, hashlib, hmac, json, os, sys, time
from urllib import error, parse, request

LOGIN, REGISTRATION = 0, 1
STATES = ("NOTREGISTERED", "DISABLED", "LOCKED", "NOGROUPMEMBERSHIP", "NOTALLOWEDTOBYPASS", "SKIPAUTHENTICATION",
          "AUTHENTICATE", "INVALID", "VALID", "PENDINGENROLLMENT", "MAXUSERSREACHED")
WRONG_URL = "that is no answer of OsayCore; check OASIS_BASE_URL"


class OasisError(Exception):
    """The server refused, with its `code`; or its answer is not to be trusted, `code` is None."""
    def __init__(self, message, code=None):
        super().__init__(message)
        self.code = code


class Oasis:
    def __init__(self, base_url, app_id, application_key, api_key, directory=None):
        self.base_url, self.app_id, self.directory = base_url, app_id, directory
        self.application_key, self.api_key = application_key, api_key

    def hello(self):
        return self._call("GET", "HelloWorld")

    def request_state(self, username, verification_type=LOGIN, ip=None):
        return self._post("RequestAuthenticationState", ip, Username=username, VerificationType=verification_type)

    def register(self, username, fullname=None, email=None, send_email=False, groups=()):
        return self._post("RegisterUser", Username=username, Fullname=fullname, Email=email,
                          SendEnrollmentEmail=send_email, UserGroups=list(groups))

    def verify_code(self, username, code, verification_type=LOGIN, ip=None):
        return self._post("VerifyUserOTP", ip, Username=username, OTPCode=code, VerificationType=verification_type)

    def delete(self, username):
        name = f"{self.directory}\\{username}" if self.directory else username
        return self._call("DELETE", "DeleteUser?username=" + parse.quote(name, safe=""))

    def _post(self, operation, ip=None, **members):
        body = json.dumps({**members, "DirectoryName": self.directory}).encode()
        answer = self._call("POST", operation, body, ip)
        if "State" in answer:
            answer["State"] = STATES[answer["State"]]
        data2 = answer.get("State", answer.get("UserID"))
        signed = f"{members['Username']}:{data2}:{answer['RandomToken']}:{answer['SignedTime']}"
        if not hmac.compare_digest(_hmac(self.application_key, signed.encode()), answer["SignedResponse"]):
            raise OasisError("the answer's signature is wrong")
        if abs(time.time() - answer["SignedTime"]) > 300:
            raise OasisError("the answer is too old, or one of the clocks is wrong")
        return answer

    def _call(self, method, operation, body=b"", ip=None, tries=3):
        epoch = int(time.time())
        message = f"{self.app_id}:{epoch}:{self.application_key}:".encode() + body + (f":{ip}" if ip else "").encode()
        headers = {"Content-Type": "application/json", "X-OASIS-APPID": str(self.app_id), "X-OASIS-EPOCH": str(epoch),
                   "X-OASIS-REQSECRET": _hmac(self.api_key, message), **({"X-OASIS-IP": ip} if ip else {})}
        try:
            asked = request.Request(self.base_url + "/" + operation, body or None, headers, method=method)
            with request.urlopen(asked, timeout=10) as it:
                return json.load(it)
        except error.HTTPError as refused:
            if method == "DELETE" and refused.code == 409 and tries > 1:
                time.sleep(1)  # another deletion had the same signature; the next second has another
                return self._call(method, operation, body, ip, tries - 1)
            status, said = refused.code, refused.read()
        except ValueError:  # no URL, or no JSON
            status, said = "?", b""
        refusal = json.loads(said) if said.startswith(b'{"Message":') else {"Code": "not_this_api", "Message": WRONG_URL}
        raise OasisError(f"{status} {refusal['Code']}: {refusal['Message']}", refusal["Code"])


def _hmac(key, message):
    return base64.b64encode(hmac.new(key.encode(), message, hashlib.sha256).digest()).decode()


if __name__ == "__main__":  # python3 client.py verify_code USER 123456 1
    names = ["OASIS_" + name for name in ("BASE_URL", "APP_ID", "APPLICATION_KEY", "API_KEY")]
    missing = ", ".join(name for name in names if not os.environ.get(name))
    sys.exit("set " + missing) if missing else print(json.dumps(getattr(Oasis(*map(os.environ.get, names)), sys.argv[1])(*sys.argv[2:])))
