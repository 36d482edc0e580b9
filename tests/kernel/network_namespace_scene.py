"""Run by test_network_sockdiag_kernel under `unshare -n`, where nobody else's sockets come and go.

An app closes UDP sockets while the collector's loop stands still, so that a small receive buffer must overflow. Prints
what was told and what was counted as JSON.
"""

import asyncio
import json
import sys

from app_process import AppProcess
from fakes import Emitted, FakeTaskView
from network_watched import sockdiag
from running import collecting, until

from sensor.model.counters import Counters

CLOSE_MANY = """
import socket
def close(count):
    for _ in range(count):
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            s.bind(("", 0))
"""


def told(emitted: Emitted) -> int:
    return sum(event.count for event in emitted.of("network.flow"))


async def scene(sockets: int, receive_buffer: int) -> dict[str, object]:
    counters = Counters()
    collector = sockdiag(counters, receive_buffer=receive_buffer)
    with AppProcess() as app:
        app.do(CLOSE_MANY + "listener = socket.create_server(('', 0))")
        async with collecting(collector, FakeTaskView()) as emitted:
            await until(lambda: emitted.of("network.listen"), "the first dumps")
            app.do(f"close({sockets})")  # the loop stands still meanwhile
            await until(lambda: told(emitted) + counters.losses["netlink_overflow"] >= sockets, "all told or counted")
            before = told(emitted)
            app.do("close(1)")
            await until(lambda: told(emitted) > before, "an end after the overflow")
    losses = [event.loss for event in emitted.of("sensor.loss")]
    return {
        "told": told(emitted),
        "losses": {reason: n for reason, n in counters.losses.items() if n},
        "loss_events": [(loss.reason, loss.bound, loss.count) for loss in losses if loss],
    }


print(json.dumps(asyncio.run(scene(int(sys.argv[1]), int(sys.argv[2])))))
