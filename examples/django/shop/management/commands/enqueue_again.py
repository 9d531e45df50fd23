"""Enqueues the SMS of recent orders again. What was accepted before stays as it is, by its reference; what an outage or a crash
between commit and enqueue has lost is accepted now. Run it every few minutes.
"""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from shop.models import Order
from smsrelay import Accepted, Enqueuer, ProducerSettings


class Command(BaseCommand):
    help = "Enqueue the SMS of the last day's orders again; nothing is sent twice."

    def handle(self, *args: Any, **options: Any) -> None:
        recent = Order.objects.filter(sms_state="queued", created_at__gte=timezone.now() - timedelta(days=1))
        with Enqueuer.connect(ProducerSettings()) as enqueuer:
            results = enqueuer.enqueue_many(order.job() for order in recent.iterator())
            lost = sum(isinstance(one, Accepted) and one.new for one in results)
        self.stdout.write(f"{lost} enqueued")
