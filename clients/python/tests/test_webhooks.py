"""Tests of the verification of webhooks. The delivery is one of the examples of Standard Webhooks."""

import unittest

from identity_reconciliation import WebhookVerificationError, verify_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDVRn1FHIhW4c="
BODY = b'{"test": 2432232314}'
NOW = 1614265330
HEADERS = {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "Webhook-Timestamp": "1614265330",
    "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


class VerifyWebhookTest(unittest.TestCase):
    def test_a_signed_delivery_is_read(self) -> None:
        self.assertEqual(verify_webhook(SECRET, HEADERS, BODY, now=NOW), {"test": 2432232314})
        self.assertEqual(verify_webhook(SECRET, HEADERS, BODY.decode(), now=NOW + 299), {"test": 2432232314})
        self.assertEqual(verify_webhook([OTHER, SECRET], HEADERS, BODY, now=NOW), {"test": 2432232314})

    def test_one_right_signature_of_several_suffices(self) -> None:
        headers = {**HEADERS, "Webhook-Signature": "v1a,AAAA v1,%%% " + HEADERS["Webhook-Signature"]}
        self.assertEqual(verify_webhook(SECRET, headers, BODY, now=NOW), {"test": 2432232314})

    def test_anything_else_is_refused(self) -> None:
        for changed, body, now in (
            ({}, BODY + b" ", NOW),
            ({}, BODY, NOW + 301),
            ({}, BODY, NOW - 301),
            ({"Webhook-Id": "msg_2"}, BODY, NOW),
            ({"Webhook-Timestamp": str(NOW + 1)}, BODY, NOW),
            ({"Webhook-Timestamp": "now"}, BODY, NOW),
            ({"Webhook-Signature": ""}, BODY, NOW),
            ({"Webhook-Signature": "v1,%"}, BODY, NOW),
            ({"Webhook-Signature": "v1,\u00e9"}, BODY, NOW),
        ):
            with self.subTest(changed), self.assertRaises(WebhookVerificationError):
                verify_webhook(SECRET, {**HEADERS, **changed}, body, now=now)
        with self.assertRaises(WebhookVerificationError):
            verify_webhook(OTHER, HEADERS, BODY, now=NOW)
        with self.assertRaises(WebhookVerificationError):
            verify_webhook(SECRET, {}, BODY, now=NOW)

    def test_a_secret_that_is_none_is_a_mistake_of_the_receiver(self) -> None:
        for secret in ("", "whsec_", "whsec_%"):
            with self.assertRaises(ValueError):
                verify_webhook(secret, HEADERS, BODY, now=NOW)


if __name__ == "__main__":
    unittest.main()
