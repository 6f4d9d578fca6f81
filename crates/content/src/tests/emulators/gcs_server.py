"""gcp-storage-emulator, made as strict as Google Cloud Storage where it is not.

It adds what its resumable uploads, conditions, listings and headers lack, and asks who one is: by access
tokens that it gives out for a service account's proof, and by signed addresses.

    gcs_server.py PORT BUCKET EMAIL MODULUS      (the modulus of the account's RSA key, hexadecimal)
"""

import base64
import hashlib
import json
import re
import secrets
import sys
import time
import urllib.parse
from calendar import timegm
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock

from gcp_storage_emulator import server
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.storage import Storage

PORT, BUCKET, EMAIL, MODULUS = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4], 16)
STEP = 256 * 1024
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
TOKENS = {}
SESSIONS = {}
LOCK = RLock()


class Refused(Exception):
    def __init__(self, status, reason, message="", headers=None):
        super().__init__(reason)
        self.status, self.reason, self.message, self.headers = status, reason, message, headers or {}


def is_signed(text, signature):
    """RSASSA-PKCS1-v1_5 with SHA-256 and the exponent 65537."""
    size = (MODULUS.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    found = pow(int.from_bytes(signature, "big"), 65537, MODULUS).to_bytes(size, "big")
    tail = SHA256_PREFIX + hashlib.sha256(text.encode()).digest()
    return found == b"\0\1" + b"\xff" * (size - 3 - len(tail)) + b"\0" + tail


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def give_token(form):
    head, claims, signature = form["assertion"][0].split(".")
    told = json.loads(decoded(claims))
    now = time.time()
    good = (
        form["grant_type"][0] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        and told["iss"] == EMAIL
        and told["aud"].endswith("/token")
        and told["iat"] - 300 <= now < told["exp"] <= told["iat"] + 3600
        and is_signed(f"{head}.{claims}", decoded(signature))
    )
    if not good:
        return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    token = "ya29." + secrets.token_urlsafe(24)
    TOKENS[token] = now + 3600
    return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}


