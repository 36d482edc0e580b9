"""What EKS Fargate writes of a pod's size."""

import pytest

from sensor.containers.pod_capacity import GIB, PodCapacity, parse


@pytest.mark.parametrize(
    ("text", "cores", "gib"),
    [("0.25vCPU 0.5GB", 0.25, 0.5), ("2vCPU 9GB", 2, 9), ("16vCPU 120GB", 16, 120)],
)
def test_cores_and_memory(text: str, cores: float, gib: float) -> None:
    assert parse(text) == PodCapacity(cores, int(gib * GIB))


@pytest.mark.parametrize(
    "text", ["", "0vCPU 1GB", "1vCPU 0GB", "1vCPU", "1 vCPU 2 GB", "-1vCPU 2GB", "٢vCPU 4GB", "1vCPU 2GB\n", "x" * 250]
)
def test_anything_else_is_left_out_and_logged(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert parse(text) == PodCapacity(None, None)
    (line,) = caplog.messages
    assert line.startswith("SENSOR_POD_CAPACITY: ")
    assert len(line) < 180
