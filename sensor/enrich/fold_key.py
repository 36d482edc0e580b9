"""What makes two events of processes the same: all that they tell, save what is new in every run.

What is unknown is never the same as something else. So an event without its executable or its arguments, or with a
part cut short, has no key and is never folded, and nor has one that is evidence of less than a read.
"""

from hashlib import blake2b

import msgpack

from sensor.model.events import Event, Process

LONGEST_ARGS = 4096
"""Characters of arguments; what has more is rare, and costly to hold."""

NEVER_FOLDED = frozenset({"snapshot", "open_hint"})
"""Sources of evidence: what ran before we watched is told one by one, and what was not read may be anything."""

_SAME_AGAIN = slice(Process._fields.index("exe"), Process._fields.index("ancestors"))
"""Before that stand identity and time, which are new in every run; the ancestors count by their programs."""

_pack = msgpack.Packer(unicode_errors="surrogatepass").pack


def fold_key(event: Event) -> bytes | None:
    """A digest of what the event tells; None where it must go out by itself.

    A field that is added to `Process` counts at once: it makes events differ until it is left out here.
    """
    process = event.process
    if process is None or not _is_whole(event, process):
        return None
    run = process[_SAME_AGAIN]
    above = [ancestor.exe for ancestor in process.ancestors]
    container = event.container.id if event.container else None
    return blake2b(_pack((event.kind, container, run, above, event.evidence)), digest_size=16).digest()


def _is_whole(event: Event, process: Process) -> bool:
    if event.links or event.detection or event.evidence.truncated or event.evidence.source in NEVER_FOLDED:
        return False
    if process.exe is None or process.args is None:
        return False
    return sum(map(len, process.args)) <= LONGEST_ARGS
