"""Asks any server that speaks OpenAI's /v1/chat/completions, with patience. Knows no chunk and no label.

Standard library only. What will pass (busy, slow, gone for a moment) is tried again with exponential backoff and
jitter, or when the server says; what will not (a wrong key, no such model) ends the run; what is wrong with this one
request, or its answer, is the request's own failure.
"""

import email.utils
import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from edgedoc.errors import DocumentError, EngineError, MissingModelError, UsageError

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
FIRST_WAIT, LONGEST_WAIT = 1.0, 120.0
"""Seconds. A server that asks for more is asked again after the longest."""
MOST_BYTES = 4 << 20
MOST_TOKENS = 512
"""Of a reply: a topic and a sentence, with room for a preamble; a model that does not stop is stopped."""
PATH = "/chat/completions"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, and takes the key to wherever it was sent."""

    def redirect_request(self, *_: object) -> None:
        return None


class Endpoint:
    """A model behind a URL. `ask` may be called any number of times, one after the other."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout: float = 120.0,
        retries: int = 6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`url` with or without /v1 and /chat/completions; seconds. Raises UsageError for what is no http address."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is no http or https address. Write it like http://localhost:8000/v1")
        path = parts.path.rstrip("/").removesuffix(PATH)
        path = path if path.rsplit("/", 1)[-1].startswith("v") else f"{path}/v1"
        self.url = urllib.parse.urlunsplit(parts._replace(path=f"{path}{PATH}", fragment=""))
        self.model = model
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "edgedoc"}
        if api_key:
            if not api_key.isascii() or not api_key.isprintable():
                raise UsageError("The API key holds characters that no key has. Was it copied with a line break?")
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._timeout, self._retries, self._sleep = timeout, retries, sleep
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._jitter = random.Random()

    def ask(self, prompt: str) -> str:
        """The model's reply to one user turn, greedy.

        Raises DocumentError when this request was refused or its answer holds no reply, EngineError when the server
        stays out of reach, UsageError and MissingModelError when no request can succeed.
        """
        request = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": MOST_TOKENS,
        }
        # Escaped, so that a lone surrogate in a document is no reason to fail here.
        body = json.dumps(request).encode("ascii")
        for attempt in range(self._retries + 1):
            wait: float | None = None
            cause: Exception
            try:
                return self._once(body)
            except urllib.error.HTTPError as error:
                with error:
                    said = _message(error)
                    wait = _retry_after(error.headers.get("Retry-After"))
                if error.code not in RETRIED:
                    raise self._refused(error.code, said) from error
                trouble, cause = f"answers {error.code} ({said})", error
            # URLError, time-outs, resets and servers that speak no HTTP.
            except (OSError, http.client.HTTPException) as error:
                trouble, cause = f"cannot be reached ({getattr(error, 'reason', None) or error!r})", error
            if attempt == self._retries:
                raise EngineError(f"{self.url} {trouble}, {attempt + 1} times in a row.") from cause
            backoff = FIRST_WAIT * 2**attempt * (0.5 + self._jitter.random())
            self._sleep(min(LONGEST_WAIT, backoff if wait is None else wait))
        raise AssertionError("the last attempt returns or raises")

    def _once(self, body: bytes) -> str:
        request = urllib.request.Request(self.url, data=body, headers=self._headers, method="POST")
        with self._opener.open(request, timeout=self._timeout) as response:
            answer = response.read(MOST_BYTES + 1)
        if len(answer) > MOST_BYTES:
            raise DocumentError(f"The answer is longer than {MOST_BYTES >> 20} MiB.")
        return _reply(answer)

    def _refused(self, code: int, said: str) -> Exception:
        if code in (401, 403):
            return UsageError(f"{self.url} refuses the key ({code}: {said}). Name its variable with --api-key-env.")
        if code == 404:
            return MissingModelError(f"{self.url} has no such address or no model {self.model!r} (404: {said}).")
        if 300 <= code < 400:
            return UsageError(f"{self.url} redirects elsewhere ({code}). Name the address it redirects to.")
        return DocumentError(f"The endpoint refuses the request ({code}: {said}).")


def _reply(answer: bytes) -> str:
    try:
        content = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise DocumentError(f"The answer is no chat completion: {answer[:200]!r}.") from error
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str) or not content.strip():
        raise DocumentError("The model's reply is empty.")
    return content


def _message(error: urllib.error.HTTPError) -> str:
    """What the server says is wrong, on one line."""
    try:
        text = error.read(4000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        text = ""
    try:
        found: Any = json.loads(text)
        found = found["error"]
        text = str(found["message"] if isinstance(found, dict) else found)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return " ".join(text.split())[:200] or error.reason or "no reason given"


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
