"""Traffic of an app, and a ledger of what it really did.

Run in a container by `python3 -c` with one argument, a JSON object: the name of the case and its arguments. Standard
library only; `SOURCE` is the text to run. Prints the ledger as one line of JSON: a list of entries, or a summary.
"""

import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).read_text() if "__file__" in globals() else ""

REQUEST = struct.Struct("!IIB")
CLIENT_CLOSES, SERVER_CLOSES, SERVER_RESETS, CLIENT_RESETS = range(4)
NO_LINGER = struct.pack("ii", 1, 0)
TCP_SYNCNT = 7
SETTLE_S = 1.0
"""Before and after, so that what is said of the process does not depend on how fast it was found."""

Entry = dict[str, Any]
TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}


def entry(dst: str | None, dst_port: int | None, **more: Any) -> Entry:
    """What is known of a connection from the start."""
    return {"pid": os.getpid(), "transport": "tcp", "src_port": None, "dst": dst, "dst_port": dst_port} | more


def connected(host: str, port: int) -> socket.socket:
    """A connection, its port chosen by the kernel."""
    return socket.create_connection((host, port), timeout=20)


def exchange(host: str, port: int, out: int, back: int, end: int = CLIENT_CLOSES, hold: float = 0.0) -> Entry:
    """One request and its answer, of so many bytes, held for some seconds, and ended one way or the other."""
    client = connected(host, port)
    request = REQUEST.pack(out, back, CLIENT_CLOSES if end == CLIENT_RESETS else end) + b"x" * out
    made = entry(host, port, src_port=client.getsockname()[1], outcome="established", bytes_in=back)
    client.sendall(request)
    if len(client.recv(back, socket.MSG_WAITALL)) != back:
        raise ConnectionError(f"less than {back} bytes from {host}")
    time.sleep(hold)
    more = b""
    if end == SERVER_RESETS:
        more = b"!"
        client.sendall(more)
        try:
            client.recv(1)
        except ConnectionResetError:
            made["outcome"] = "reset"
    elif end == SERVER_CLOSES:
        client.recv(1)
    elif end == CLIENT_RESETS:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        made["outcome"] = "reset"
    client.close()
    return made | {"bytes_out": len(request) + len(more)}


def short(host: str, port: int, count: int, apart: float = 0.01) -> list[Entry]:
    """Connections of about a millisecond, one after the other, each of another size."""
    made = []
    for n in range(count):
        made.append(exchange(host, port, n, 2 * n + 1, n % 2))
        time.sleep(apart)
    return made


def netcat(host: str, port: int, count: int, apart: float = 0.02) -> list[Entry]:
    """Processes of a few milliseconds with one connection each, from a port that is ours to choose."""
    made = []
    for n in range(count):
        source = 20_000 + n  # below the range that the kernel gives ports from, where one may be taken
        request = REQUEST.pack(n, n + 1, SERVER_CLOSES) + b"x" * n
        command = ["nc", "-N", "-w", "5", "-p", str(source), host, str(port)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        answer, _ = process.communicate(request)
        if process.returncode:
            raise RuntimeError(f"nc from port {source} ended with {process.returncode}")
        made.append(
            entry(host, port, pid=process.pid, src_port=source, outcome="established")
            | {"bytes_out": len(request), "bytes_in": len(answer)}
        )
        time.sleep(apart)
    return made


def held(host: str, port: int, count: int, hold: float = 0.05, descriptors: int = 0) -> list[Entry]:
    """Connections of some 10 ms, four at a time, from a process that has many descriptors."""
    many = [os.open("/dev/null", os.O_RDONLY) for _ in range(descriptors)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: exchange(host, port, n, n + 1, CLIENT_CLOSES, hold), range(count)))
    for one in many:
        os.close(one)
    return made


def serve(port: int, count: int, descriptors: int = 0) -> list[Entry]:
    """So many connections from outside, to a server that has many descriptors. Its request is as `REQUEST` has it."""
    many = [os.open("/dev/null", os.O_RDONLY) for _ in range(descriptors)]
    server = socket.create_server(("", port), backlog=1024)
    print("listening", flush=True)
    made: list[Entry] = []
    workers = []
    for _ in range(count):
        workers.append(threading.Thread(target=lambda pair: made.append(_served(port, *pair)), args=[server.accept()]))
        workers[-1].start()
    for worker in workers:
        worker.join()
    for one in many:
        os.close(one)
    return made


def _served(port: int, connection: socket.socket, peer: tuple[str, int]) -> Entry:
    with connection:
        size, back, _end = REQUEST.unpack(connection.recv(REQUEST.size, socket.MSG_WAITALL))
        if size:
            connection.recv(size, socket.MSG_WAITALL)
        connection.sendall(b"y" * back)
        connection.recv(1)
    ends = entry(peer[0], peer[1], src_port=port, outcome="established")
    return ends | {"bytes_in": REQUEST.size + size, "bytes_out": back}


def refused(hosts: list[str], ports: list[int]) -> list[Entry]:
    """One attempt at each closed port of each host."""
    return [_attempt(host, port, ConnectionRefusedError, "refused") for host in hosts for port in ports]


