"""The secrets that were sent lately, which no error may show: one lane's answer may repeat what another lane has
replaced or given up meanwhile."""

from collections import deque

MOST = 4


class SentSecrets:
    """The last `MOST` that were remembered; `shown` is what stands in their place."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._last: deque[tuple[str, ...]] = deque(maxlen=MOST)

    def remember(self, *secrets: str) -> None:
        """They are sent from now on, together."""
        if secrets in self._last:
            self._last.remove(secrets)
        self._last.append(secrets)

    def hide(self, text: str) -> str:
        """The text without any of them."""
        for secrets in self._last:
            for secret in secrets:
                text = text.replace(secret, self._shown)
        return text
