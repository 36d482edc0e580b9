import asyncio
import contextlib

import pytest

from sensor.commands.health import PERIOD
from sensor.telemetry.prctl import COMM_BYTES, set_name
from sensor.telemetry.pulse import WRAP_S, Pulse, title
from tests.fakes import FakeClock


@pytest.mark.parametrize(
    ("uptime", "expected"),
    [(0, b"sensor ok 0"), (81_234, b"sensor ok 81234"), (99_999, b"sensor ok 99999"), (381_234, b"sensor ok 81234")],
)
def test_the_title_holds_the_uptime_modulo_the_wrap(uptime: int, expected: bytes) -> None:
    assert title(False, uptime) == expected
    assert len(title(True, uptime)) <= COMM_BYTES


def test_writer_and_health_command_wrap_at_the_same_second() -> None:
    assert WRAP_S == PERIOD


def test_a_beat_writes_state_and_uptime() -> None:
    written: list[bytes] = []
    Pulse(clock=FakeClock(), read={"uptime": b"81234.99 1.00\n"}.__getitem__, write=written.append).beat(parked=True)
    assert written == [b"sensor pk 81234"]


async def test_a_beat_that_fails_is_told_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sensor.telemetry.pulse.INTERVAL_S", 0)
    tries, enough = [], asyncio.Event()

    def refuse(name: bytes) -> None:
        tries.append(name)
        if len(tries) == 3:
            enough.set()
        raise PermissionError(13, "denied")

    beating = asyncio.create_task(Pulse(clock=FakeClock(), read=lambda _: b"5.0 1.0", write=refuse).run())
    await asyncio.wait_for(enough.wait(), 5)
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating
    assert [r.getMessage() for r in caplog.records] == ["no sign of life for health checks: [Errno 13] denied"]


def test_a_name_that_the_kernel_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 15"):
        set_name(b"sensor ok 123456")
