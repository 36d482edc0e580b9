"""What arguments take in memory, for those that keep many of them."""

import sys


def weight(args: tuple[str, ...] | None) -> int:
    """Bytes of memory that the arguments take: ten thousand short ones take more than a long one."""
    return sys.getsizeof(args) + sum(map(sys.getsizeof, args)) if args else 0
