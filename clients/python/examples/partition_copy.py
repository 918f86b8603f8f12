"""Keeps a copy in SQLite of who is one with whom. It may be killed at any moment: it goes on where it was.

    npm run export -- people.ndjson --cursor-file cursor.txt
    python3 partition_copy.py begin copy.db people.ndjson cursor.txt
    IDENTITY_URL=http://localhost:3000 python3 partition_copy.py follow copy.db
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterable
from typing import Any

from identity_reconciliation import IdentityClient, ProblemError

SCHEMA = """
create table if not exists member (contact_id integer primary key, primary_id integer not null);
create index if not exists member_of on member (primary_id);
create table if not exists place (id integer primary key check (id = 1), cursor text not null);
"""


def begin(copy: sqlite3.Connection, people: Iterable[str], cursor: str) -> int:
    """Replaces the copy by an export, with the cursor of its moment."""
    with copy:
        copy.execute("delete from member")
        for line in people:
            identity = json.loads(line)
            primary = identity["primaryContactId"]
            copy.executemany(
                "insert into member values (?, ?)", [(each["id"], primary) for each in identity["contacts"]]
            )
        keep_place(copy, cursor)
    return copy.execute("select count(*) from member").fetchone()[0]


def apply(copy: sqlite3.Connection, event: dict[str, Any]) -> None:
    """Does to the copy what an event tells."""
    data = event["data"]
    primary = data.get("primaryContactId")
    if event["type"].startswith("review."):
        return
    contacts = data.get("contactIds", [])
    if event["type"] in ("contact.deleted", "identity.erased"):
        copy.executemany("delete from member where contact_id = ?", [(each,) for each in contacts])
        contacts = []
    if primary is not None:
        former = [data.get("previousPrimaryContactId"), *data.get("mergedIds", [])]
        copy.executemany("update member set primary_id = ? where primary_id = ?", [(primary, each) for each in former])
    move(copy, contacts, primary)
    move(copy, data.get("partedIds", []), data.get("partedPrimaryContactId"))


def move(copy: sqlite3.Connection, contacts: list[int], primary: int | None) -> None:
    copy.executemany("insert or replace into member values (?, ?)", [(each, primary) for each in contacts])


def keep_place(copy: sqlite3.Connection, cursor: str) -> None:
    copy.execute("insert or replace into place values (1, ?)", (cursor,))


def follow(copy: sqlite3.Connection, client: IdentityClient) -> None:
    """Follows the events without end. A page and the place after it are written together, or not at all."""
    while True:
        (cursor,) = copy.execute("select cursor from place").fetchone()
        page = client.list_events(after=cursor, limit=200, wait=8)
        with copy:
            for event in page["events"]:
                apply(copy, event)
            keep_place(copy, page["next"])


def main(command: str, path: str, *files: str) -> None:
    copy = sqlite3.connect(path)
    copy.executescript(SCHEMA)
    if command == "begin":
        people, cursor = files
        with open(people, encoding="utf-8") as lines, open(cursor, encoding="ascii") as text:
            print(begin(copy, lines, text.read().strip()), "contacts")
        return
    try:
        follow(copy, IdentityClient(os.environ["IDENTITY_URL"], os.environ.get("IDENTITY_KEY")))
    except ProblemError as error:
        if error.type != "urn:problem:cursor-expired":
            raise
        sys.exit("Events after the cursor are gone: export again, and begin again with the export.")


if __name__ == "__main__":
    main(*sys.argv[1:])
