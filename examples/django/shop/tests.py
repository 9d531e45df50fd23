"""The app's tests, with pytest or ``manage.py test``: no relay, no Redis."""

from django.test import TestCase

from shop.models import Order
from smsrelay.testing import recorded_sms


class OrderTest(TestCase):
    def setUp(self) -> None:
        self.outbox = self.enterContext(recorded_sms())

    def test_an_order_sends_one_sms_after_the_commit(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            answer = self.client.post("/orders", {"number": 4711, "phone": "13912345678"}, "application/json")
            self.assertEqual(self.outbox.jobs, [])
        [job] = self.outbox.jobs
        self.assertEqual((job.to, job.reference), ("+8613912345678", "order-4711"))
        self.assertEqual(str(Order.objects.get(number=4711).sms), answer.json()["sms"])

    def test_a_wrong_number_makes_no_order(self) -> None:
        answer = self.client.post("/orders", {"number": 1, "phone": "1391234567"}, "application/json")
        self.assertEqual(answer.status_code, 422)
        self.assertFalse(Order.objects.exists())
