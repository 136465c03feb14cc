"""What schemathesis cannot know from the OpenAPI document: what exists, and who may ask.

A request that is right by the document gets ids of things that exist, made for it by the operator who sends all of them, who
also owns an organization. What a request may use up or spoil is made for it alone. Requests that are wrong on purpose, and those
that try other credentials, go as they were generated.

From the environment: PULSE_URL, the server; PULSE_LOG, its log, which has the mails; PULSE_OPERATOR_TOKEN, the operator's access
token; PULSE_OPERATOR_EMAIL; PULSE_PASSWORD, everybody's.
"""

import base64
import hashlib
import hmac
import itertools
import os
import re
import struct
import time

import requests
import schemathesis

SERVER = os.environ["PULSE_URL"]
LOG = os.environ["PULSE_LOG"]
OPERATOR = os.environ["PULSE_OPERATOR_TOKEN"]
EMAIL = os.environ["PULSE_OPERATOR_EMAIL"]
PASSWORD = os.environ["PULSE_PASSWORD"]

# Seconds until a mail is in the log at the latest.
PATIENCE = 10

session = requests.Session()
numbers = itertools.count()


def ask(method, path, body=None, token=OPERATOR):
    """A request of the preparations, which succeeds."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = session.request(method, SERVER + path, json=body, headers=headers, timeout=30)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def name():
    """A name that nothing has."""
    return f"Prepared {next(numbers)}"


def mailed(email, cause):
    """The token that is mailed to an address because of what `cause` does."""
    with open(LOG, encoding="utf-8") as log:
        log.seek(0, os.SEEK_END)
        cause()
        text, deadline = "", time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            text += log.read()
            mail = text.partition(f"mail to {email},")[2]
            token = re.search(r"#token=(\w+)\s", mail)
            if token:
                return token[1]
            time.sleep(0.01)
    raise AssertionError(f"no mail to {email}")


# --- people -----------------------------------------------------------------------------------------------------------


class Person:
    """Somebody with a verified address."""

    def __init__(self):
        self.email = f"person-{next(numbers)}@example.org"
        self.password = PASSWORD
        ask("POST", "/v1/auth/email/verify", {"token": self.registered()}, None)
        self.id = self.login()["user_id"]

    def registered(self):
        body = {"email": self.email, "password": self.password, "name": "Prepared"}
        return mailed(self.email, lambda: ask("POST", "/v1/auth/register", body, None))

    def login(self):
        return ask("POST", "/v1/auth/login", {"email": self.email, "password": self.password}, None)

    def token(self):
        return self.login()["access_token"]


people = {}


def person(part):
    """Who plays a part; the same person each time."""
    if part not in people:
        people[part] = Person()
    return people[part]


def guest():
    """Somebody who can be invited: an address gets five invitations a day."""
    return person(f"guest {next(guests) // 5}")


guests = itertools.count()


def invited(organization, somebody):
    """The token of an invitation into an organization."""
    body = {"email": somebody.email, "role": "viewer"}
    return mailed(somebody.email, lambda: ask("POST", f"/v1/organizations/{organization}/invitations", body))


# --- things -----------------------------------------------------------------------------------------------------------


# Organizations that a request may spoil. A person owns few, so they go after it.
spare = []


def organization():
    made = ask("POST", "/v1/organizations", {"name": name()})["id"]
    spare.append(made)
    return made


def clear():
    while spare:
        session.delete(f"{SERVER}/v1/organizations/{spare.pop()}", headers={"Authorization": f"Bearer {OPERATOR}"})


def project(of):
    return ask("POST", "/v1/projects", {"organization_id": of, "name": name()})["id"]


def stream(of):
    return ask("POST", "/v1/streams", {"project_id": of, "name": name()})["id"]


def plan():
    return ask("POST", "/v1/admin/plans", {"name": name()})["id"]


def member(of):
    somebody = guest()
    joined = ask("POST", "/v1/invitations/accept", {"token": invited(of, somebody)}, somebody.token())
    return joined["membership"]["id"]


def invitation(of):
    body = {"email": f"invited-{next(numbers)}@example.org", "role": "viewer"}
    return ask("POST", f"/v1/organizations/{of}/invitations", body)["id"]


class Shared:
    """What requests share that spoil nothing."""

    def __init__(self):
        self.organization = organization()
        spare.clear()
        roomy = {"name": name(), "limits": {"projects": 10**6, "streams": 10**6}}
        roomy = ask("POST", "/v1/admin/plans", roomy)["id"]
        ask("PATCH", f"/v1/admin/organizations/{self.organization}", {"plan_id": roomy})
        self.project = project(self.organization)
        ask("POST", f"/v1/projects/{self.project}/signing-keys", {"name": name()})
        self.stream = stream(self.project)
        self.user = person("target").id
        self.plan = plan()


shared = None


def things():
    """What requests share, made by the first that needs it."""
    global shared
    shared = shared or Shared()
    return shared


def path_ids(path, method):
    """Ids for the parameters of a path; those of a request that changes something are for it alone."""
    have = things()
    fresh = method.upper() != "GET"
    ids = {}
    if "{organization_id}" in path:
        ids["organization_id"] = organization() if fresh else have.organization
    if "{project_id}" in path:
        ids["project_id"] = project(have.organization) if fresh else have.project
    if "{stream_id}" in path:
        ids["stream_id"] = stream(have.project) if fresh else have.stream
    if "{member_id}" in path:
        ids["member_id"] = member(ids["organization_id"])
    if "{invitation_id}" in path:
        ids["invitation_id"] = invitation(ids["organization_id"])
    if "{plan_id}" in path:
        ids["plan_id"] = plan() if fresh else have.plan
    if "{user_id}" in path:
        ids["user_id"] = have.user
    if "{key_id}" in path:
        keys = re.match(r"/v1/(projects|streams)/\{(\w+)\}/([a-z-]+)/", path)
        body = {"name": name(), "scopes": ["streams.read"]} if keys[3] == "keys" and keys[1] == "projects" else {"name": name()}
        ids["key_id"] = ask("POST", f"/v1/{keys[1]}/{ids[keys[2]]}/{keys[3]}", body)["id"]
    if "{preset_id}" in path:
        body = {"name": name(), "stream": {}}
        ids["preset_id"] = ask("POST", f"/v1/projects/{ids['project_id']}/presets", body)["id"]
    if "{app_id}" in path:
        body = {"name": f"app-{next(numbers)}", "project_id": have.project}
        ids["app_id"] = ask("POST", "/v1/admin/apps", body)["id"]
    if "/hooks" in path:
        ask("PUT", f"/v1/projects/{ids['project_id']}/hooks", {"url": "https://backend.example.org/hook"})
    if path.endswith("/restore"):
        (key, value), = ids.items()
        ask("DELETE", f"/v1/{key.removesuffix('_id')}s/{value}")
    return ids


# --- requests that need more ------------------------------------------------------------------------------------------


def code_of(secret):
    """The present code of an authenticator (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def log_in(body, case):
    body.update(email=EMAIL, password=PASSWORD)
    body.pop("code", None)


def log_out(body, case):
    login = person("leaver").login()
    case.headers["Authorization"] = f"Bearer {login['access_token']}"
    if "refresh_token" in body:
        body["refresh_token"] = login["refresh_token"]


def refresh(body, case):
    body["refresh_token"] = person("leaver").login()["refresh_token"]


def verify_email(body, case):
    newcomer = Person.__new__(Person)
    newcomer.email, newcomer.password = f"newcomer-{next(numbers)}@example.org", PASSWORD
    body["token"] = newcomer.registered()


def reset_password(body, case):
    email = person("forgetful").email
    body["token"] = mailed(email, lambda: ask("POST", "/v1/auth/password/forgot", {"email": email}, None))


def change_password(body, case):
    changer = Person()
    case.headers["Authorization"] = f"Bearer {changer.token()}"
    body["password"] = PASSWORD


def setup_totp(body, case):
    case.headers["Authorization"] = f"Bearer {Person().token()}"
    body["password"] = PASSWORD


def confirm_totp(body, case):
    token = Person().token()
    case.headers["Authorization"] = f"Bearer {token}"
    body["code"] = code_of(ask("POST", "/v1/auth/totp/setup", {"password": PASSWORD}, token)["secret"])


def disable_totp(body, case):
    token = Person().token()
    code = code_of(ask("POST", "/v1/auth/totp/setup", {"password": PASSWORD}, token)["secret"])
    codes = ask("POST", "/v1/auth/totp/confirm", {"code": code}, token)["recovery_codes"]
    case.headers["Authorization"] = f"Bearer {token}"
    body.update(password=PASSWORD, code=codes[0])


def accept_invitation(body, case):
    invitee = guest()
    body["token"] = invited(organization(), invitee)
    case.headers["Authorization"] = f"Bearer {invitee.token()}"


def set_server(body, case):
    if "default_plan_id" in body:
        body["default_plan_id"] = things().plan


# Of operations that take dear preparations, how many requests get them.
DEAR = 3
PREPARED = {
    "login": log_in,
    "logout": log_out,
    "refresh": refresh,
    "verify_email": verify_email,
    "reset_password": reset_password,
    "change_password": change_password,
    "setup_totp": setup_totp,
    "confirm_totp": confirm_totp,
    "disable_totp": disable_totp,
    "accept_invitation": accept_invitation,
    "admin_update_settings": set_server,
}
CHEAP = {"admin_update_settings"}
times = {}

# What changes the account or the login of who asks. The operator stays out of it, whatever else is wrong with the request.
OF_THE_CALLER = {"logout", "update_me", "change_password", "setup_totp", "confirm_totp", "disable_totp"}


def bystander():
    """The token of somebody who need not stay logged in."""
    if "bystander" not in tokens:
        tokens["bystander"] = person("bystander").token()
    return tokens["bystander"]


tokens = {}


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def prepare(case):
    """Gives a request that is right by the document what exists."""
    ids = path_ids(case.operation.path, case.method)
    case.path_parameters.update(ids)
    have = things()
    for known, value in {"organization_id": have.organization, "project_id": have.project}.items():
        if known in (case.query or {}):
            case.query[known] = value
    operation = operation_id(case)
    if operation in ("read_usage", "list_audit_logs", "read_audit_statistics", "export_audit_logs"):
        case.query.pop("project_id", None)
        case.query["organization_id"] = have.organization
    body = case.body if isinstance(case.body, dict) else {}
    known = {"organization_id": have.organization, "project_id": have.project, "plan_id": have.plan}
    body.update({key: value for key, value in known.items() if key in body})
    special = PREPARED.get(operation)
    if special:
        times[operation] = times.get(operation, 0) + 1
        if operation in CHEAP or times[operation] <= DEAR:
            special(body, case)


@schemathesis.auth(refresh_interval=None)
class Operator:
    """All requests are the operator's."""

    def get(self, case, context):
        return OPERATOR

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    ours = (case.headers or {}).get("Authorization") == f"Bearer {OPERATOR}"
    right = case.meta is None or case.meta.generation.mode.is_positive
    if ours and operation_id(case) in OF_THE_CALLER:
        case.headers["Authorization"] = f"Bearer {bystander()}"
    if ours and right:
        prepare(case)


@schemathesis.hook
def after_call(context, case, response):
    operation = operation_id(case)
    if operation == "create_organization" and response.status_code == 201:
        spare.append(response.json()["id"])
    clear()
    if operation in ("logout", "change_password"):
        # The login may have ended. Passwords that were seen are tried again, so that this one may have been changed.
        tokens.clear()
        people.pop("bystander", None)
    if operation == "admin_update_settings" and response.status_code == 200:
        ask("PATCH", "/v1/admin/settings", {"registrations": True, "maintenance": False})
    if operation == "admin_update_user" and response.status_code == 200:
        ask("PATCH", f"/v1/admin/users/{response.json()['id']}", {"suspended": False, "is_admin": False})
