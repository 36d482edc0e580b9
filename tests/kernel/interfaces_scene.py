"""Run by test_network_taps_kernel under `unshare -n`: interfaces come, go and come again while a tap is open.

Prints which packets came over which of them, each as its interface and whether it was sent from here.
"""

import json
import select
import socket
import time
from contextlib import closing

from loopback_interface import loopback_up
from pyroute2 import IPRoute

from collectors import packet_filter
from collectors.interfaces import Interfaces, loopback
from collectors.packet_filter import DNS, Loopback
from collectors.packet_tap import PacketTap

GROUP = "224.0.0.251"  # multicast asks nobody for an address
FLOOD = 200
Seen = list[tuple[str, bool]]


def opened(receive_buffer: int = 1 << 20) -> PacketTap:
    return PacketTap(packet_filter.openings(Loopback(loopback(), everything=True)), receive_buffer)


def send(interface: str, times: int = 1) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sending:
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        for _ in range(times):
            sending.sendto(b"x" * 100, ("127.53.0.9" if interface == "lo" else GROUP, DNS))


def taken(tap: PacketTap) -> Seen:
    return sorted((packet.interface, packet.sent) for packet in iter(tap.receive, None))


def over(tap: PacketTap, interface: str) -> Seen:
    """Of one packet. A link that has just come up may lose some, and what is received may come a moment later."""
    copies, deadline, seen = 1 if interface == "lo" else 2, time.monotonic() + 10, Seen()
    while len(seen) < copies and time.monotonic() < deadline:
        taken(tap)
        send(interface)
        seen = taken(tap)
        while len(seen) < copies and select.select([tap], [], [], 0.5)[0]:
            seen = sorted(seen + taken(tap))
    return seen


def make_pair(route: IPRoute) -> None:
    route.link("add", ifname="v0", kind="veth", peer="v1")
    (first,) = route.link_lookup(ifname="v0")
    (second,) = route.link_lookup(ifname="v1")
    route.addr("add", index=first, address="192.0.2.1", prefixlen=24)
    for number in (first, second):
        route.link("set", index=number, state="up")
    route.route("add", dst="224.0.0.0/4", oif=first)


def remove_pair(route: IPRoute) -> None:
    route.link("del", index=route.link_lookup(ifname="v0")[0])


def scene(route: IPRoute) -> dict[str, object]:
    seen: dict[str, object] = {}
    loopback_up()
    with closing(opened()) as tap:
        seen["at first"] = over(tap, "lo")
        make_pair(route)
        seen["later"] = over(tap, "v0")
        (number,) = route.link_lookup(ifname="v0")
        route.link("set", index=number, state="down")
        route.link("set", index=number, state="up")
        route.route("add", dst="224.0.0.0/4", oif=number)
        seen["down and up again"] = over(tap, "v0")
        remove_pair(route)
        make_pair(route)
        seen["removed and made anew"] = over(tap, "v0")
    with closing(opened(receive_buffer=4096)) as tap:
        over(tap, "v0")
        send("v0", FLOOD)
        remove_pair(route)
        seen["of an interface that went"] = (len(taken(tap)), tap.newly_dropped())
        seen["sent"] = FLOOD
    Interfaces.numbers = lambda _self: {0}
    with closing(opened()) as tap:
        seen["all as one"] = over(tap, "lo")
    return seen


with IPRoute() as routes:
    print(json.dumps(scene(routes)))
