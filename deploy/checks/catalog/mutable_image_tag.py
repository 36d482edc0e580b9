"""The image's tag names no version."""

from collections.abc import Iterator

from deploy.checks.check import UNDECIDED, Check, Flaw, Severity, Undecided
from deploy.checks.holes import emptied
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw | Undecided]:
    image = emptied(container.image or "")
    name = image.rpartition("/")[2]
    tag = name.partition(":")[2]
    if not image or "@" in image or any(c.isdigit() for c in tag):
        return
    if "$" in (tag or name):
        yield UNDECIDED
    else:
        yield Flaw(f"the tag is {tag}" if tag else "the image has no tag, which means latest")


CHECK = Check(
    id="mutable-image-tag",
    title="The image's tag names no version",
    severity=Severity.MEDIUM,
    subject=Container,
    why="What runs tomorrow is not what was tested today, and nothing in the task definition shows the change.",
    mend="Name a digest, or a tag with the version.",
    references=("Checkov CKV_K8S_14", "Prowler core_image_tag_fixed"),
    reads=("image",),
    find=_find,
)
