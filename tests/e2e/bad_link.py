"""A link between sensor and ingest that is slow, or misbehaves at random; a container of its own."""

from collections.abc import Sequence

from docker_cli import BASE, Container
from lab import Lab

PORT = 8080

LINK = """
import asyncio, random, socket, struct, sys, time
host, rate, seed, *faults = sys.argv[1:]
rate, chance = float(rate), random.Random(int(seed))
BUSY = b"HTTP/1.1 429 Busy\\r\\nRetry-After: 1\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
BROKEN = b"HTTP/1.1 500 Broken\\r\\nContent-Length: 2\\r\\n\\r\\n{}"

def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

async def request(reader):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    length = next((int(l.split(b":")[1]) for l in head.split(b"\\r\\n") if l.lower().startswith(b"content-length")), 0)
    body = b""
    while len(body) < length:
        part = await reader.read(min(16384, length - len(body)))
        if not part:
            raise ConnectionError
        body += part
        if rate:
            await asyncio.sleep(len(part) / rate)
    return head + body

async def onward(data):
    reader, writer = await asyncio.open_connection(host, 8080)
    writer.write(data.replace(b"\\r\\n\\r\\n", b"\\r\\nConnection: close\\r\\n\\r\\n", 1))
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer

async def serve(reader, writer):
    try:
        while True:
            data = await request(reader)
            fault = chance.choice(faults) if faults else "none"
            print(fault, flush=True)
            if fault == "busy": writer.write(BUSY)
            elif fault == "broken": writer.write(BROKEN)
            elif fault == "reset": reset(writer); return
            elif fault == "half":
                await onward(data)
                writer.write(b"HTTP/1.1 202 Acc")
                await writer.drain()
                return
            elif fault == "lost":
                await onward(data)
                reset(writer)
                return
            else:
                if fault == "stall":
                    await asyncio.sleep(chance.choice([1, 2, 31]))
                writer.write(await onward(data))
                await writer.drain()
                return
            await writer.drain()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()

async def main():
    async with await asyncio.start_server(serve, "", 8080, limit=2**20) as server:
        await server.serve_forever()
asyncio.run(main())
"""

FAULTS = ("busy", "broken", "reset", "stall", "half", "lost", *(["none"] * 12))
"""A 429, a 500, a reset, a stall of up to 31 s, an answer that breaks off, one that is lost after all was stored."""


def bad_link(
    lab: Lab, *, bytes_a_second: float = 0, faults: Sequence[str] = (), seed: int = 1
) -> tuple[Container, str]:
    """The link, started, and its address for sensors of the lab's network; 0 bytes a second is no limit."""
    command = ["python3", "-u", "-c", LINK, lab.ingest.name, str(bytes_a_second), str(seed), *faults]
    link = lab.new("link", BASE, [f"--network={lab.network}"], command).start()
    return link, f"http://{link.name}:{PORT}"
