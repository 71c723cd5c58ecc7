"""``kafka-topics.sh`` and ``kafka-acls.sh`` as a Kafka distribution has them, for what pages tell administrators.

Their jar comes through Maven once, beside the broker's (``support.broker``).
"""

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.broker import HERE, JARS

TOOLS = JARS.parent / "tools"
PROGRAMS = {"kafka-topics.sh": "TopicCommand", "kafka-acls.sh": "AclCommand"}


def administrator_tools(folder: Path) -> Path:
    """Make the programs in *folder* and return it."""
    _fetch()
    for name, program in PROGRAMS.items():
        flags = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        command = f"exec java {flags} -cp '{JARS}/*:{TOOLS}/*' org.apache.kafka.tools.{program} \"$@\"\n"
        (folder / name).write_text(f"#!/bin/sh\n{command}")
        (folder / name).chmod(0o755)
    return folder


def _fetch() -> None:
    if TOOLS.is_dir():
        return
    if shutil.which("mvn") is None:
        pytest.skip("Maven is missing, by which Kafka's own programs are fetched")
    (broker,) = JARS.glob("kafka_*.jar")
    version = broker.stem.rpartition("-")[2]
    with tempfile.TemporaryDirectory(dir=TOOLS.parent) as fresh:
        goal = ["dependency:copy", f"-Dartifact=org.apache.kafka:kafka-tools:{version}"]
        maven = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *goal, f"-DoutputDirectory={fresh}/tools"]
        subprocess.run(maven, check=True, capture_output=True)
        with contextlib.suppress(OSError):  # another process was faster
            Path(fresh, "tools").rename(TOOLS)
