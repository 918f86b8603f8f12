"""Makes calls, and repeats those that failed for a passing reason."""

from __future__ import annotations

import email.utils
import http.client
import json
import random
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any, Optional
from urllib.parse import urlsplit

# Of the service, and of what may stand in front of it. Every call is safe to repeat after these.
PASSING = {429, 502, 503, 504}
FIRST_WAIT = 0.2


class Answer(dict):  # type: ignore[type-arg]
    """The body of an answer, with its headers. Empty if there is no body."""

    def __init__(self, body: Mapping[str, Any], headers: http.client.HTTPMessage) -> None:
        super().__init__(body)
        self.headers = headers

    @property
    def etag(self) -> Optional[str]:
        """The entity tag of a dry run, or of the policy: send it as `if_match`."""
        return self.headers["etag"]


class ProblemError(Exception):
    """The service refused a call, or could not answer it.

    `problem` is the answer as RFC 9457 defines it. If something in between answered, its type is `about:blank`.
    """

    def __init__(self, problem: Mapping[str, Any], headers: http.client.HTTPMessage) -> None:
        super().__init__(f"{problem['status']} {problem.get('title')}: {problem.get('detail')}")
        self.problem = problem
        self.headers = headers

    @property
    def type(self) -> str:
        """The kind of problem, such as `urn:problem:invalid-request`. Stable: decide by it."""
        return str(self.problem["type"])

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.problem["status"])


class Transport:
    """Keeps a connection for each thread. Times are in seconds."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        retries: int,
        max_wait: float,
        timeout: float,
        ssl_context: Optional[ssl.SSLContext],
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ValueError("url must be like https://identity.example.com")
        self._parts = parts
        self._headers = dict(headers)
        self._retries = retries
        self._max_wait = max_wait
        self._timeout = timeout
        self._ssl_context = ssl_context
        self._local = threading.local()

    def call(self, method: str, path: str, body: Optional[Mapping[str, Any]], headers: Mapping[str, str]) -> Answer:
        """Makes a call until it is answered, or its retries are used up."""
        for attempt in range(1, self._retries + 2):
            is_last = attempt > self._retries
            wait = min(FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.5, 1.5), self._max_wait)
            try:
                status, answer_headers, content = self._attempt(method, path, body, headers)
            except (OSError, http.client.HTTPException):
                self.close()
                if is_last:
                    raise
            else:
                wait = _retry_after(answer_headers, wait)
                if is_last or status not in PASSING or wait > self._max_wait:
                    return _answer_of(status, answer_headers, content)
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Closes the connection of this thread. The next call opens another one."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _attempt(
        self, method: str, path: str, body: Optional[Mapping[str, Any]], headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = getattr(self._local, "connection", None) or self._open()
        self._local.connection = connection
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        sent = {**self._headers, **headers, **({} if content is None else {"Content-Type": "application/json"})}
        connection.request(method, self._parts.path.rstrip("/") + path, content, sent)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._ssl_context)


def _retry_after(headers: http.client.HTTPMessage, default: float) -> float:
    value = headers["retry-after"]
    if value is None:
        return default
    if value.isdigit():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return default


def _answer_of(status: int, headers: http.client.HTTPMessage, content: bytes) -> Answer:
    try:
        body = json.loads(content) if content else {}
    except ValueError:
        body = None
    if 200 <= status < 300 and isinstance(body, dict):
        return Answer(body, headers)
    if not isinstance(body, dict) or "type" not in body or "status" not in body:
        detail = "The answer is no problem document; something between client and service may have given it."
        body = {"type": "about:blank", "title": "No problem document", "status": status, "detail": detail}
    raise ProblemError(body, headers)
