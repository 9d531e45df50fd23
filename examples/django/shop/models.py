"""An order, and what became of its SMS."""

from django.db import models, transaction

from smsrelay import SendJob
from smsrelay.django import enqueue_on_commit

APP = "django-example"


class Order(models.Model):
    number = models.PositiveIntegerField(unique=True)
    phone = models.CharField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    sms = models.UUIDField(null=True, unique=True)
    sms_state = models.CharField(max_length=16, default="queued")
    sms_revision = models.PositiveIntegerField(default=0)

    def job(self) -> SendJob:
        """The SMS of this order. The same order gives the same job, so enqueuing it twice sends it once."""
        return SendJob(
            to=self.phone,
            template="0000000",
            params=[str(self.number)],
            lane="notice",
            app=APP,
            reference=f"order-{self.number}",
        )

    @classmethod
    def place(cls, number: int, phone: str) -> "Order":
        """Create an order and its SMS, both or neither."""
        with transaction.atomic():
            order = cls(number=number, phone=phone)
            order.sms = enqueue_on_commit(order.job())
            order.save()
        return order

    @classmethod
    def settle(cls, sms: str, state: str, revision: int) -> None:
        """Write down an outcome, unless a later one is known: an outcome may come twice, or after a later one."""
        cls.objects.filter(sms=sms, sms_revision__lt=revision).update(sms_state=state, sms_revision=revision)
