"""What a benchmark ran on, and tables as people read them."""

from collections.abc import Iterable, Sequence

from docker_cli import BASE, docker
from host import host


def describe(image: str) -> str:
    """Kernel, cores, engine, and the image with its Python and its size over the base."""
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image))
    base = int(docker("image", "inspect", "--format", "{{.Size}}", BASE))
    python = docker("run", "--rm", "--entrypoint", "python3", image, "--version")
    engine = docker("version", "--format", "{{.Server.Version}}")
    return (
        f"{host()}, Docker {engine}\n"
        f"image {image}: {python}, {size / 1e6:.1f} MB, {(size - base) / 1e6:.1f} MB over {BASE}"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return "  ".join([first.strip().ljust(widths[0]), *rest])
