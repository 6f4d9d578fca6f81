"""Drives the fake Drive with Google's own client, and holds every answer against Google's discovery document.

Usage: drive_client.py URL CLIENT_ID CLIENT_SECRET. Ends with "all is well", or with what is not.
"""

import hashlib
import io
import json
import os
import re
import sys
import urllib.request

import googleapiclient
import httplib2
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload, MediaIoBaseUpload

URL, CLIENT_ID, CLIENT_SECRET = sys.argv[1:4]
UNIT = 256 * 1024
FOLDER = "application/vnd.google-apps.folder"
FILE_FIELDS = (
    "id,name,mimeType,parents,trashed,explicitlyTrashed,size,md5Checksum,sha1Checksum,sha256Checksum,headRevisionId,"
    "version,modifiedTime,createdTime,ownedByMe,driveId,shortcutDetails(targetId,targetMimeType),"
    "capabilities(canEdit,canTrash),appProperties,webViewLink,lastModifyingUser(me,permissionId)"
)

path = os.path.join(os.path.dirname(googleapiclient.__file__), "discovery_cache/documents/drive.v3.json")
with open(path) as file:
    DOCUMENT = json.load(file)
DOCUMENT["rootUrl"] = URL + "/"
DOCUMENT["baseUrl"] = URL + "/drive/v3/"
DOCUMENT.pop("mtlsRootUrl", None)


class Shapes:
    """The answers that the discovery document promises."""

    def __init__(self):
        self.schemas = DOCUMENT["schemas"]
        self.methods = []
        self.checked = set()
        self.collect(DOCUMENT)

    def collect(self, resource):
        for method in resource.get("methods", {}).values():
            schema = method.get("response", {}).get("$ref")
            paths = ["/drive/v3/" + method["path"]]
            for protocol in method.get("mediaUpload", {}).get("protocols", {}).values():
                paths.append(protocol["path"])
            for path in paths:
                pattern = re.sub(r"\{\w+\}", "[^/]+", path.replace("/resumable/", "/"))
                rank = path.count("{")
                self.methods.append((rank, method["httpMethod"], re.compile(pattern), method["id"], schema))
        self.methods.sort(key=lambda method: method[0])
        for inner in resource.get("resources", {}).values():
            self.collect(inner)

    def answer(self, verb, path, body):
        # The pieces of an upload are answered as the request that began it.
        verbs = ["POST", "PATCH"] if verb == "PUT" else [verb]
        for _, http_method, pattern, name, schema in self.methods:
            if http_method in verbs and pattern.fullmatch(path):
                self.checked.add(name)
                if schema:
                    self.value({"$ref": schema}, body, name)
                return
        raise AssertionError(f"{verb} {path} is not in the document")

    def value(self, shape, value, place):
        if "$ref" in shape:
            shape = {"type": "object", **self.schemas[shape["$ref"]]}
        kind = shape.get("type")
        if kind == "object":
            assert isinstance(value, dict), f"{place}: {value!r} is no object"
            known, others = shape.get("properties", {}), shape.get("additionalProperties")
            for key, inner in value.items():
                if key in known:
                    self.value(known[key], inner, f"{place}.{key}")
                else:
                    assert others is not None, f"{place}: Google has no `{key}`"
                    self.value(others, inner, f"{place}.{key}")
        elif kind == "array":
            assert isinstance(value, list), f"{place}: {value!r} is no list"
            for inner in value:
                self.value(shape["items"], inner, f"{place}[]")
        elif kind == "boolean":
            assert isinstance(value, bool), f"{place}: {value!r} is no boolean"
        elif kind == "integer":
            assert type(value) is int, f"{place}: {value!r} is no integer"
        elif kind == "string":
            assert isinstance(value, str), f"{place}: {value!r} is no text"
            formats = {"int64": r"-?\d+", "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"}
            pattern = formats.get(shape.get("format"), ".*")
            assert re.fullmatch(pattern, value, re.S), f"{place}: {value!r} is no {shape.get('format')}"
        if "enum" in shape:
            assert value in shape["enum"], f"{place}: {value!r} is not one of the enum"

    def error(self, status, body):
        error = body["error"]
        assert error["code"] == status and isinstance(error["message"], str), body
        for one in error["errors"]:
            assert {"domain", "reason", "message"} <= one.keys(), body


