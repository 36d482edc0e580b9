"""What a benchmark ran on."""

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
