"""The calls of the service, one method each. Names and bodies are those of its OpenAPI document."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Optional, Union
from urllib.parse import quote, urlencode

from .transport import Answer, Transport

Body = Mapping[str, Any]


class IdentityClient:
    """Calls the service.

    A call is repeated after 429, 502, 503, 504, a lost connection and a timeout; it waits as long as `Retry-After` says. A
    change carries an `Idempotency-Key`, so that it is made once, also if its answer was lost. Safe to share between threads.

    Every method raises ProblemError if the service answers with an error, and OSError or http.client.HTTPException if it
    does not answer.

    url: where the service is; key: an API key; retries: how often a call is repeated; max_wait: the longest time between two
    attempts, in seconds (a longer `Retry-After` ends the call); timeout: how long the service may be silent, in seconds.
    """

    def __init__(
        self,
        url: str,
        key: Optional[str] = None,
        *,
        retries: int = 4,
        max_wait: float = 30.0,
        timeout: float = 15.0,
        headers: Optional[Mapping[str, str]] = None,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        authorization = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._transport = Transport(
            url,
            headers={**(headers or {}), **authorization},
            retries=retries,
            max_wait=max_wait,
            timeout=timeout,
            ssl_context=ssl_context,
        )

    def close(self) -> None:
        """Closes the connection of this thread."""
        self._transport.close()

    def __enter__(self) -> IdentityClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def pages(read: Callable[..., Answer], *arguments: Any, **parameters: Any) -> Iterator[Answer]:
        """All pages of a list, each read when it is asked for: `client.pages(client.list_identities, limit=100)`."""
        after: Optional[str] = None
        while True:
            page = read(*arguments, **parameters, **({} if after is None else {"after": after}))
            yield page
            after = page["next"]
            if after is None:
                return

    def events(self, after: Optional[str] = None, *, types: Optional[str] = None) -> Iterator[Answer]:
        """All events from a place on, as they happen, without end.

        Store the `id` of an event with what you do for it: it is the place to go on from. after: the id of the last event that
        was seen, the cursor of an export, or `latest`; None: the oldest event that is there. Raises ProblemError with the type
        `urn:problem:cursor-expired` if events after the place are gone: start again with an export.
        """
        while True:
            page = self.list_events(after=after, types=types, wait=8)
            yield from page["events"]
            after = page["next"]

    def identify(
        self,
        email: Optional[str] = None,
        phone_number: Union[str, int, None] = None,
        identifiers: Optional[Mapping[str, Union[str, int]]] = None,
        *,
        dry_run: bool = False,
        lenient: bool = False,
    ) -> Answer:
        """Links identifiers to one identity, and gets all that is known of it. lenient: leave out what is not valid."""
        headers = {"Prefer": "handling=lenient"} if lenient else {}
        body = _sighting(email, phone_number, identifiers)
        return self._call("POST", "/identify", body, headers, dryRun=dry_run or None)

    def look_up(
        self,
        email: Optional[str] = None,
        phone_number: Union[str, int, None] = None,
        identifiers: Optional[Mapping[str, Union[str, int]]] = None,
    ) -> Answer:
        """Finds the identities that have identifiers, without changing anything."""
        return self._call("POST", "/lookup", _sighting(email, phone_number, identifiers))

    def search_identities(self, body: Body, *, after: Optional[str] = None, limit: Optional[int] = None) -> Answer:
        """Finds identities by how an identifier begins."""
        return self._call("POST", "/search", body, after=after, limit=limit)

    def list_identities(
        self, *, order: Optional[str] = None, after: Optional[str] = None, limit: Optional[int] = None
    ) -> Answer:
        """All identities; order "size": the largest first."""
        return self._call("GET", "/identities", order=order, after=after, limit=limit)

    def delete_identity(
        self, contact_id: int, body: Optional[Body] = None, *, idempotency_key: Optional[str] = None
    ) -> Answer:
        """Deletes every contact of an identity."""
        return self._change("DELETE", f"/identities/{int(contact_id)}", body, idempotency_key=idempotency_key)

    def get_contact(self, id: int, *, at: Optional[str] = None) -> Answer:
        """The identity that a contact belongs to, today or at a moment."""
        return self._call("GET", f"/contacts/{int(id)}", at=at)

    def delete_contact(self, id: int) -> Answer:
        """Deletes a contact. If the answer to an earlier attempt was lost, 404 means that it is deleted."""
        return self._call("DELETE", f"/contacts/{int(id)}")

    def get_evidence(self, id: int, *, to: Optional[int] = None) -> Answer:
        """Why the contacts of an identity are one person; to: the path to one contact."""
        return self._call("GET", f"/contacts/{int(id)}/evidence", to=to)

    def get_history(self, id: int, *, after: Optional[str] = None, limit: Optional[int] = None) -> Answer:
        """What happened to an identity, oldest first."""
        return self._call("GET", f"/contacts/{int(id)}/history", after=after, limit=limit)

    def list_events(
        self,
        *,
        after: Optional[str] = None,
        limit: Optional[int] = None,
        types: Optional[str] = None,
        wait: Optional[int] = None,
        order: Optional[str] = None,
    ) -> Answer:
        """What has changed after a cursor. wait: how many seconds to wait for the next event, up to 8; order: "newest" first."""
        return self._call("GET", "/events", order=order, after=after, limit=limit, types=types, wait=wait)

    def list_merges(self, contact_id: int, *, after: Optional[str] = None, limit: Optional[int] = None) -> Answer:
        """The merges of an identity."""
        return self._call("GET", "/merges", contactId=contact_id, after=after, limit=limit)

    def merge_identities(self, body: Body, **change: Any) -> Answer:
        """Merges identities by hand. change: dry_run, if_match, idempotency_key."""
        return self._change("POST", "/merges", body, **change)

    def undo_merge(self, id: int, body: Body, **change: Any) -> Answer:
        """Undoes a merge. change: dry_run, if_match, idempotency_key."""
        return self._change("POST", f"/merges/{int(id)}/undo", body, **change)

    def split_identity(self, body: Body, **change: Any) -> Answer:
        """Takes identifiers or contacts out of an identity. change: dry_run, if_match, idempotency_key."""
        return self._change("POST", "/splits", body, **change)

    def list_rules(
        self, *, contact_id: Optional[int] = None, after: Optional[str] = None, limit: Optional[int] = None
    ) -> Answer:
        """The do-not-link rules, all or of an identity."""
        return self._call("GET", "/rules", contactId=contact_id, after=after, limit=limit)

    def make_rule(self, body: Body, **change: Any) -> Answer:
        """Keeps two identifiers apart. change: dry_run, if_match, idempotency_key."""
        return self._change("POST", "/rules", body, **change)

    def delete_rule(self, id: int, body: Optional[Body] = None, *, idempotency_key: Optional[str] = None) -> Answer:
        """Deletes a rule."""
        return self._change("DELETE", f"/rules/{int(id)}", body, idempotency_key=idempotency_key)

    def list_reviews(
        self, *, state: Optional[str] = None, after: Optional[str] = None, limit: Optional[int] = None
    ) -> Answer:
        """The links that were withheld, "open" or "decided"."""
        return self._call("GET", "/reviews", state=state, after=after, limit=limit)

    def decide_review(self, id: int, body: Body, **change: Any) -> Answer:
        """Decides on a link that was withheld. change: dry_run, if_match, idempotency_key."""
        return self._change("POST", f"/reviews/{int(id)}", body, **change)

    def list_blocked_values(self, *, after: Optional[str] = None, limit: Optional[int] = None) -> Answer:
        """The values that may not link."""
        return self._call("GET", "/blocked-values", after=after, limit=limit)

    def block_value(self, body: Body, **change: Any) -> Answer:
        """Keeps a value from linking. change: dry_run, if_match, idempotency_key."""
        return self._change("POST", "/blocked-values", body, **change)

    def delete_blocked_value(
        self, id: int, body: Optional[Body] = None, *, idempotency_key: Optional[str] = None
    ) -> Answer:
        """Lets a value link again."""
        return self._change("DELETE", f"/blocked-values/{int(id)}", body, idempotency_key=idempotency_key)

    def get_policy(self) -> Answer:
        """The limits and kinds of identifiers."""
        return self._call("GET", "/policy")

    def replace_policy(self, body: Body, *, if_match: str, dry_run: bool = False) -> Answer:
        """Changes the limits and kinds. if_match: the `etag` of the policy that was read."""
        return self._call("PUT", "/policy", body, {"If-Match": if_match}, dryRun=dry_run or None)

    def list_changes(
        self,
        *,
        kind: Optional[str] = None,
        actor: Optional[str] = None,
        contact_id: Optional[int] = None,
        from_: Optional[str] = None,
        to: Optional[str] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> Answer:
        """Who changed what by hand, the latest first. from_, to: times; actor: all of it, or the id of the key."""
        query = {"from": from_, "to": to, "after": after, "limit": limit}
        return self._call("GET", "/changes", kind=kind, actor=actor, contactId=contact_id, **query)

    def list_keys(self, *, after: Optional[str] = None, limit: Optional[int] = None) -> Answer:
        """The API keys, without their secrets."""
        return self._call("GET", "/keys", after=after, limit=limit)

    def create_key(self, body: Body, *, idempotency_key: Optional[str] = None) -> Answer:
        """Makes an API key. The answer has it as `key`, which is not shown again."""
        return self._change("POST", "/keys", body, idempotency_key=idempotency_key)

    def rotate_key(self, id: str, body: Optional[Body] = None, *, idempotency_key: Optional[str] = None) -> Answer:
        """Makes the successor of an API key. Both work for a day, or for `overlapSeconds`."""
        return self._change("POST", f"/keys/{quote(id, safe='')}/rotate", body, idempotency_key=idempotency_key)

    def revoke_key(self, id: str, body: Optional[Body] = None) -> Answer:
        """Revokes an API key for good. The key of the client can't revoke itself."""
        return self._call("DELETE", f"/keys/{quote(id, safe='')}", body)

    def erase(self, body: Body, **change: Any) -> Answer:
        """Erases a person or an identifier for good. change: dry_run, if_match, idempotency_key."""
        return self._change("POST", "/erasures", body, **change)

    def get_erasure(self, id: int) -> Answer:
        """How far an erasure is."""
        return self._call("GET", f"/erasures/{int(id)}")

    def get_subject_data(self, body: Body) -> Answer:
        """All that is stored of a person."""
        return self._call("POST", "/subject-access", body)

    def create_webhook(self, body: Body) -> Answer:
        """Makes a webhook. The answer has its secret, which is not shown again."""
        return self._call("POST", "/webhooks", body)

    def list_webhooks(self, *, after: Optional[str] = None, limit: Optional[int] = None) -> Answer:
        """The webhooks."""
        return self._call("GET", "/webhooks", after=after, limit=limit)

    def get_webhook(self, id: int) -> Answer:
        """One webhook."""
        return self._call("GET", f"/webhooks/{int(id)}")

    def update_webhook(self, id: int, body: Body) -> Answer:
        """Changes, disables or enables a webhook."""
        return self._call("PATCH", f"/webhooks/{int(id)}", body)

    def delete_webhook(self, id: int) -> Answer:
        """Deletes a webhook. If the answer to an earlier attempt was lost, 404 means that it is deleted."""
        return self._call("DELETE", f"/webhooks/{int(id)}")

    def rotate_webhook_secret(self, id: int) -> Answer:
        """Gives a webhook another secret. Both sign for 24 hours."""
        return self._call("POST", f"/webhooks/{int(id)}/rotate-secret")

    def test_webhook(self, id: int) -> Answer:
        """Sends a test event now, and tells what the receiver said."""
        return self._call("POST", f"/webhooks/{int(id)}/test")

    def list_deliveries(
        self,
        id: int,
        *,
        state: Optional[str] = None,
        order: Optional[str] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> Answer:
        """The deliveries of a webhook, all or those "pending", "delivered" or "dead". order: "newest" first."""
        return self._call("GET", f"/webhooks/{int(id)}/deliveries", state=state, order=order, after=after, limit=limit)

    def replay_deliveries(self, id: int, body: Optional[Body] = None) -> Answer:
        """Delivers events again: a range, those in a state, or both."""
        return self._call("POST", f"/webhooks/{int(id)}/replay", body)

    def _change(
        self,
        method: str,
        path: str,
        body: Optional[Body],
        *,
        dry_run: bool = False,
        if_match: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> Answer:
        headers = {} if if_match is None else {"If-Match": if_match}
        if not dry_run:
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        return self._call(method, path, body, headers, dryRun=dry_run or None)

    def _call(
        self,
        method: str,
        path: str,
        body: Optional[Body] = None,
        headers: Optional[Mapping[str, str]] = None,
        **query: Any,
    ) -> Answer:
        given = {name: "true" if value is True else value for name, value in query.items() if value is not None}
        return self._transport.call(method, path + (f"?{urlencode(given)}" if given else ""), body, headers or {})


def _sighting(
    email: Optional[str],
    phone_number: Union[str, int, None],
    identifiers: Optional[Mapping[str, Union[str, int]]],
) -> Body:
    given = {"email": email, "phoneNumber": phone_number, "identifiers": identifiers}
    return {name: value for name, value in given.items() if value is not None}