SHAPES = Shapes()


class CheckedHttp(httplib2.Http):
    """Looks at every answer before the client does."""

    def __init__(self):
        super().__init__()
        # As Google's own `build_http` does: 308 says how far an upload came.
        self.redirect_codes = self.redirect_codes - {308}

    def request(self, uri, method="GET", body=None, headers=None, **rest):
        response, content = super().request(uri, method, body, headers, **rest)
        place = uri[len(URL):].split("?")[0]
        is_json = response.get("content-type", "").startswith("application/json")
        if place.startswith(("/drive/", "/upload/")) and is_json and content:
            value = json.loads(content)
            # A download of JSON is no answer about a file; the tests download none.
            if response.status >= 400:
                SHAPES.error(response.status, value)
            else:
                SHAPES.answer(method, place, value)
        return response, content


def fake(path, body=None, method=None):
    """Speaks to the fake past the API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + "/_fake/" + path, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as response:
        text = response.read()
    return json.loads(text) if text else None


def edit(**wish):
    return fake("edit", {"email": "ada@gmail.com", "edit": wish})["id"]


def fails(status, reason, request):
    try:
        request.execute() if hasattr(request, "execute") else request()
    except HttpError as error:
        found = json.loads(error.content)["error"]["errors"][0]["reason"]
        assert (error.resp.status, found) == (status, reason), (error.resp.status, found)
        return
    raise AssertionError(f"{reason} was expected")


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


ACCOUNT = fake("account", {"email": "ada@gmail.com"})


def service(token, refresh_token=None):
    credentials = Credentials(
        token,
        refresh_token=refresh_token,
        token_uri=URL + "/token",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )
    return build_from_document(DOCUMENT, http=AuthorizedHttp(credentials, http=CheckedHttp())), credentials


DRIVE, _ = service(ACCOUNT["access_token"])
FILES = DRIVE.files()
# Every request says that it knows of shared drives.
ALL = {"supportsAllDrives": True}


def media(content, chunk=None):
    stream = io.BytesIO(content)
    if chunk:
        return MediaIoBaseUpload(stream, "application/x-test", chunksize=chunk, resumable=True)
    return MediaIoBaseUpload(stream, "application/x-test")


def create(name, content, **more):
    body = {"name": name, "parents": [more.pop("parent", "root")], **more}
    return FILES.create(body=body, media_body=media(content), fields=FILE_FIELDS, **ALL).execute()


def folder(name, parent="root"):
    body = {"name": name, "mimeType": FOLDER, "parents": [parent]}
    return FILES.create(body=body, fields="id", **ALL).execute()["id"]


def read(request):
    stream = io.BytesIO()
    download = MediaIoBaseDownload(stream, request, chunksize=UNIT)
    done = False
    while not done:
        _, done = download.next_chunk()
    return stream.getvalue()


def try_fields():
    """The fake's list of fields is that of the document."""
    with open(os.path.join(os.path.dirname(__file__), "../../src/drive/fields.txt")) as file:
        kinds = dict(line.rstrip("\n").split(" = ") for line in file)
    for kind, fields in kinds.items():
        name, *inner = kind.split(".")
        shape = DOCUMENT["schemas"][name]
        for step in inner:
            shape = shape["properties"][step]
            shape = shape.get("items", shape)
        equal({field.split(":")[0] for field in fields.split(" ")}, set(shape["properties"]))


def try_about():
    about = DRIVE.about().get(fields="*").execute()
    equal(about["user"]["emailAddress"], "ada@gmail.com")
    assert int(about["storageQuota"]["limit"]) > 0
    fails(400, "required", DRIVE.about().get())
    root = FILES.get(fileId="root", fields="*", **ALL).execute()
    equal(root["id"], ACCOUNT["root"])


