"""Uploads a file with tuspy: upload.py ENDPOINT TOKEN FILE NAME CHUNK. Prints the address of the upload."""

import sys

from tusclient.client import TusClient

endpoint, token, path, name, chunk = sys.argv[1:]
client = TusClient(endpoint, headers={"Authorization": f"Bearer {token}"})
uploader = client.uploader(
    path,
    chunk_size=int(chunk),
    metadata={"filename": name},
    retries=40,
    retry_delay=0.25,
    upload_checksum=True,
)
uploader.upload()
print(uploader.url)
