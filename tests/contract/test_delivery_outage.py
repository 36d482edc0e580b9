"""The whole way out against the real ingest and its store, while the ingest is away: nothing lost, nothing doubled."""

import pytest
from fakes_pipeline import event

from sensor.model.events import File, Process
from sensor.model.kinds import Kind
from tests.outage import outage

EVENTS = [
    *(event()._replace(process=Process(f"e{n}", n, args=("app", str(n)))) for n in range(50)),
    *(event(Kind.FILE_CREATE)._replace(file=File(f"/srv/{n}")) for n in range(50)),
]


@pytest.mark.parametrize(("seconds", "a_second"), [(90, 40)])
def test_an_ingest_that_is_away_gets_everything_once_when_it_is_back(seconds: int, a_second: int) -> None:
    found = outage(EVENTS, seconds=seconds, a_second=a_second)
    assert found.events == (seconds + 60) * a_second
    assert (found.stored, found.lost) == (found.events, 0)
    assert found.doubled_on_the_wire > 0, "answers were lost, so the store had to know batches again"