def try_writing():
    place = folder("writing")
    content = b"some bytes"
    stamp = "2001-02-03T04:05:06.789Z"
    made = create("a'b\\c/d.txt", content, parent=place, modifiedTime=stamp, appProperties={"key": "value"})
    equal(made["md5Checksum"], hashlib.md5(content).hexdigest())
    equal(made["sha256Checksum"], hashlib.sha256(content).hexdigest())
    equal((made["size"], made["modifiedTime"], made["parents"]), ("10", stamp, [place]))
    FILES.get(fileId=made["id"], fields="*", **ALL).execute()
    equal(FILES.get(fileId=made["id"], **ALL).execute().keys(), {"kind", "id", "name", "mimeType"})

    renamed = FILES.update(fileId=made["id"], body={"name": "b"}, fields=FILE_FIELDS, **ALL).execute()
    equal((renamed["name"], renamed["headRevisionId"]), ("b", made["headRevisionId"]))
    assert int(renamed["version"]) > int(made["version"])
    rewritten = FILES.update(fileId=made["id"], media_body=media(b"other"), fields=FILE_FIELDS, **ALL).execute()
    assert rewritten["headRevisionId"] != made["headRevisionId"]
    equal(read(FILES.get_media(fileId=made["id"], **ALL)), b"other")

    other = folder("other")
    moved = FILES.update(fileId=made["id"], addParents=other, removeParents=place, fields="parents", **ALL).execute()
    equal(moved, {"parents": [other]})
    fails(400, "badRequest", FILES.update(fileId=other, addParents=folder("in", other), removeParents="root", **ALL))
    fails(403, "parentNotAFolder", FILES.create(body={"name": "x", "parents": [made["id"]]}, **ALL))
    copied = FILES.copy(fileId=made["id"], body={"name": "copy"}, fields=FILE_FIELDS, **ALL).execute()
    equal(copied["md5Checksum"], rewritten["md5Checksum"])

    trashed = FILES.update(fileId=other, body={"trashed": True}, fields=FILE_FIELDS, **ALL).execute()
    assert trashed["trashed"] and trashed["explicitlyTrashed"]
    inside = FILES.get(fileId=made["id"], fields=FILE_FIELDS, **ALL).execute()
    assert inside["trashed"] and not inside["explicitlyTrashed"]
    FILES.delete(fileId=other, **ALL).execute()
    fails(404, "notFound", FILES.get(fileId=made["id"], **ALL))
    fails(400, "invalidParameter", FILES.get(fileId=place, fields="id,nothing", **ALL))


def try_ids():
    ids = FILES.generateIds(count=3, space="drive").execute()["ids"]
    equal({len(one) for one in ids}, {33})
    create("once", b"1", id=ids[0])
    fails(409, "fileIdInUse", lambda: create("twice", b"1", id=ids[0]))
    # The answer is lost, and httplib2 sends the request again.
    fake("faults", {"method": "POST", "path": "/upload/", "act": "drop_after"})
    fails(409, "fileIdInUse", lambda: create("lost", b"2", id=ids[1]))
    equal(FILES.get(fileId=ids[1], **ALL).execute()["name"], "lost")


