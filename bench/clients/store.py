"""The vendors' own clients, with the settings that they come with: one transfer, timed by itself.

    store.py KIND WHAT OPTIONS      KIND is s3, azure or gcs; OPTIONS are JSON

`up` sends the file `path` as the object `name`, `down` fetches it to nowhere, `remove` removes it, `sign`
prints the requests by which anybody can do the first two; `newest` prints the name of the object that was made
last below the prefix `name`. What is printed is JSON.
"""

import io
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta


class Nowhere(io.RawIOBase):
    """Takes everything and counts it; cannot seek, so that nothing is kept for later."""

    def __init__(self) -> None:
        super().__init__()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data) -> int:
        self.size_bytes += len(data)
        return len(data)


class S3:
    """boto3: parts of 8 MiB, ten at a time."""

    def __init__(self, options: dict) -> None:
        import boto3
        from botocore.config import Config

        self.at = {"Bucket": options["bucket"], "Key": options["name"]}
        self.client = boto3.client(
            "s3", endpoint_url=options["endpoint"], region_name="us-east-1",
            aws_access_key_id=options["access_key"], aws_secret_access_key=options["secret_key"],
            config=Config(s3={"addressing_style": "path"}),
        )

    def up(self, path: str) -> None:
        self.client.upload_file(path, self.at["Bucket"], self.at["Key"])

    def down(self, target: Nowhere) -> None:
        self.client.download_fileobj(self.at["Bucket"], self.at["Key"], target)

    def remove(self) -> None:
        self.client.delete_object(**self.at)

    def newest(self) -> str:
        listed = self.client.list_objects_v2(Bucket=self.at["Bucket"], Prefix=self.at["Key"])["Contents"]
        return max(listed, key=lambda each: each["LastModified"])["Key"]

    def sign(self, _: str) -> dict:
        # As browsers and curl send them: with nothing signed but the address.
        return {
            "up": {"url": self.client.generate_presigned_url("put_object", self.at), "headers": {}},
            "down": {"url": self.client.generate_presigned_url("get_object", self.at), "headers": {}},
        }


class Azure:
    """azure-storage-blob: blocks of 4 MiB, one after another."""

    def __init__(self, options: dict) -> None:
        from azure.storage.blob import BlobServiceClient

        service = BlobServiceClient.from_connection_string(options["connection"])
        self.container = service.get_container_client(options["container"])
        self.client = self.container.get_blob_client(options["name"])

    def up(self, path: str) -> None:
        with open(path, "rb") as file:
            self.client.upload_blob(file, overwrite=True, length=os.path.getsize(path))

    def down(self, target: Nowhere) -> None:
        self.client.download_blob().readinto(target)

    def remove(self) -> None:
        self.client.delete_blob()

    def newest(self) -> str:
        listed = self.container.list_blobs(name_starts_with=self.client.blob_name)
        return max(listed, key=lambda each: each.last_modified).name

    def sign(self, _: str) -> dict:
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        signature = generate_blob_sas(
            self.client.account_name, self.client.container_name, self.client.blob_name,
            account_key=self.client.credential.account_key, expiry=datetime.now(UTC) + timedelta(hours=1),
            permission=BlobSasPermissions(read=True, create=True, write=True),
        )
        url = f"{self.client.url}?{signature}"
        return {
            "up": {"url": url, "headers": {"x-ms-blob-type": "BlockBlob"}},
            "down": {"url": url, "headers": {}},
        }


class Gcs:
    """google-cloud-storage: a resumable upload in chunks of 100 MiB."""

    def __init__(self, options: dict) -> None:
        from google.cloud import storage
        from google.oauth2 import service_account

        _name_in_address(storage.blob, options["name"])

        told = json.loads(options["credentials"])
        credentials = service_account.Credentials.from_service_account_info(
            told, scopes=["https://www.googleapis.com/auth/devstorage.read_write"]
        )
        self.endpoint = options["endpoint"]
        client = storage.Client("bench", credentials, client_options={"api_endpoint": self.endpoint})
        self.blob = client.bucket(options["bucket"]).blob(options["name"])

    def up(self, path: str) -> None:
        self.blob.upload_from_filename(path)

    def down(self, target: Nowhere) -> None:
        # The emulator does not have the address that the client would take by itself.
        place = f"/storage/v1/b/{self.blob.bucket.name}/o/{self.blob.name}?alt=media"
        self.blob._properties["mediaLink"] = self.endpoint + place
        self.blob.download_to_file(target)

    def remove(self) -> None:
        self.blob.delete()

    def newest(self) -> str:
        listed = self.blob.bucket.list_blobs(prefix=self.blob.name)
        return max(listed, key=lambda each: each.time_created).name

    def sign(self, path: str) -> dict:
        size_bytes = os.path.getsize(path)
        session = self.blob.create_resumable_upload_session(size=size_bytes)
        read = self.blob.generate_signed_url(
            timedelta(hours=1), method="GET", version="v4", api_access_endpoint=self.endpoint
        )
        whole = {"Content-Range": f"bytes 0-{size_bytes - 1}/{size_bytes}"}
        return {"up": {"url": session, "headers": whole}, "down": {"url": read, "headers": {}}}


def _name_in_address(module, name: str) -> None:
    """The emulator looks for the object's name in the address, where the service finds it in the body too."""
    add = module._add_query_parameters

    def add_name(url: str, pairs: list) -> str:
        return add(url, [*pairs, ("name", name)] if "uploadType=" in url else pairs)

    module._add_query_parameters = add_name


KINDS = {"s3": S3, "azure": Azure, "gcs": Gcs}


def main() -> None:
    kind, what, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    client = KINDS[kind](options)
    target = Nowhere()
    work = {
        "up": lambda: client.up(options["path"]),
        "down": lambda: client.down(target),
        "remove": client.remove,
        "sign": lambda: client.sign(options["path"]),
        "newest": client.newest,
    }[what]
    began, used = time.perf_counter(), time.process_time()
    answer = work()
    took = {"secs": time.perf_counter() - began, "cpu_secs": time.process_time() - used}
    print(json.dumps(answer or took | {"size_bytes": target.size_bytes}))


if __name__ == "__main__":
    main()
