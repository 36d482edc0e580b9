"""Secrets in arguments are masked here, before anything is encoded, spooled or sent.

What is masked: values whose names say so (`--password X`, `AWS_SECRET_ACCESS_KEY=X`, `"token": "X"`), the options of
known programs (`mysql -pX`, `curl -u user:X`), passwords in URLs, Authorization headers and cookies, private keys, JWTs
and the tokens of well-known services, operands of known programs (`htpasswd -b FILE USER X`), and what a shell pipes
into `chpasswd` or `--password-stdin`; all of that inside `sh -c '…'` too. What has no name, shape or known place cannot
be told from an ordinary argument, and stays.
"""

from sensor.enrich.secret_shapes import mask_keys_beside_ids
from sensor.enrich.secret_text import mask_text
from sensor.enrich.secret_words import mask_words
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.weight import weight

REMEMBERED = 512
"""Command lines whose masked form is kept: most events come from few programs, started in the same ways."""

REMEMBERED_BYTES = 1 << 20
"""Memory that they take at most: one may have ten thousand words."""

SHORT = 2048
"""Characters up to which a command line is known again by itself; a longer one by its process."""

Args = tuple[str, ...]


def mask_args(args: Args) -> Args:
    """The arguments of a program with their secrets replaced by `***`; the same object where there are none."""
    masked = mask_keys_beside_ids(tuple(mask_text(word) for word in mask_words(args)))
    return args if masked == args else masked


class Masking:
    """The step that masks an event's arguments and preloads. Counts the arguments changed as `masked`."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._remembered: dict[Args | str, tuple[Args, Args]] = {}
        self._bytes = 0

    def __call__(self, event: Event) -> Event:
        """The event without secrets; the same object where it had none."""
        process = event.process
        if process is None:
            return event
        args = process.args if process.args is None else self._args(process.entity, process.args)
        preload = mask_args(process.preload) if process.preload else process.preload
        if args is process.args and preload is process.preload:
            return event
        self._count(process.args, args)
        self._count(process.preload, preload)
        return event._replace(process=process._replace(args=args, preload=preload))

    def _args(self, entity: str, args: Args) -> Args:
        """Masked once: the same comes again with the process's next event, and with the next run of its program."""
        key = args if sum(map(len, args)) <= SHORT else entity
        known = self._remembered.get(key)
        if known is not None and (known[0] is args or key is args):
            return args if known[1] is known[0] else known[1]
        masked = mask_args(args)
        self._forget(key)
        self._remembered[key] = (args, masked)
        self._bytes += weight(args)
        while len(self._remembered) > REMEMBERED or self._bytes > REMEMBERED_BYTES:
            self._forget(next(iter(self._remembered)))
        return masked

    def _forget(self, key: Args | str) -> None:
        if (known := self._remembered.pop(key, None)) is not None:
            self._bytes -= weight(known[0])

    def _count(self, before: Args | None, after: Args | None) -> None:
        changed = sum(a != b for a, b in zip(before or (), after or (), strict=True))
        if changed:
            self._counters.add("masked", changed)