def try_lists():
    place = folder("listing")
    names = ["Zoe", "anna", "Anna", "it's", "back\\slash", "a/b", "."]
    for name in names:
        create(name, name.encode(), parent=place)
    folder("sub", place)
    gone = create("gone", b"", parent=place)
    FILES.update(fileId=gone["id"], body={"trashed": True}, **ALL).execute()
    drive_query = f"'{place}' in parents and trashed = false"

    def found(query, **more):
        names, token = [], None
        while True:
            request = FILES.list(
                q=query, pageSize=3, pageToken=token, includeItemsFromAllDrives=True,
                fields=f"nextPageToken,incompleteSearch,files({FILE_FIELDS})", **more, **ALL,
            )
            page = request.execute()
            assert len(page["files"]) <= 3 and page["incompleteSearch"] is False
            names += [file["name"] for file in page["files"]]
            token = page.get("nextPageToken")
            if not token:
                return names

    equal(sorted(found(drive_query)), sorted(names + ["sub"]))
    equal(found(drive_query + " and name = 'ANNA'", orderBy="createdTime"), ["anna", "Anna"])
    equal(found(drive_query + " and name = 'it\\'s'"), ["it's"])
    equal(found(drive_query + " and name = 'back\\\\slash'"), ["back\\slash"])
    equal(found(drive_query + f" and mimeType = '{FOLDER}'"), ["sub"])
    equal(found(f"'{place}' in parents and trashed = true"), ["gone"])
    equal(found(drive_query, orderBy="folder,name desc")[0], "sub")
    equal(len(found(f"('{place}' in parents or 'root' in parents) and not name = 'Zoe'")) > 7, True)
    fails(400, "invalid", FILES.list(q="name = 'it's'", **ALL))
    fails(400, "invalid", FILES.list(pageToken="stale", **ALL))
    fake("switches", {"or_parents_finds_nothing": True, "incomplete_search": True})
    blind = FILES.list(q=f"'{place}' in parents or 'root' in parents", **ALL).execute()
    equal((blind["files"], blind["incompleteSearch"]), ([], True))
    fake("switches", {"or_parents_finds_nothing": False, "incomplete_search": False, "list_lag_ms": 60000})
    create("late", b"", parent=place)
    assert "late" not in found(drive_query)
    fake("clock", {"advance_ms": 60000})
    assert "late" in found(drive_query)
    fake("switches", {"list_lag_ms": 0})


def try_pieces():
    content = os.urandom(5 * UNIT + 123)
    # Google keeps less of a piece than it was sent, then nothing.
    fake("switches", {"keep_of_pieces": [2 * UNIT, UNIT, 0]})
    request = FILES.create(
        body={"name": "pieces"}, media_body=media(content, 2 * UNIT), fields=FILE_FIELDS, **ALL
    )
    progress = []
    response = None
    while response is None:
        status, response = request.next_chunk()
        progress.append(status and status.resumable_progress)
    equal(response["md5Checksum"], hashlib.md5(content).hexdigest())
    equal(progress, [2 * UNIT, 3 * UNIT, 3 * UNIT, 5 * UNIT, None])

    # A failure between two pieces: the client asks how far it came.
    fake("faults", {"method": "PUT", "path": "upload_id", "nth": 2, "act": {"answer": {"status": 503}}})
    request = FILES.update(
        fileId=response["id"], media_body=media(content[::-1], 2 * UNIT), fields=FILE_FIELDS, **ALL
    )
    response, failures = None, 0
    while response is None:
        try:
            _, response = request.next_chunk()
        except HttpError as error:
            equal(error.resp.status, 503)
            failures += 1
    equal((failures, response["md5Checksum"]), (1, hashlib.md5(content[::-1]).hexdigest()))

    # The last answer is another: the question for the place is answered with the file.
    fake("faults", {"method": "PUT", "path": "upload_id", "nth": 2, "act": {"answer_after": {"status": 503}}})
    request = FILES.create(body={"name": "tail"}, media_body=media(content[:UNIT + 1], UNIT), fields="id", **ALL)
    request.next_chunk()
    try:
        request.next_chunk()
    except HttpError as error:
        equal(error.resp.status, 503)
    _, made = request.next_chunk()
    equal(read(FILES.get_media(fileId=made["id"], **ALL)), content[:UNIT + 1])

    empty = FILES.create(body={"name": "empty"}, media_body=media(b"", UNIT), fields="size", **ALL).execute()
    equal(empty, {"size": "0"})
    request = FILES.create(body={"name": "over"}, media_body=media(content, UNIT), fields="id", **ALL)
    request.next_chunk()
    fake("forget_sessions", {})
    fails(404, "notFound", request.next_chunk)


