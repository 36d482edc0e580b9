"""The certificate of the server, taken anew when its files change."""

import logging
import ssl
from pathlib import Path

from deploy.webhook.metrics import Metrics

log = logging.getLogger("webhook")

CERTIFICATE, KEY = "tls.crt", "tls.key"
"""As a secret of the type kubernetes.io/tls names them."""


class CertificateUnusable(Exception):
    """The text says which file and why."""


class Certificate:
    """`context` is for the server, for as long as it runs: each handshake gets the certificate of that moment."""

    def __init__(self, directory: Path, metrics: Metrics) -> None:
        """Raises `CertificateUnusable`."""
        self._directory = directory
        self._metrics = metrics
        self._seen = self._content()
        self._current = self.context = self._loaded()
        # Called in every handshake, also without a name; it changes the whole context and never half of it, which
        # loading a new pair into the context that is in use would do while a file is old and the other new.
        self.context.sni_callback = self._choose
        metrics.certificates.labels("ok").inc()

    def reload(self) -> bool:
        """Take the files where they have changed. What cannot be used is told once, and the one before is kept."""
        try:
            content = self._content()
            if content == self._seen:
                return False
            self._current = self._loaded()
        except CertificateUnusable as error:
            self._told(str(error))
            return False
        self._seen = content
        self._trouble = ""
        self._metrics.certificates.labels("ok").inc()
        log.info("the certificate was read again")
        return True

    _trouble = ""

    def _told(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._metrics.certificates.labels("failed").inc()
            log.error("the certificate was not read again, the one before is in use: %s", trouble)

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        connection.context = self._current

    def _content(self) -> tuple[bytes, bytes]:
        return self._read(CERTIFICATE), self._read(KEY)

    def _read(self, name: str) -> bytes:
        try:
            return (self._directory / name).read_bytes()
        except OSError as error:
            raise CertificateUnusable(f"{self._directory / name}: {error.strerror}") from error

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # TLS 1.2 and later
        try:
            context.load_cert_chain(self._directory / CERTIFICATE, self._directory / KEY, password=_no_password)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise CertificateUnusable(f"{self._directory}: {CERTIFICATE} and {KEY} are no pair: {reason}") from error
        return context


def _no_password() -> str:
    """In place of OpenSSL's question at the terminal."""
    raise ValueError("the key is encrypted")
