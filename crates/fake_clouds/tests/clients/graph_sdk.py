"""Leads Microsoft's client of Graph through the fake.

    graph_sdk.py API_URL ACCESS_TOKEN

Every step asserts what the service is documented to do.
"""

import asyncio
import os
import sys

import httpx
from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.drives.item.items.item.copy.copy_post_request_body import CopyPostRequestBody
from msgraph.generated.drives.item.items.item.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.models.drive_item import DriveItem
from msgraph.generated.models.drive_item_uploadable_properties import DriveItemUploadableProperties
from msgraph.generated.models.folder import Folder
from msgraph.generated.models.item_reference import ItemReference

FRAGMENT = 320 * 1024


class Token(AccessTokenProvider):
    """A token that is sent to this machine only."""

    def __init__(self, token):
        self.token = token

    async def get_authorization_token(self, uri, additional_authentication_context=None):
        return self.token

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator(["127.0.0.1"])


class Walk:
    def __init__(self, url, token):
        self.adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token(token)))
        self.adapter.base_url = url
        self.client = GraphServiceClient(request_adapter=self.adapter)
        self.raw = httpx.AsyncClient()

    def item(self, name):
        return self.drive.items.by_drive_item_id(name)

    async def begin(self):
        mine = await self.client.me.drive.get()
        assert mine.drive_type in ("personal", "business"), mine.drive_type
        assert mine.quota.remaining > 0
        self.drive = self.client.drives.by_drive_id(mine.id)
        root = await self.drive.root.get()
        assert root.root is not None and root.folder is not None
        self.root = root.id

    async def small_files(self):
        put = await self.item("root:/hello.txt:").content.put(b"hello world")
        assert put.size == 11 and put.name == "hello.txt"
        assert put.file.hashes.quick_xor_hash == "aCgDG9jwBhDc4Q1yawMZAAAAAAA="
        assert await self.item(put.id).content.get() == b"hello world"
        again = await self.item(put.id).content.put(b"hello again")
        assert again.id == put.id and again.e_tag != put.e_tag and again.c_tag != put.c_tag
        empty = await self.item("root:/empty:").content.put(b"")
        assert empty.size == 0 and empty.file.hashes.quick_xor_hash is None
        return put.id, put.e_tag

    async def folders(self):
        wanted = DriveItem(name="Folder", folder=Folder())
        wanted.additional_data = {"@microsoft.graph.conflictBehavior": "fail"}
        folder = await self.item(self.root).children.post(wanted)
        assert folder.folder is not None and folder.parent_reference.id == self.root
        await refused(409, "nameAlreadyExists", self.item(self.root).children.post(wanted))
        for number in range(5):
            await self.item(f"{folder.id}:/{number}.txt:").content.put(str(number).encode())
        return folder.id

    async def listing(self, folder):
        of = self.item(folder).children
        query = of.ChildrenRequestBuilderGetQueryParameters(top=2, select=["id", "name"])
        page = await of.get(RequestConfiguration(query_parameters=query))
        names = [item.name for item in page.value]
        while page.odata_next_link:
            page = await of.with_url(page.odata_next_link).get()
            names += [item.name for item in page.value]
        assert names == [f"{number}.txt" for number in range(5)], names
        assert page.value[0].size is None, "only what was selected"

    async def delta(self, changed=None):
        """Every row since the last time."""
        of = self.item(self.root).delta
        page = await (of.with_url(self.link).get() if changed else of.get())
        rows = list(page.value)
        while page.odata_next_link:
            page = await of.with_url(page.odata_next_link).get()
            rows += page.value
        self.link = page.odata_delta_link
        assert self.link
        return {row.id: row for row in rows}

    async def long_file(self):
        length = 2 * FRAGMENT + 1
        content = os.urandom(length)
        about = DriveItemUploadableProperties()
        about.additional_data = {"@microsoft.graph.conflictBehavior": "fail"}
        body = CreateUploadSessionPostRequestBody(item=about)
        session = await self.item("root:/long.bin:").create_upload_session.post(body)
        assert session.next_expected_ranges == ["0-"]

        async def put(first, end, **headers):
            span = f"bytes {first}-{end - 1}/{length}"
            return await self.raw.put(
                session.upload_url, content=content[first:end], headers={"Content-Range": span, **headers}
            )

        begun = await put(0, FRAGMENT)
        assert begun.status_code == 202 and begun.json()["nextExpectedRanges"] == [f"{FRAGMENT}-"]
        assert (await put(0, FRAGMENT)).status_code == 416
        state = (await self.raw.get(session.upload_url)).json()
        assert state["nextExpectedRanges"] == [f"{FRAGMENT}-"]
        done = await put(FRAGMENT, length)
        assert done.status_code == 201 and done.json()["size"] == length
        assert (await self.raw.get(session.upload_url)).status_code == 404
        assert await self.item(done.json()["id"]).content.get() == content
        await refused(409, "nameAlreadyExists", self.item("root:/long.bin:").create_upload_session.post(body))

        cancelled = await self.item("root:/never.bin:").create_upload_session.post(body)
        assert (await self.raw.delete(cancelled.upload_url)).status_code == 204

    async def changes(self, hello, folder):
        moved = await self.item(hello).patch(DriveItem(name="Moved.txt", parent_reference=ItemReference(id=folder)))
        assert moved.id == hello and moved.name == "Moved.txt" and moved.parent_reference.id == folder
        recased = await self.item(hello).patch(DriveItem(name="moved.TXT"))
        assert recased.name == "moved.TXT"
        await refused(409, "nameAlreadyExists", self.item(hello).patch(DriveItem(name="1.TXT")))
        await refused(400, "invalidRequest", self.item(hello).patch(DriveItem(name="a:b")))
        return recased

    async def conditions(self, hello, old_tag):
        def when(tag):
            configuration = RequestConfiguration()
            configuration.headers.add("If-Match", tag)
            return configuration

        await refused(412, None, self.item(hello).patch(DriveItem(name="x"), when(old_tag)))
        await refused(412, None, self.item(hello).delete(when(old_tag)))
        now = await self.item(hello).get()
        await self.item(hello).delete(when(now.e_tag))
        await refused(404, "itemNotFound", self.item(hello).get())

    async def copies(self, folder):
        source = await self.item("root:/long.bin:").get()
        body = CopyPostRequestBody(name="copy.bin", parent_reference=ItemReference(id=folder))
        # The client reads no headers, and so not where the copy's state is told.
        await self.item(source.id).copy.post(body)
        copied = await self.item(f"{folder}:/copy.bin:").get()
        assert copied.file.hashes.quick_xor_hash == source.file.hashes.quick_xor_hash


async def refused(status, code, request):
    try:
        await request
    except APIError as error:
        assert error.response_status_code == status, error
        assert code is None or error.error.code == code, error.error
        return
    raise AssertionError(f"it was not refused with {status}")


async def main():
    walk = Walk(*sys.argv[1:])
    await walk.begin()
    hello, old_tag = await walk.small_files()
    folder = await walk.folders()
    await walk.listing(folder)
    await walk.long_file()

    everything = await walk.delta()
    assert walk.root in everything and hello in everything and folder in everything
    recased = await walk.changes(hello, folder)
    told = await walk.delta(changed=True)
    assert told[hello].name == "moved.TXT" and told[hello].parent_reference.id == folder
    assert told[hello].e_tag == recased.e_tag
    await walk.conditions(hello, old_tag)
    told = await walk.delta(changed=True)
    assert told[hello].deleted is not None
    await walk.copies(folder)
    print("all is well")


asyncio.run(main())
