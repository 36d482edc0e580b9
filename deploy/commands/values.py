"""What the values of options mean, for ECS and for pods. Each raises `ValueError` with what was expected instead.

Values that may be secrets are never repeated: a misplaced token is a token.
"""

from collections.abc import Callable, Iterable

from deploy.sidecar.specification import NAME, is_sensor_image
from deploy.sidecar.variables import SECRETS, is_image, is_name, mistake
from deploy.told import Told, note


def image(text: str) -> str:
    """The name of an image."""
    if not is_image(text):
        raise ValueError(f"{ascii(text)[:80]} is no image")
    return text


def other_name(image: str | None) -> list[Told]:
    """What to tell of an image in which nobody would look for the sensor."""
    if image is None or is_sensor_image(image):
        return []
    return [note(f"the image is not called {NAME}: fargate-sensor check takes it for an app's, with rights too many")]


def variables(given: Iterable[str], mistake: Callable[[str, str], str | None] = mistake) -> dict[str, str]:
    """`SENSOR_NAME=VALUE`, several. `mistake` says what is wrong with one."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not is_name(name):
            raise ValueError("expected SENSOR_NAME=VALUE")
        if name in SECRETS:
            raise ValueError(f"{name} would stand in the document for all to read; see --token-secret")
        if wrong := mistake(name, value):
            raise ValueError(wrong)
        found[name] = value
    return found
