"""Runs a command beside an Apache Kafka of its own, whose address becomes the command's last word; nothing of it is left behind.

python -m deploy.broker.run currents-segment demo --brokers
"""
# ruff: noqa: INP001, S603, T201, PLW1509  # a script beside the package, which starts programs, of which one calls a C function before it begins

import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from deploy.broker.jars import MissingError, classpath, java

STARTING: Final = 60.0  # s: far more than it takes; a busy machine may need as much
JVM: Final = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
SETTINGS: Final = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={home}/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
"""


def main(command: list[str]) -> int:
    """The command's exit code; 2 where there is no broker to be had, 130 after Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="kafka-") as home:
        try:
            print("starting Apache Kafka (43 MB are fetched the first time) ...", flush=True)
            broker, address = _start(Path(home))
        except MissingError as missing:
            print(missing, file=sys.stderr)
            return 2
        try:
            job = subprocess.Popen([*command, address])
            signal.signal(signal.SIGINT, lambda *_: None)  # a terminal tells the command, too, and it knows what to do
            signal.signal(signal.SIGTERM, lambda *_: job.terminate())
            return job.wait()
        finally:
            broker.kill()  # what it holds is thrown away
            broker.wait()


def _start(home: Path) -> tuple["subprocess.Popen[bytes]", str]:
    """A broker that serves."""
    program = [java(), *JVM, "-cp", classpath()]
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        port, controller = one.getsockname()[1], other.getsockname()[1]
    settings, said, address = home / "server.properties", home / "server.out", f"127.0.0.1:{port}"
    settings.write_text(SETTINGS.format(port=port, controller=controller, home=home))
    with said.open("wb") as out:
        formatted = [*program, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", str(settings)]
        if not subprocess.run(formatted, stdout=out, stderr=out, check=False).returncode:
            broker = subprocess.Popen(
                [*program, "kafka.Kafka", str(settings)], stdout=out, stderr=out, preexec_fn=_die_with_us, start_new_session=True
            )
            try:
                if _serves(broker, address):
                    return broker, address
            except BaseException:
                broker.kill()
                raise
            broker.kill()
            broker.wait()
    raise MissingError(f"Apache Kafka did not start; it needs Java 17 or newer. It said:\n{said.read_text(errors='replace')[-2000:]}")


def _serves(broker: "subprocess.Popen[bytes]", address: str) -> bool:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    end = time.monotonic() + STARTING
    while broker.poll() is None and time.monotonic() < end:
        try:
            admin.list_topics(timeout=1.0)
        except KafkaException:
            time.sleep(0.1)
        else:
            return True
    return False


def _die_with_us() -> None:
    """Linux' prctl(PR_SET_PDEATHSIG, SIGKILL): no broker is left, whatever ends us."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
