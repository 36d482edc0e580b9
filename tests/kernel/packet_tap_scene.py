"""Run by test_network_taps_kernel under `unshare -n`, where nobody else's packets come and go.

Sends datagrams to port 53 while nobody reads the tap, so that a small receive buffer must overflow. Prints how many
were received and how many the kernel counted as dropped.
"""

import json
import socket
import sys
from contextlib import closing

from loopback_interface import loopback_up

from collectors import packet_filter
from collectors.packet_filter import Loopback
from collectors.packet_tap import PacketTap


def scene(datagrams: int, receive_buffer: int) -> dict[str, int]:
    loopback_up()
    everything = Loopback(socket.if_nametoindex("lo"), everything=True)
    with closing(PacketTap(packet_filter.openings(everything), receive_buffer)) as tap:
        with socket.socket(type=socket.SOCK_DGRAM) as sending:
            for _ in range(datagrams):
                sending.sendto(b"x" * 100, ("127.53.0.9", 53))
        received = sum(1 for _ in iter(tap.receive, None))
        return {"received": received, "dropped": tap.newly_dropped()}


print(json.dumps(scene(int(sys.argv[1]), int(sys.argv[2]))))
