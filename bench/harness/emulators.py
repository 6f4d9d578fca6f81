"""Stand-ins for object stores, as the tests start them: on a free port, with one bucket, for one run."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from . import machine
from .target import REPOSITORY, Unavailable, find_program, free_port

TOOLS = Path(os.environ.get("CUMULI_TEST_TOOLS", REPOSITORY / "target" / "tools"))
GCS_SERVER = REPOSITORY / "crates" / "content" / "src" / "tests" / "emulators" / "gcs_server.py"
BUCKET = "cumuli-bench"
START_LIMIT_SECS = 60
MEMORY = Path("/dev/shm")
# What has to be free in memory before contents are put there.
ROOMY_BYTES = 8 << 30


class Emulator:
    """One store. A subclass says how it starts and how it is reached, by Cumuli and by its own client."""

    kind = ""
    program = ""
    # Where its objects are: what `describe` says of it.
    place = "in its own memory"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen | None = None

    @classmethod
    def install(cls) -> None:
        """Has `.ci/stores` install it, unless it is there."""
        if (TOOLS / cls.program).exists():
            return
        command = [str(REPOSITORY / ".ci" / "stores")]
        try:
            subprocess.run(command, cwd=REPOSITORY, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"`{command[0]}` failed: {error}") from error

    @classmethod
    def version(cls) -> str:
        """Its name and version, as `.ci/stores` wrote it down."""
        name = Path(cls.program).parts[0]
        written = TOOLS / f"{name}.version"
        return f"{name} {written.read_text() if written.exists() else 'of unknown version'}"

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def settings(self) -> dict[str, str]:
        """Settings by which Cumuli reaches it."""
        raise NotImplementedError

    def options(self) -> dict[str, str]:
        """What its own client has to know."""
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        with open(self.folder / f"{self.kind}.log", "ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=dict(os.environ) | self.environment(), start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT_SECS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Unavailable(f"{self.kind} did not start; see {self.folder}")

    def pids(self) -> list[int]:
        return machine.tree(self._process.pid) if self._process else []

    def stop(self) -> None:
        """Stops it; what it holds is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class S3s(Emulator):
    """S3 over a folder, which is in memory where there is room."""

    kind = "s3"
    program = "s3s-fs/bin/s3s-fs"
    ACCESS_KEY = "CUMULIBENCHKEY"
    SECRET_KEY = "SeCrEtOfTheBenchmark012345"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOMY_BYTES
        self.place = f"in {MEMORY}" if in_memory else "on the measured disk"
        self.objects = Path(tempfile.mkdtemp(prefix="cumuli-bench-", dir=MEMORY if in_memory else folder))
        (self.objects / BUCKET).mkdir()

    def command(self) -> list[str]:
        keys = ["--access-key", self.ACCESS_KEY, "--secret-key", self.SECRET_KEY]
        return [str(TOOLS / self.program), "--host", "127.0.0.1", "--port", str(self.port), *keys, str(self.objects)]

    def settings(self) -> dict[str, str]:
        return {
            "STORAGE_BACKEND": "s3", "S3_BUCKET_NAME": BUCKET, "CUMULI_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": self.SECRET_KEY,
        }

    def options(self) -> dict[str, str]:
        keys = {"access_key": self.ACCESS_KEY, "secret_key": self.SECRET_KEY}
        return {"endpoint": self.endpoint, "bucket": BUCKET} | keys

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.objects, ignore_errors=True)


class Moto(Emulator):
    """S3 in memory. It believes every signature, and lists all that S3 lists: tags, and what stands for folders."""

    kind = "moto"
    program = "moto/bin/moto_server"
    ACCESS_KEY = S3s.ACCESS_KEY
    SECRET_KEY = S3s.SECRET_KEY

    def command(self) -> list[str]:
        return [str(TOOLS / self.program), "-H", "127.0.0.1", "-p", str(self.port)]

    def start(self) -> None:
        super().start()
        proof = f"AWS4-HMAC-SHA256 Credential={self.ACCESS_KEY}/20210304/us-east-1/s3/aws4_request, "
        headers = {"Authorization": f"{proof}SignedHeaders=host, Signature=any"}
        asked = urllib.request.Request(f"{self.endpoint}/{BUCKET}", method="PUT", headers=headers)
        urllib.request.urlopen(asked).close()


class Azurite(Emulator):
    """Azure Blob Storage, in memory."""

    kind = "azure"
    program = "azurite/node_modules/.bin/azurite-blob"
    ACCOUNT = "cumulibench"
    KEY = "b25lIG9mIHRoZSBiZW5jaG1hcmsgYW5kIG9wZW5zIG5vdGhpbmcgZWxzZSwgYXMgZXZlcnlvbmUgY2FuIHNlZSEu"

    def command(self) -> list[str]:
        place = ["--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        quiet = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        return [str(TOOLS / self.program), *place, *quiet]

    def environment(self) -> dict[str, str]:
        return {"AZURITE_ACCOUNTS": f"{self.ACCOUNT}:{self.KEY}"}

    def start(self) -> None:
        super().start()
        script = REPOSITORY / "crates" / "content" / "src" / "tests" / "emulators" / "make_container.mjs"
        command = [find_program("node", "on Debian `apt install nodejs`"), str(script)]
        command += [f"{self.endpoint}/{self.ACCOUNT}", self.ACCOUNT, self.KEY, BUCKET]
        subprocess.run(command, check=True)

    def _connection(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.ACCOUNT};AccountKey={self.KEY};"
            f"BlobEndpoint={self.endpoint}/{self.ACCOUNT};"
        )

    def settings(self) -> dict[str, str]:
        return {
            "STORAGE_BACKEND": "azure", "AZURE_STORAGE_CONNECTION_STRING": self._connection(),
            "CUMULI_AZURE_CONTAINER": BUCKET,
        }

    def options(self) -> dict[str, str]:
        return {"connection": self._connection(), "container": BUCKET}


class Gcs(Emulator):
    """Google Cloud Storage, in memory, made as strict as the tests want it."""

    kind = "gcs"
    program = "gcs/bin/python"
    EMAIL = "bench@cumuli.iam.gserviceaccount.com"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._modulus, self._key = _make_key()

    def command(self) -> list[str]:
        return [str(TOOLS / self.program), str(GCS_SERVER), str(self.port), BUCKET, self.EMAIL, self._modulus]

    def _credentials(self) -> str:
        return json.dumps({
            "type": "service_account", "client_email": self.EMAIL, "private_key": self._key,
            "token_uri": f"{self.endpoint}/token",
        })

    def settings(self) -> dict[str, str]:
        path = self.folder / "credentials.json"
        path.write_text(self._credentials())
        return {
            "STORAGE_BACKEND": "gcs", "CUMULI_GCS_BUCKET": BUCKET, "STORAGE_EMULATOR_HOST": self.endpoint,
            "GOOGLE_APPLICATION_CREDENTIALS": str(path),
        }

    def options(self) -> dict[str, str]:
        return {"endpoint": self.endpoint, "bucket": BUCKET, "credentials": self._credentials()}


def _make_key() -> tuple[str, str]:
    """The modulus of a new RSA key in hexadecimal, and the key in PEM."""
    openssl = find_program("openssl", "on Debian `apt install openssl`")
    made = subprocess.run([openssl, "genpkey", "-algorithm", "RSA"], capture_output=True, check=True).stdout
    told = subprocess.run([openssl, "rsa", "-noout", "-modulus"], input=made, capture_output=True, check=True).stdout
    return told.decode().strip().removeprefix("Modulus="), made.decode()