def check_signed_address(method, path, query, host):
    signature = query.get("X-Goog-Signature", [""])[0]
    pairs = [(name, value) for name, values in query.items() for value in values if name != "X-Goog-Signature"]
    told = dict(pairs)
    if told.get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256":
        raise Refused(403, "required", "Anonymous caller")
    quoted = partial(urllib.parse.quote, safe="-_.~")
    asked = "&".join(sorted(f"{quoted(name)}={quoted(value)}" for name, value in pairs))
    request = f"{method}\n{path}\n{asked}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    moment = told["X-Goog-Date"]
    scope = f"{moment[:8]}/auto/storage/goog4_request"
    text = f"GOOG4-RSA-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    if not re.fullmatch("([0-9a-f]{2})+", signature) or not is_signed(text, bytes.fromhex(signature)):
        raise Refused(403, "signatureDoesNotMatch")
    if told["X-Goog-Credential"] != f"{EMAIL}/{scope}":
        raise Refused(403, "invalidCredential")
    begun = timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
    if not begun - 900 <= time.time() < begun + min(int(told["X-Goog-Expires"]), 604800):
        raise Refused(400, "expiredToken")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, storage, *args):
        self.storage = storage
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=None):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.url = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(self.url.query, keep_blank_values=True)
        with LOCK:
            try:
                self.route()
            except Refused as refused:
                error = {"errors": [{"reason": refused.reason}], "code": refused.status, "message": refused.message}
                self.answer(refused.status, {"error": error}, refused.headers)

    do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_HEAD = do_PATCH = handle_any

    def route(self):
        if self.url.path == "/token" and self.command == "POST":
            return self.answer(*give_token(urllib.parse.parse_qs(self.body.decode())))
        session = self.query.get("upload_id", [None])[0]
        if session is not None:
            return self.session(session)
        if not re.match("/(upload/)?storage/", self.url.path):
            check_signed_address(self.command, self.url.path, self.query, self.headers["Host"])
            if self.command != "GET":
                raise Refused(403, "forbidden")
            return self.pass_on()
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not bearer:
            raise Refused(401, "required", "Anonymous caller does not have access")
        if TOKENS.get(bearer, 0) < time.time():
            raise Refused(401, "authError", "Invalid Credentials")
        self.json()

    def json(self):
        bucket = re.match("(?:/upload)?/storage/v1/b/([^/]+)/o", self.url.path)
        if bucket is None or self.storage.get_bucket(bucket[1]) is None:
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        if self.command == "GET" and self.url.path.endswith("/o"):
            return self.list(bucket[1])
        named = re.search("/o/([^/]+)(?:/rewriteTo/b/[^/]+/o/([^/]+))?$", self.url.path)
        target = urllib.parse.unquote(named[2] or named[1]) if named else self.query["name"][0]
        there = self.storage.objects.get(bucket[1], {}).get(target)
        if self.query.get("ifGenerationMatch") == ["0"] and there is not None:
            raise Refused(412, "conditionNotMet")
        wanted = self.query.get("ifSourceGenerationMatch")
        if wanted:
            source = self.storage.objects.get(bucket[1], {}).get(urllib.parse.unquote(named[1]))
            if source is not None and source["generation"] != wanted[0]:
                raise Refused(412, "conditionNotMet")
        if self.query.get("uploadType") == ["resumable"]:
            return self.begin(bucket[1], target)
        if self.command in ("GET", "DELETE") and there is None:
            raise Refused(404, "notFound", "No such object")
        self.pass_on()

    def list(self, bucket):
        prefix, start = (self.query.get(name, [""])[0] for name in ("prefix", "startOffset"))
        after = self.query.get("pageToken", [""])[0]
        limit = min(int(self.query.get("maxResults", ["1000"])[0]), 1000)
        names = sorted(self.storage.objects.get(bucket, {}), key=str.encode)
        names = [name for name in names if name.startswith(prefix) and name >= start and name > after]
        page = {"kind": "storage#objects"}
        if names:
            page["items"] = [self.storage.objects[bucket][name] for name in names[:limit]]
        if len(names) > limit:
            page["nextPageToken"] = names[limit - 1]
        self.answer(200, page)

    def begin(self, bucket, name):
        session = secrets.token_urlsafe(24)
        length = self.headers.get("X-Upload-Content-Length")
        SESSIONS[session] = {
            "bucket": bucket,
            "name": name,
            "bytes": bytearray(),
            "length": None if length is None else int(length),
            "origin": self.headers.get("Origin"),
            "made": None,
            "url": self.path,
        }
        place = f"http://{self.headers['Host']}{self.path}&upload_id={session}"
        self.answer(200, headers={"Location": place})

    def session(self, id):
        session = SESSIONS.get(id)
        if session is None:
            raise Refused(404, "notFound")
        if self.command == "OPTIONS":
            allowed = {"Access-Control-Allow-Origin": session["origin"]} if session["origin"] else {}
            return self.answer(200, headers=allowed)
        if session == "cancelled":
            return self.answer(499)
        if self.command == "DELETE":
            if session["made"] is None:
                SESSIONS[id] = "cancelled"
            return self.answer(499)
        if self.command != "PUT":
            raise Refused(405, "methodNotAllowed")
        if session["made"] is not None:
            return self.answer(200, session["made"])
        self.send_to(session)

    def send_to(self, session):
        told = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers.get("Content-Range", ""))
        if told is None:
            raise Refused(400, "badContentRange")
        first, last, whole = told.groups()
        whole = None if whole == "*" else int(whole)
        held = len(session["bytes"])
        if whole is not None and session["length"] not in (None, whole):
            raise Refused(400, "wrongLength")
        if first is not None:
            first, end = int(first), int(last) + 1
            if end - first != len(self.body) or (whole is not None and end > whole):
                raise Refused(400, "wrongLength")
            if session["length"] is not None and end > session["length"]:
                raise Refused(400, "wrongLength")
            if end != whole and (end - first) % STEP != 0:
                raise Refused(400, "badChunk", "Chunks are multiples of 256 KiB.")
            # What is held already is passed over, and what would leave a gap is not taken.
            if first <= held:
                session["bytes"] += self.body[held - first :]
        held = len(session["bytes"])
        if whole is not None and held == whole:
            return self.make(session)
        self.answer(308, headers={"Range": f"bytes=0-{held - 1}"} if held else {})

    def make(self, session):
        bucket, name, held = session["bucket"], session["name"], bytes(session["bytes"])
        if name in self.storage.objects.get(bucket, {}) and "ifGenerationMatch=0" in session["url"]:
            raise Refused(412, "conditionNotMet")
        about = objects._make_object_resource("", bucket, name, "application/octet-stream", str(len(held)))
        about = objects._checksums(held, about)
        self.storage.create_file(bucket, name, held, about)
        session["made"], session["bytes"] = about, b""
        self.answer(200, about)

    def parts(self):
        """The two parts of an upload, as the emulator wants them; its own way of cutting them is slow."""
        boundary = b"--" + self.headers["Content-Type"].split("boundary=")[1].encode()
        about, content = (part.partition(b"\r\n\r\n")[2][:-2] for part in self.body.split(boundary)[1:3])
        return {"meta": json.loads(about), "content": content, "content-type": "application/octet-stream"}

    def pass_on(self):
        """Lets the emulator answer, and adds the headers that it leaves out."""
        request = server.Request(self, self.command)
        request._data = self.parts() if self.query.get("uploadType") == ["multipart"] else self.body
        response = Collected()
        for pattern, handlers in server.HANDLERS:
            match = re.fullmatch(pattern, request.path)
            if match and self.command in handlers:
                request.set_match(match)
                handlers[self.command](request, response, self.storage)
                break
        else:
            raise Refused(405, "methodNotAllowed")
        if response.status == 404:
            raise Refused(404, "notFound", "No such object")
        if "response-content-type" in self.query:
            response.headers["Content-type"] = self.query["response-content-type"][0]
        self.answer(int(response.status), response.content, response.headers)


class Collected:
    def __init__(self):
        self.status, self.headers, self.content = 200, {}, b""

    def __setitem__(self, name, value):
        self.headers[name] = value

    def write_file(self, content, content_type=None):
        self.headers["Content-type"], self.content = content_type, content

    def json(self, body):
        self.content = json.dumps(body).encode()


class Service(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


# It would write all that it knows to a file after each change.
Storage._write_config_to_file = lambda self: None
storage = Storage(use_memory_fs=True)
buckets.create_bucket(BUCKET, storage)
Service(("127.0.0.1", PORT), partial(Handler, storage)).serve_forever()
