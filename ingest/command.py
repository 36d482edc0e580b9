"""`fargate-sensor ingest`: the central endpoint as a command."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from ingest import config
from ingest.config import Settings
from ingest.listening import CannotListen, listen
from ingest.service import serve
from ingest.store.errors import StoreUnusable
from sensor.model.errors import WrongConfiguration

EXAMPLE = """example:
  export INGEST_WRITE_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')
  export INGEST_READ_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')
  fargate-sensor ingest --listen 127.0.0.1:8080 --data-dir ./data

Sensors send with the write token; the console at / and the API under /v1 are read with the other one.
All settings are INGEST_* variables: docs/ingest.md lists them. Tokens are never given on the command line."""


def main(argv: list[str]) -> int:
    """Run until SIGTERM. Returns 0 then, 1 when it cannot run here, 2 on wrong usage or configuration."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has said what is wrong, or shown its help
        return int(end.code or 0)
    try:
        settings = config.from_environment(_with_options(os.environ, options))
    except WrongConfiguration as wrong:
        return _said(2, wrong.problems)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return _run(settings)


def _run(settings: Settings) -> int:
    try:
        with listen(settings.listen) as listening:
            asyncio.run(serve(settings, listening))
    except (CannotListen, StoreUnusable) as error:
        return _said(1, [str(error)])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fargate-sensor ingest",
        description="The central endpoint: takes batches from sensors, keeps their events, serves API and console.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to listen (INGEST_LISTEN, 127.0.0.1:8080)")
    parser.add_argument("--data-dir", metavar="DIR", help="where events are kept (INGEST_DATA_DIR)")
    return parser


def _with_options(environ: Mapping[str, str], options: argparse.Namespace) -> dict[str, str]:
    """The environment with the options in place of their variables."""
    given = {"INGEST_LISTEN": options.listen, "INGEST_DATA_DIR": options.data_dir}
    return {**environ, **{key: value for key, value in given.items() if value is not None}}


def _said(code: int, lines: Sequence[str]) -> int:
    for line in lines:
        print(f"fargate-sensor ingest: {line}", file=sys.stderr)
    return code
