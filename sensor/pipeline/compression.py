"""zstd from the standard library where it has it (3.14), else from its backport."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 3


def compressed(plain: bytes) -> bytes:
    """One frame."""
    return zstd.compress(plain, LEVEL)


def decompressed(frame: bytes, most: int) -> bytes:
    """What is in one whole frame. Raises ValueError where it is none, or holds more than `most` bytes."""
    decompressor = zstd.ZstdDecompressor()
    try:
        plain = decompressor.decompress(frame, most)
    except zstd.ZstdError as error:
        raise ValueError(f"no zstd: {error}") from error
    if not decompressor.eof:
        raise ValueError("cut short, or too long")
    return plain
