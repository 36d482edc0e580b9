"""What the first stage validated is what the second reads: whole, sealed, and through no environment."""

import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.config.handover import Handover, View, take
from sensor.config.sealing import digest, seal
from sensor.config.settings import Settings
from sensor.model.errors import WrongConfiguration

SETTINGS = Settings(ingest_url="https://a.example", ingest_token="hush-hush", file_paths=("/srv", "/data"))


def sealed(handover: Handover) -> int:
    descriptor = os.memfd_create("handover", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    seal(handover, descriptor)
    return descriptor


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@given(
    parked=st.lists(st.text(), max_size=3),
    view=st.sampled_from(View),
    run_for=st.none() | st.floats(min_value=0, max_value=1e6),
    paths=st.lists(st.text(), max_size=3),
    commands=st.lists(st.lists(st.text(), min_size=1, max_size=3).map(tuple), max_size=3),
)
def test_it_comes_back_as_it_was(
    parked: list[str], view: View, run_for: float | None, paths: list[str], commands: list[tuple[str, ...]]
) -> None:
    settings = replace(SETTINGS, file_paths=tuple(paths), probe_commands=tuple(commands))
    handover = Handover(settings, tuple(parked), view, run_for)
    taken = take(sealed(handover))
    assert vars(taken.settings) == asdict(settings)
    assert taken._replace(settings=settings) == handover._replace(digest=digest(settings))


def test_no_descriptor_is_left_open() -> None:
    before = open_descriptors()
    take(sealed(Handover(SETTINGS)))
    assert open_descriptors() == before


def test_nobody_can_change_what_was_sealed() -> None:
    descriptor = sealed(Handover(SETTINGS))
    try:
        with pytest.raises(PermissionError):
            os.pwrite(descriptor, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def test_another_process_reads_it_after_an_exec() -> None:
    descriptor = sealed(Handover(SETTINGS, view=View.PERSON))
    code = (
        "import sys; from sensor.config.handover import take; h = take(int(sys.argv[1]));"
        "print(h.settings.ingest_token, h.settings.file_paths, h.view)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(descriptor)], pass_fds=[descriptor], capture_output=True, text=True
        )
    finally:
        os.close(descriptor)
    assert done.stdout == "hush-hush ('/srv', '/data') person\n"


def test_what_is_not_sealed_is_refused_and_closed(tmp_path: Path) -> None:
    before = open_descriptors()
    with pytest.raises(WrongConfiguration, match="no handover of the first stage"):
        take(os.open(tmp_path, os.O_RDONLY))
    with pytest.raises(WrongConfiguration, match="it is not sealed"):
        take(os.memfd_create("x", os.MFD_ALLOW_SEALING))
    assert open_descriptors() == before


def test_a_number_that_is_no_descriptor_is_refused() -> None:
    with pytest.raises(WrongConfiguration, match="--handover 987654"):
        take(987654)


def test_the_digest_follows_the_settings_but_no_secret() -> None:
    assert digest(SETTINGS) == digest(replace(SETTINGS, ingest_token="another"))
    assert digest(SETTINGS) != digest(replace(SETTINGS, heartbeat=31.0))
    assert len(digest(SETTINGS)) == 16


def test_the_token_is_in_no_repr() -> None:
    assert "hush" not in repr(Handover(SETTINGS))
    assert "hush" not in repr(take(sealed(Handover(SETTINGS))))


def test_what_was_taken_over_does_not_change() -> None:
    taken = take(sealed(Handover(SETTINGS))).settings
    with pytest.raises(AttributeError, match="heartbeat: settings do not change"):
        taken.heartbeat = 1.0  # type: ignore[misc]  # which mypy knows of the definition as well
    assert taken.heartbeat == SETTINGS.heartbeat
