"""Notices out of bytes, checked against inotify_simple's own parser."""

import os
import struct

import inotify_simple
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.inotify_stream import Notice, parse

NAMES = st.binary(min_size=1, max_size=255).filter(lambda name: b"\0" not in name and b"/" not in name)
NOTICES = st.lists(
    st.builds(
        Notice, st.integers(-1, 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), NAMES | st.just(b"")
    )
)


def as_the_kernel_writes(notice: Notice) -> bytes:
    """The name is padded with NULs to a multiple of the record's size (fs/notify/inotify/inotify_user.c)."""
    size = (len(notice.name) + 16) // 16 * 16 if notice.name else 0
    return struct.pack("iIII", notice.wd, notice.mask, notice.cookie, size) + notice.name.ljust(size, b"\0")


@settings(deadline=None)
@given(NOTICES)
def test_notices_come_out_as_they_went_in(notices: list[Notice]) -> None:
    data = b"".join(map(as_the_kernel_writes, notices))
    assert list(parse(data)) == notices
    theirs = [(e.wd, e.mask, e.cookie, os.fsencode(e.name)) for e in inotify_simple.parse_events(data)]
    assert [tuple(notice) for notice in parse(data)] == theirs
