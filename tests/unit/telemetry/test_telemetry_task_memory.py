"""The task's memory by what the kernel says, in both versions of cgroups, and by the machine where it says nothing."""

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.telemetry.task_memory import MEMINFO, STATM, V1, V2, TaskMemory

MIB = 1024 * 1024


def memory(files: dict[str, bytes], limit: int | None = None) -> TaskMemory:
    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    return TaskMemory(limit=lambda: limit, read=read)


@pytest.mark.parametrize("version", [V1, V2])
def test_the_inactive_page_cache_is_not_used(version: tuple[str, str, str, bytes]) -> None:
    limit, usage, stat, inactive = version
    files = {limit: b"1000\n", usage: b"900\n", stat: b"cache 5\n" + inactive + b" 400\n"}
    assert memory(files).share() == 0.5


@pytest.mark.parametrize("text", [b"max\n", b"9223372036854771712\n", b"0\n", b"", b"-1\n", b"\xff\n"])
def test_no_limit_is_no_share(text: bytes) -> None:
    assert memory({V2[0]: text, V2[1]: b"900\n"}).share() is None


def test_without_a_cgroups_limit_it_is_the_platforms_and_the_machines_use() -> None:
    files = {V2[0]: b"max\n", V2[1]: b"1\n", MEMINFO: b"MemTotal: 524288 kB\nMemFree: 1 kB\nMemAvailable: 131072 kB\n"}
    assert memory(files, 512 * MIB).share() == 0.75
    assert memory(files).share() is None


def test_a_machine_that_has_less_than_the_platform_says_is_the_limit() -> None:
    files = {MEMINFO: b"MemTotal: 393216 kB\nMemFree: 1 kB\nMemAvailable: 98304 kB\n"}
    assert memory(files, 512 * MIB).share() == 0.75
    assert memory({MEMINFO: b"MemTotal: 0 kB\nMemAvailable: 0 kB\n"}, 512 * MIB).share() is None


def test_a_large_machine_is_not_the_tasks_alone() -> None:
    files = {MEMINFO: b"MemTotal: 8388608 kB\nMemAvailable: 131072 kB\n"}
    assert memory(files, 512 * MIB).share() is None


def test_what_cannot_be_read_is_no_memory() -> None:
    assert memory({}).own() == 0
    assert memory({STATM: b"garbage"}).own() == 0


def test_its_own_memory_is_real() -> None:
    assert TaskMemory(limit=lambda: None).own() > 5 * MIB


def test_the_helpers_count_with_the_main_process() -> None:
    memory = TaskMemory(limit=lambda: None, helpers=lambda: 7 * MIB, read=lambda _: b"5000 1000 200 1 0 90 0")

    assert memory.own() == 1000 * resource.getpagesize() + 7 * MIB


ANYTHING = st.binary(max_size=80) | st.integers(-(2**70), 2**70).map(lambda n: b"%d\n" % n)
"""Bytes, or a number such as stands in most of these files."""
LINES = st.builds(b"%b %b%b".__mod__, st.tuples(st.sampled_from([V1[3], V2[3], b"MemTotal:"]), ANYTHING, ANYTHING))


@given(st.dictionaries(st.sampled_from([*V1[:3], *V2[:3], MEMINFO, STATM]), ANYTHING | LINES))
def test_nothing_in_these_files_is_a_fault(files: dict[str, bytes]) -> None:
    found = memory(files, 512 * MIB)
    own = found.own()
    assert own >= 0
    assert own % resource.getpagesize() == 0
    assert own == 0 or STATM in files
    share = found.share()
    assert share is None or 0 <= share < float("inf")


def test_more_cache_than_is_used_is_nothing_used() -> None:
    files = {V2[0]: b"1000\n", V2[1]: b"900\n", V2[2]: V2[3] + b" 901\n"}
    assert memory(files).share() == 0.0
    files = {MEMINFO: b"MemTotal: 524288 kB\nMemAvailable: 524289 kB\n"}
    assert memory(files, 512 * MIB).share() == 0.0
