"""The whole sidecar with every AWS destination at once, on this machine's own processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aws_server import BUCKET, DELIVERY, REGION, STREAM, AwsServer, firehose_records, kinesis_records, s3_records
from ocsf_schemas import faults
from process_environ import visible_environ
from running import until

pytestmark = pytest.mark.kernel


def settings(aws: AwsServer) -> dict[str, str]:
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AWS_", "SENSOR_")) and not key.lower().endswith("_proxy")
    }
    return (
        clean
        | aws.environ()
        | {
            "AWS_REGION": REGION,
            "SENSOR_DESTINATIONS": "kinesis,firehose,sqs,s3,stdout",
            "SENSOR_KINESIS_STREAM": STREAM,
            "SENSOR_FIREHOSE_STREAM": DELIVERY,
            "SENSOR_SQS_QUEUE_URL": aws.queue_url,
            "SENSOR_S3_BUCKET": BUCKET,
            "SENSOR_AWS_FORMAT": "ocsf",
            "SENSOR_STDOUT_FORMAT": "ocsf",
            "SENSOR_STDOUT_ALL": "true",
            "SENSOR_STDOUT_LINE_BYTES": str(1024 * 1024),  # nothing is cut, whatever runs on this machine
            "SENSOR_NETWORK": "off",
            "SENSOR_FILES": "off",
        }
    )


class Running:
    """A sidecar and the lines that it has written."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.lines: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def stop(self) -> int:
        """Its exit code, once all that it wrote is among the lines."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join(20)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._reader.join(20)


@contextmanager
def sidecar(environ: dict[str, str], log: Path) -> Iterator[Running]:
    with log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "sensor.cli", "run"], env=environ, stdout=subprocess.PIPE, stderr=err
        )
        running = Running(process)
        try:
            yield running
        finally:
            running.close()


async def test_every_destination_gets_the_same_events_and_no_secret_stays_around(
    aws: AwsServer, tmp_path: Path
) -> None:
    await asyncio.to_thread(aws.empty)
    marker = f"0.2{os.getpid()}"
    with sidecar(settings(aws), tmp_path / "log") as running:
        await until(lambda: any(b"sensor.start" in line for line in running.lines), "the sensor has started")
        await asyncio.to_thread(subprocess.run, ["sleep", marker], check=True)
        await until(lambda: any(marker.encode() in line for line in running.lines), "the exec was told")
        environ = await asyncio.to_thread(visible_environ, running.process.pid)
        assert await asyncio.to_thread(running.stop) == 0
    log = (tmp_path / "log").read_bytes()
    assert aws.sensor.secret.encode() not in environ + log
    events: list[dict[str, Any]] = [json.loads(line) for line in running.lines]
    assert [fault for event in events for fault in faults(event)] == []
    assert {e["metadata"]["event_code"] for e in events} >= {"sensor.start", "process.exec", "sensor.stop"}
    told = {line.rstrip(b"\n") for line in running.lines}
    for records in (kinesis_records, firehose_records, s3_records):
        assert set(await asyncio.to_thread(records, aws)) == told
    queue = {"QueueUrl": aws.queue_url, "AttributeNames": ["ApproximateNumberOfMessages"]}
    found = await asyncio.to_thread(lambda: aws.client("sqs").get_queue_attributes(**queue))
    assert int(found["Attributes"]["ApproximateNumberOfMessages"]) == len(told)
