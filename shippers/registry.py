"""Destinations by name. A shipper's module, and what it imports, is loaded only when its name is asked for."""

from collections.abc import Callable, Mapping
from typing import Protocol

from sensor.model.clock import Clock
from sensor.model.errors import WrongConfiguration
from sensor.model.protocols import Shipper


class ShipperSettings(Protocol):
    """The settings that shippers look at, by the names they have in the configuration."""

    @property
    def ingest_url(self) -> str | None: ...

    @property
    def ingest_token(self) -> str | None: ...

    @property
    def ingest_token_file(self) -> str | None: ...

    @property
    def ingest_ca_file(self) -> str | None: ...


def make(name: str, settings: ShipperSettings, clock: Clock) -> Shipper:
    """The shipper of that name. Raises `WrongConfiguration` for an unknown name or a setting that it lacks."""
    factory = FACTORIES.get(name)
    if factory is None:
        raise WrongConfiguration([f"destinations: {name!r} is none of {', '.join(FACTORIES)}"])
    return factory(settings, clock)


def _ingest_http(settings: ShipperSettings, clock: Clock) -> Shipper:
    from shippers.ingest_http import IngestHttp

    if settings.ingest_url is None:
        raise WrongConfiguration(["ingest_url: missing, and ingest_http needs it"])
    return IngestHttp(
        url=settings.ingest_url,
        clock=clock,
        token=settings.ingest_token,
        token_file=settings.ingest_token_file,
        ca_file=settings.ingest_ca_file,
    )


def _stdout(_settings: ShipperSettings, _clock: Clock) -> Shipper:
    from shippers.stdout import Stdout

    return Stdout()


FACTORIES: Mapping[str, Callable[[ShipperSettings, Clock], Shipper]] = {
    "ingest_http": _ingest_http,
    "stdout": _stdout,
}
