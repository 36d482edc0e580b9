"""The sensor's container in a definition: made, or brought up to date without overwriting what others chose."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from deploy.ecs.fields import Fields, is_intrinsic, text
from deploy.ecs.wishes import Wishes
from deploy.sidecar import destinations
from deploy.sidecar.ecs import mount
from deploy.sidecar.specification import NAME, SPOOL_DIR, VOLUME
from deploy.sidecar.variables import PROBES, TOKEN
from deploy.told import Told, note, warning

NEEDED = ("essential", "user", "readonlyRootFilesystem")
"""What the sensor cannot work without, or could stop the app with."""
CHANGED = ("environment", "linuxParameters", "mountPoints", "secrets", "dockerLabels")
"""What is changed within, and not as a whole."""
APART = frozenset({"name", "image", "environment", "linuxParameters", "mountPoints"})
FILLED_IN = "${}"
"""Stands for the value of a variable that only the deployment knows."""


def variables_of(sensor: Fields | None) -> dict[str, str]:
    """The variables that the container has, `FILLED_IN` for what a template computes or ECS fetches."""
    if sensor is None:
        return {}
    fetched = {name: FILLED_IN for entry in sensor.parts("secrets") if (name := text(entry.get("name"))) is not None}
    return fetched | {
        name: _value(entry) for entry in sensor.parts("environment") if (name := text(entry.get("name"))) is not None
    }


def _value(entry: Fields) -> str:
    value = entry.get("value")
    return FILLED_IN if is_intrinsic(value) else text(value) or ""


def update(sensor: Fields, wanted: Mapping[str, Any], wishes: Wishes) -> list[Told]:
    """Bring a container that is there to what is wanted; what it keeps and what is overruled is told."""
    told = []
    for key, value in wanted.items():
        if key in APART:
            continue
        now = sensor.get(key)
        if not sensor.has(key):
            sensor.put(key, value)
        elif now == sensor.manner.spelled(value):
            continue
        elif key in NEEDED or (key == "stopTimeout" and _shorter(now, value)):
            told.append(warning(f"{NAME}: {key} was {text(now) or now}, and is {text(value) or value} now"))
            sensor.put(key, value)
        else:
            told.append(note(f"{NAME}: {key} is kept as it is; inject would write another one"))
    if wishes.image is not None and sensor.get("image") != wishes.image:
        sensor.put("image", wishes.image)
    _capabilities(sensor, wanted["linuxParameters"]["capabilities"]["add"])
    _environment(sensor, {one["name"]: one["value"] for one in wanted["environment"]}, wishes)
    _mounts(sensor, wished="mountPoints" in wanted)
    return told


def token_secret(sensor: Fields, arn: str) -> None:
    """Have ECS fetch the write token. A secret of that name is replaced."""
    for entry in sensor.parts("secrets"):
        if text(entry.get("name")) == TOKEN:
            if entry.get("valueFrom") != arn:
                entry.put("valueFrom", arn)
            return
    _append(sensor, "secrets", {"name": TOKEN, "valueFrom": arn})


def _shorter(now: object, wanted: int) -> bool:
    found = text(now)
    return found is not None and found.isdecimal() and int(found) < wanted


def _capabilities(sensor: Fields, wanted: list[str]) -> None:
    linux = sensor.part("linuxParameters")
    capabilities = linux.part("capabilities") if linux is not None else None
    if linux is None:
        sensor.put("linuxParameters", {"capabilities": {"add": wanted}})
    elif capabilities is None:
        linux.put("capabilities", {"add": wanted})
    else:
        have = capabilities.get("add")
        for one in wanted:
            if not isinstance(have, list) or one not in have:
                _append(capabilities, "add", one)
                have = capabilities.get("add")


def _environment(sensor: Fields, wanted: Mapping[str, str], wishes: Wishes) -> None:
    """Where a destination is named, none of the earlier ones stays; of the rest only what is wanted is set."""
    gone = (destinations.VARIABLES if wishes.destinations else frozenset()) - wanted.keys()
    _fetch_no_longer(sensor, gone | wanted.keys())  # ECS takes no name twice, be it once a secret's
    gone |= {TOKEN} if wishes.token_secret is not None else set()
    listed = sensor.get("environment")
    if isinstance(listed, list) and not is_intrinsic(listed):
        for index in reversed(range(len(listed))):
            entry = Fields(listed[index], sensor.manner) if isinstance(listed[index], dict) else None
            name = text(entry.get("name")) if entry is not None else None
            if name in gone or (name not in wanted and entry is not None and _is_ours(entry)):
                del listed[index]
    there = {text(entry.get("name")): entry for entry in sensor.parts("environment")}
    said = destinations.environment(wishes.destinations).keys() | wishes.variables.keys()
    for name, value in wanted.items():
        if name not in there:
            _append(sensor, "environment", {"name": name, "value": value})
        elif there[name].get("value") != value and (name in said or not is_intrinsic(there[name].get("value"))):
            there[name].put("value", value)


def _fetch_no_longer(sensor: Fields, names: Set[str]) -> None:
    _drop_from(sensor, "secrets", [one for one in sensor.parts("secrets") if text(one.get("name")) in names])


def _is_ours(entry: Fields) -> bool:
    """Whether injection has put it there, for what is there no longer."""
    name, value = text(entry.get("name")), text(entry.get("value"))
    return (name == PROBES and value is not None) or (name == "SENSOR_SPOOL_DIR" and value == SPOOL_DIR)


def _mounts(sensor: Fields, *, wished: bool) -> None:
    ours = [one for one in sensor.parts("mountPoints") if text(one.get("sourceVolume")) == VOLUME]
    if wished and not ours:
        _append(sensor, "mountPoints", mount())
    elif not wished:
        _drop_from(sensor, "mountPoints", ours)


def _drop_from(container: Fields, key: str, entries: Sequence[Fields]) -> None:
    """Take these out of the list, and it too where it is empty then."""
    listed = container.get(key)
    if not entries or not isinstance(listed, list):
        return
    for index in reversed([i for i, one in enumerate(listed) if any(one is entry.raw for entry in entries)]):
        del listed[index]
    if not listed:
        container.drop(key)


def _append(container: Fields, key: str, value: Any) -> None:
    listed = container.get(key)
    if isinstance(listed, list) and not is_intrinsic(listed):
        listed.append(container.manner.spelled(value))
    else:
        container.put(key, [value])
