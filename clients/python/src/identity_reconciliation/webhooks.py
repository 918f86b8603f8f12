"""Deliveries of webhooks: that they are from the service, whole and fresh, as Standard Webhooks 1.0 says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

_TOLERANCE_S = 300


class WebhookVerificationError(Exception):
    """A delivery is not from the service, is not whole, or is too old. Answer it with 400."""


def verify_webhook(
    secret: Union[str, Iterable[str]],
    headers: Mapping[str, str],
    body: Union[bytes, str],
    *,
    now: Optional[float] = None,
) -> Any:
    """Checks a delivery, and reads its event.

    An event may arrive twice and out of order: its `id` tells a repetition, `sequence` and `data.version` what is older.

    secret: that of the webhook; several during a change of it. headers: of the request, in any case. body: exactly as it
    arrived, because the signature is over its bytes. now: in seconds since 1970. Raises WebhookVerificationError.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        id, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise WebhookVerificationError("a header of the signature is missing") from error
    moment = time.time() if now is None else now
    if re.fullmatch(r"[0-9]{1,12}", timestamp) is None or abs(moment - int(timestamp)) > _TOLERANCE_S:
        raise WebhookVerificationError("the delivery is too old, or a clock is wrong")
    content = body.encode() if isinstance(body, str) else bytes(body)
    signed = f"{id}.{timestamp}.".encode() + content
    candidates = [each[3:].encode() for each in signatures.split(" ") if each.startswith("v1,")]
    for each in [secret] if isinstance(secret, str) else secret:
        expected = base64.b64encode(hmac.new(_key(each), signed, hashlib.sha256).digest())
        if any(hmac.compare_digest(expected, candidate) for candidate in candidates):
            return json.loads(content)
    raise WebhookVerificationError("no signature is right")


def _key(secret: str) -> bytes:
    encoded = secret[len("whsec_") :] if secret.startswith("whsec_") else secret
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("the secret of a webhook is whsec_ and base64")
    return key