def timed_out(hosts: list[str], ports: list[int]) -> list[Entry]:
    """One attempt at each port that never answers, all at once; they give up after the second SYN."""
    ends = [(host, port) for host in hosts for port in ports]
    with ThreadPoolExecutor(len(ends)) as pool:
        return list(pool.map(lambda end: _attempt(*end, TimeoutError, "timed_out"), ends))


def _attempt(host: str, port: int, expected: type[OSError], outcome: str) -> Entry:
    with socket.socket(_family(host)) as client:
        client.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 1)
        try:
            client.connect((host, port))
        except expected:
            return entry(host, port, outcome=outcome)
    raise AssertionError(f"{host} port {port} has answered")


def reset(hosts: list[str], port: int, count: int) -> list[Entry]:
    """Connections that were established and end with RST, sent by the peer and by us in turn."""
    ends = [SERVER_RESETS, CLIENT_RESETS] * (count // 2)
    return [exchange(host, port, 10, 20, end, hold=0.01) for host in hosts for end in ends]


def udp(host: str, port: int, count: int) -> list[Entry]:
    """Sockets that send one datagram each, every other one connected."""
    made = []
    for n in range(count):
        with socket.socket(_family(host), socket.SOCK_DGRAM) as client:
            if n % 2:
                client.connect((host, port))
                client.send(b"x" * 10)
            else:
                client.sendto(b"x" * 10, (host, port))
            ends = (host, port) if n % 2 else (None, None)
            made.append(entry(*ends, transport="udp", src_port=client.getsockname()[1]))
        time.sleep(0.005)
    return made


def dns(server: str, queries: list[tuple[str, str]], tcp: bool = False, then: Entry | None = None) -> list[Entry]:
    """A socket for each query, as the C library does it; `then` is a connection made after them."""
    made = []
    for question, kind in queries:
        reply = _ask_tcp(server, question, kind) if tcp else _ask_udp(server, question, kind)
        _number, flags, _questions, answers = struct.unpack_from("!4H", reply)
        made.append(
            {"pid": os.getpid(), "question": question, "type": kind, "server": server}
            | {"rcode": flags & 15, "answers": answers}
        )
        time.sleep(0.005)
    if then is not None:
        made.append(exchange(then["host"], then["port"], 10, 10, CLIENT_CLOSES, 0.1))
    return made


def _ask_udp(server: str, question: str, kind: str) -> bytes:
    with socket.socket(_family(server), socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect((server, 53))
        client.send(_query(question, kind))
        return client.recv(4096)


def _ask_tcp(server: str, question: str, kind: str) -> bytes:
    with socket.create_connection((server, 53), timeout=10) as client:
        query = _query(question, kind)
        client.sendall(struct.pack("!H", len(query)) + query)
        (size,) = struct.unpack("!H", client.recv(2, socket.MSG_WAITALL))
        return client.recv(size, socket.MSG_WAITALL)


def _query(question: str, kind: str) -> bytes:
    """A query with recursion desired (RFC 1035, section 4)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in question.split("."))
    header = struct.pack("!6H", random.getrandbits(16), 0x0100, 1, 0, 0, 0)
    return header + labels + b"\0" + struct.pack("!2H", TYPES[kind], 1)


def rate(host: str, ports: list[int], per_second: int, seconds: float) -> Entry:
    """Short connections at a steady rate, and how well that went; microseconds of one, its own CPU seconds."""
    took: list[float] = []
    used, begin = time.process_time(), time.monotonic()
    for n, due in _schedule(begin, per_second, seconds):
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)
        began = time.monotonic()
        with socket.socket() as client:
            client.connect((host, ports[n % len(ports)]))
            client.sendall(b"x" * 64)
            client.recv(256, socket.MSG_WAITALL)
            client.recv(1)
        took.append(time.monotonic() - began)
    elapsed = time.monotonic() - begin
    return {
        "pid": os.getpid(),
        "made": len(took),
        "per_second": len(took) / elapsed,
        "median_us": statistics.median(took) * 1e6,
        "mean_us": statistics.mean(took) * 1e6,
        "cpu_s": time.process_time() - used,
    }


def _schedule(begin: float, per_second: int, seconds: float) -> Iterator[tuple[int, float]]:
    return ((n, begin + n / per_second) for n in range(round(per_second * seconds)))


def many(host: str, port: int, count: int, hold: float) -> Entry:
    """So many connections open at once; says when they are, and keeps them."""
    kept = [connected(host, port) for _ in range(count)]
    print("opened", flush=True)
    time.sleep(hold)
    return {"pid": os.getpid(), "made": len(kept)}


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


CASES: Iterable[Callable[..., Any]] = (short, netcat, held, serve, refused, timed_out, reset, udp, dns, rate, many)

if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    name = wanted.pop("case")
    time.sleep(SETTLE_S)
    ledger = next(case for case in CASES if case.__name__ == name)(**wanted)
    time.sleep(SETTLE_S)
    print(json.dumps(ledger), flush=True)