def try_downloads():
    content = os.urandom(2 * UNIT + 7)
    made = create("down", content)
    equal(read(FILES.get_media(fileId=made["id"], **ALL)), content)
    fake("switches", {"gzip": True})
    zeros = create("zeros", bytes(1000))
    equal(FILES.get_media(fileId=zeros["id"], **ALL).execute(), bytes(1000))
    fake("switches", {"gzip": False})
    edit(abusive={"id": made["id"]})
    fails(403, "cannotDownloadAbusiveFile", FILES.get_media(fileId=made["id"], **ALL))
    accepted = FILES.get_media(fileId=made["id"], acknowledgeAbuse=True, **ALL)
    equal(read(accepted), content)
    doc = edit(doc={"parent": "root", "name": "doc", "kind": "document", "text": "hello"})
    shown = FILES.get(fileId=doc, fields="*", **ALL).execute()
    assert "md5Checksum" not in shown and "headRevisionId" not in shown
    equal(FILES.export(fileId=doc, mimeType="text/plain").execute(), b"hello")
    fails(403, "fileNotDownloadable", FILES.get_media(fileId=doc, **ALL))
    edit(export_bytes={"id": doc, "bytes": (10 << 20) + 1})
    fails(403, "exportSizeLimitExceeded", FILES.export(fileId=doc, mimeType="application/pdf"))


def try_changes():
    changes = DRIVE.changes()
    token = changes.getStartPageToken(**ALL).execute()["startPageToken"]

    def since(token, size=2):
        entries = []
        while True:
            page = changes.list(
                pageToken=token, pageSize=size, includeRemoved=True, includeItemsFromAllDrives=True,
                fields=f"nextPageToken,newStartPageToken,changes(changeType,removed,fileId,time,file({FILE_FIELDS}))",
                **ALL,
            ).execute()
            assert ("nextPageToken" in page) != ("newStartPageToken" in page)
            entries += page["changes"]
            if "newStartPageToken" in page:
                return entries, page["newStartPageToken"]
            token = page["nextPageToken"]

    place = folder("changing")
    one, two, three = (create(name, b"1", parent=place)["id"] for name in ("one", "two", "three"))
    FILES.update(fileId=one, body={"name": "uno"}, **ALL).execute()
    edit(write={"id": two, "text": "2"})
    FILES.update(fileId=place, body={"name": "changed"}, **ALL).execute()
    edit(delete={"id": three})
    entries, token = since(token)
    # Each file once, at its latest: the children before their folder.
    equal([entry["fileId"] for entry in entries], [one, two, place, three])
    equal([entry["removed"] for entry in entries], [False, False, False, True])
    equal(entries[0]["file"]["name"], "uno")
    assert "file" not in entries[3]
    equal(since(token)[0], [])
    FILES.update(fileId=one, body={"trashed": True}, **ALL).execute()
    entries, token = since(token)
    equal([(entry["removed"], entry["file"]["trashed"]) for entry in entries], [(False, True)])
    fails(400, "invalid", changes.list(pageToken="1", **ALL))
    fake("switches", {"changes_lag_ms": 60000})
    create("slow", b"")
    entries, token = since(token)
    equal(entries, [])
    fake("clock", {"advance_ms": 60000})
    entries, token = since(token)
    equal(len(entries), 1)
    fake("switches", {"changes_lag_ms": 0})
    changes.list(pageToken=token, fields="*", **ALL).execute()


def try_revisions():
    made = create("revised", b"first")
    FILES.update(fileId=made["id"], media_body=media(b"second"), **ALL).execute()
    revisions = DRIVE.revisions()
    listed = revisions.list(fileId=made["id"], fields="*").execute()["revisions"]
    equal(listed[0]["id"], made["headRevisionId"])
    equal(len(listed), 2)
    old = {"fileId": made["id"], "revisionId": listed[0]["id"]}
    equal(revisions.get_media(**old).execute(), b"first")
    pinned = revisions.update(**old, body={"keepForever": True}, fields="keepForever").execute()
    equal(pinned, {"keepForever": True})
    revisions.get(**old, fields="*").execute()
    revisions.delete(**old).execute()
    fails(404, "notFound", revisions.get(**old))


