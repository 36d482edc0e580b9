"""What is not to be told, until when: suppressions by rule, by image and by family of tasks."""

from collections.abc import Callable, Iterable

from sensor.detect.compact import Rule, Suppression
from sensor.detect.patterns import like_test
from sensor.model.events import Event, Header

Applies = Callable[[str], bool]


class Suppressions:
    """Those of a rule set, ready to be asked. An expired one suppresses nothing."""

    def __init__(self, listed: Iterable[Suppression]) -> None:
        self._listed = [(s, _matcher(s.image), _matcher(s.family)) for s in listed]

    def of(self, rule: Rule, event: Event, header: Header | None) -> Suppression | None:
        """The suppression that keeps this detection from being told, if there is one."""
        if not self._listed:
            return None
        image = (event.container.image if event.container is not None else None) or ""
        family = (header.task.family if header is not None and header.task is not None else None) or ""
        for suppression, image_applies, family_applies in self._listed:
            of_rule = suppression.rule in ("*", rule.id)
            in_time = event.time < suppression.until * 1_000_000_000
            if of_rule and in_time and image_applies(image) and family_applies(family):
                return suppression
        return None


def _matcher(pattern: str) -> Applies:
    """`*` alone takes the unknown too; any other pattern needs a text."""
    parts = pattern.split("*")
    if len(parts) == 1:
        return pattern.__eq__
    return like_test(parts)
