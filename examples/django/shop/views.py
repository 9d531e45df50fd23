"""Orders, and the webhook that hears what became of their SMS."""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from standardwebhooks import Webhook, WebhookVerificationError

from shop.models import Order
from smsrelay import Rejection


@csrf_exempt
@require_POST
def create_order(request: HttpRequest) -> HttpResponse:
    body = json.loads(request.body)
    try:
        order = Order.place(body["number"], body["phone"])
    except Rejection as rejection:  # before the commit, so there is no order either
        problems = [{"field": problem.field, "reason": problem.reason} for problem in rejection.problems]
        return JsonResponse({"errors": problems}, status=422)
    return JsonResponse({"sms": str(order.sms)}, status=201)


@require_GET
def show_order(request: HttpRequest, number: int) -> HttpResponse:
    order = get_object_or_404(Order, number=number)
    return JsonResponse({"number": order.number, "sms": str(order.sms), "state": order.sms_state})


@csrf_exempt  # it is signed
@require_POST
def take_outcome(request: HttpRequest) -> HttpResponse:
    try:
        event = Webhook(settings.WEBHOOK_SECRET).verify(request.body, dict(request.headers))
    except WebhookVerificationError:
        return HttpResponse(status=401)
    outcome = event["data"]
    if "id" in outcome:  # without one it is an operator's `smsrelay webhook test`
        Order.settle(outcome["id"], outcome["state"], outcome["revision"])
    return HttpResponse(status=204)
