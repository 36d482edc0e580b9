import resource

import pytest

from sensor.telemetry.hardening import Measure, become_not_dumpable, descriptor_limit, offer_to_oom_killer


def refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_the_score_is_the_highest() -> None:
    written: list[bytes] = []
    measure = offer_to_oom_killer(written.append)
    assert written == [b"1000"]
    assert measure.ok


@pytest.mark.parametrize(
    "measure", [offer_to_oom_killer(refuse), become_not_dumpable(refuse)], ids=["oom_score_adj", "dumpable"]
)
def test_a_refusal_is_told_and_not_raised(measure: Measure) -> None:
    assert not measure.ok
    assert measure.text.endswith("Permission denied")


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (1024, 65_535, 65_535),
        (1024, 1_048_576, 65_536),
        (1024, resource.RLIM_INFINITY, 65_536),
        (1_048_576, 1_048_576, 1_048_576),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY),
        (1024, 1024, 1024),
    ],
)
def test_the_descriptor_limit_rises_within_bounds_and_never_falls(soft: int, hard: int, expected: int) -> None:
    assert descriptor_limit(soft, hard) == expected