def try_batches():
    ids = [create(f"batch {number}", b"")["id"] for number in range(3)]
    answers = {}

    def keep(request_id, response, error):
        answers[request_id] = error.resp.status if error else response["name"]

    batch = DRIVE.new_batch_http_request(callback=keep)
    for one in ids + ["nothing"]:
        batch.add(FILES.get(fileId=one, **ALL), request_id=one)
    batch.add(FILES.update(fileId=ids[0], body={"name": "ü"}, **ALL), request_id="rename")
    batch.execute()
    equal(answers, {ids[0]: "batch 0", ids[1]: "batch 1", ids[2]: "batch 2", "nothing": 404, "rename": "ü"})


def try_tokens():
    drive, credentials = service("wrong", ACCOUNT["refresh_token"])
    drive.files().get(fileId="root", **ALL).execute()
    fake("clock", {"advance_ms": 3_600_000})
    drive.files().get(fileId="root", **ALL).execute()
    refreshed = [seen for seen in fake("requests") if seen["path"] == "/token"]
    equal(len(refreshed), 2)
    stolen, _ = service("wrong", "1//0wrong")
    try:
        stolen.files().get(fileId="root", **ALL).execute()
        raise AssertionError("a refresh token that nobody gave was taken")
    except RefreshError as error:
        assert error.args[1]["error"] == "invalid_grant", error


def try_drives():
    drives = DRIVE.drives().list(fields="*").execute()["drives"]
    equal([drive["name"] for drive in drives], ["team"])
    one = drives[0]["id"]
    DRIVE.drives().get(driveId=one, fields="*").execute()
    made = create("shared", b"1", parent=one)
    equal(made["driveId"], one)
    scope = {"corpora": "drive", "driveId": one, "includeItemsFromAllDrives": True}
    equal(len(FILES.list(fields="files(id)", **scope, **ALL).execute()["files"]), 1)
    token = DRIVE.changes().getStartPageToken(driveId=one, **ALL).execute()["startPageToken"]
    FILES.update(fileId=made["id"], body={"name": "renamed"}, **ALL).execute()
    changes = DRIVE.changes().list(pageToken=token, driveId=one, includeItemsFromAllDrives=True, fields="*", **ALL)
    equal([change["fileId"] for change in changes.execute()["changes"]], [made["id"]])


def try_channels():
    token = DRIVE.changes().getStartPageToken(**ALL).execute()["startPageToken"]
    body = {"id": "one", "type": "web_hook", "address": "http://127.0.0.1:9/hook", "token": "secret"}
    channel = DRIVE.changes().watch(pageToken=token, body=body, **ALL).execute()
    fails(400, "channelIdNotUnique", DRIVE.changes().watch(pageToken=token, body=body, **ALL))
    stop = {"id": "one", "resourceId": channel["resourceId"]}
    DRIVE.channels().stop(body=stop).execute()
    fails(404, "notFound", DRIVE.channels().stop(body=stop))
    made = create("watched", b"")
    body = {**body, "id": "two", "address": "http://192.0.2.1/"}
    fails(400, "push.webhookUrlNotHttps", FILES.watch(fileId=made["id"], body=body, **ALL))


for attempt in [
    try_fields, try_about, try_writing, try_ids, try_lists, try_pieces, try_downloads, try_changes, try_revisions, try_batches,
    try_drives, try_channels, try_tokens,
]:
    try:
        attempt()
    except HttpError as error:
        sys.exit(f"{attempt.__name__}: {error}")
    except AssertionError as error:
        place = error.__traceback__
        while place.tb_next and place.tb_next.tb_frame.f_code.co_filename == __file__:
            place = place.tb_next
        sys.exit(f"{attempt.__name__}, line {place.tb_lineno}: {error}")
equal(fake("violations"), [])
print(f"all is well: {len(SHAPES.checked)} methods, {len(fake('requests'))} requests")
