"""Against a server that answers as it is told. The service itself is called by the tests of the project."""

from __future__ import annotations

import json
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Optional

from identity_reconciliation import IdentityClient, ProblemError

MERGE = {"contactIds": [1, 2], "reason": "He said so"}
LOST = None


class Server(HTTPServer):
    """Gives these answers in turn, the last one again and again. None: it closes the connection."""

    def __init__(self, *answers: Optional[tuple[int, dict[str, str], Any]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []

    def __enter__(self) -> Server:
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append((self.command, self.path, headers, self.rfile.read(length)))
        answer = self.server.answers[min(len(self.server.calls), len(self.server.answers)) - 1]
        if answer is None:
            self.close_connection = True
            return
        status, extra, body = answer
        content = json.dumps(body).encode() if isinstance(body, dict) else str(body).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **extra}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        pass


class RetryTest(unittest.TestCase):
    def test_a_call_is_repeated_after_passing_failures_with_one_idempotency_key(self) -> None:
        answers = [(503, {"retry-after": "0"}, {}), LOST, (502, {}, "<html>"), (200, {"etag": '"1"'}, {"changed": True})]
        with Server(*answers) as server:
            answer = IdentityClient(server.url, "key-1").merge_identities(MERGE)
        self.assertEqual(answer, {"changed": True})
        self.assertEqual(answer.etag, '"1"')
        self.assertEqual(len(server.calls), 4)
        self.assertEqual(len({headers["idempotency-key"] for _, _, headers, _ in server.calls}), 1)
        self.assertEqual({json.loads(body)["reason"] for _, _, _, body in server.calls}, {"He said so"})
        self.assertEqual(server.calls[0][2]["authorization"], "Bearer key-1")

    def test_neither_a_sighting_nor_a_dry_run_has_an_idempotency_key_and_a_key_of_the_caller_stays(self) -> None:
        with Server((200, {}, {})) as server:
            client = IdentityClient(server.url)
            client.identify(email="doc@hillvalley.edu", lenient=True)
            client.merge_identities(MERGE, dry_run=True)
            client.merge_identities(MERGE, idempotency_key="mine", if_match='"1"')
        keys = [headers.get("idempotency-key") for _, _, headers, _ in server.calls]
        self.assertEqual(keys, [None, None, "mine"])
        self.assertEqual(server.calls[0][2]["prefer"], "handling=lenient")
        self.assertEqual(server.calls[1][1], "/merges?dryRun=true")
        self.assertEqual(server.calls[2][2]["if-match"], '"1"')

    def test_it_gives_up_after_the_retries_with_the_last_answer(self) -> None:
        with Server((503, {"retry-after": "0"}, "busy")) as server:
            with self.assertRaises(ProblemError) as caught:
                IdentityClient(server.url, retries=2).get_contact(1)
        self.assertEqual((caught.exception.type, caught.exception.status), ("about:blank", 503))
        self.assertEqual(len(server.calls), 3)

    def test_it_does_not_wait_longer_than_it_may(self) -> None:
        with Server((429, {"retry-after": "60"}, {})) as server:
            with self.assertRaises(ProblemError):
                IdentityClient(server.url, max_wait=1).get_contact(1)
        self.assertEqual(len(server.calls), 1)

    def test_a_refusal_is_not_repeated(self) -> None:
        problem = {"type": "urn:problem:contact-not-found", "title": "Contact not found", "status": 404, "detail": ""}
        with Server((404, {}, problem)) as server:
            with self.assertRaises(ProblemError) as caught:
                IdentityClient(server.url).get_contact(1)
        self.assertEqual(caught.exception.type, "urn:problem:contact-not-found")
        self.assertEqual(len(server.calls), 1)

    def test_a_connection_that_nobody_answers_is_an_error_of_the_system(self) -> None:
        with Server(LOST) as server:
            pass
        with self.assertRaises(OSError):
            IdentityClient(server.url, retries=0).get_policy()


if __name__ == "__main__":
    unittest.main()
