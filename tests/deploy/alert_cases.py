"""For each alert of deploy/prometheus: series with which it fires, and series just short of that, with which it does not.

Series are spelled as promtool does, a value a minute from minute 0 on, and looked at in minute 60; ``smsrelay_`` and the labels
of a scrape are added. ``time()`` is 0 in minute 0, so an instant is spelled by the seconds since then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Series = Mapping[str, str]
MINUTES = 60


@dataclass(frozen=True, slots=True)
class Case:
    """One alert. ``labels``: of the alert that fires, besides those of the scrape."""

    alert: str
    fires: Series
    quiet: Series
    labels: str = ""


def _since(seconds: float) -> str:
    """An instant so many seconds before the look, in each minute."""
    return f"{MINUTES * 60 - seconds:g}x60"


def _always(seconds: float) -> str:
    """An instant that is so many seconds ago at each minute."""
    return f"{-seconds:g}+60x60"


def _submits(answered: int, uncertain: int) -> Series:
    """So many submits a minute."""
    kinds = {"answered": answered, "uncertain": uncertain}
    return {f'submits_total{{vendor="yisha",lane="otp",kind="{kind}",code="c"}}': f"0+{many}x60" for kind, many in kinds.items()}


def _final(failed: int, delivered: int) -> Series:
    """So many final messages a minute."""
    return {
        'final_total{lane="otp",state="failed",code="506"}': f"0+{failed}x60",
        'final_total{lane="otp",state="delivered",code="200"}': f"0+{delivered}x60",
    }


def _begins(soon: int) -> Series:
    """A hundred a minute, so many of them within five seconds and the others within thirty."""
    buckets = {"5": soon, "30": 100, "+Inf": 100}
    return {f'begin_wait_seconds_bucket{{lane="otp",le="{bound}"}}': f"0+{many}x60" for bound, many in buckets.items()}


_BOUNDS = {
    f'waiting_bound_seconds{{lane="{lane}"}}': f"{bound}x60"
    for lane, bound in (("otp", 60), ("notice", 600), ("marketing", 14400))
}
_SINK = 'sink="shop.webhook"'
VENDOR = (
    Case("SmsrelayCircuitOpen", {"circuit_open": "0x57 1x2"}, {"circuit_open": "0x59 1"}),
    Case("SmsrelayVendorErrors", _submits(80, 20), _submits(95, 5), 'vendor="yisha"'),
    Case(
        "SmsrelayVendorThrottles",
        {"rate_current": "50x60", "rate_configured": "100x60"},
        {"rate_current": "95x60", "rate_configured": "100x60"},
    ),
    Case(
        "SmsrelayHaltedByVendor",
        {'halt_timestamp_seconds{code="A400AC"}': _since(0)},
        {'halt_timestamp_seconds{code="operator"}': _since(0)},
        'code="A400AC"',
    ),
    Case(
        "SmsrelayUnlistedCodes",
        {'unlisted_reports{code="291"}': "3x50 4x9"},
        {'unlisted_reports{code="291"}': "3x60"},
        'code="291"',
    ),
)
TRAFFIC = (
    Case(
        "SmsrelayHaltedByOperator",
        {'halt_timestamp_seconds{code="operator"}': _since(1801)},
        {'halt_timestamp_seconds{code="operator"}': _since(1799)},
        'code="operator"',
    ),
    Case(
        "SmsrelayPartHalted",
        {'halted_part_timestamp_seconds{part="campaign:shop/spring"}': "-60x60"},
        {'halted_part_timestamp_seconds{part="campaign:shop/spring"}': _since(3599)},
        'part="campaign:shop/spring"',
    ),
    Case(
        "SmsrelayCodesWait",
        {'oldest_waiting_timestamp_seconds{lane="otp"}': _since(61), **_BOUNDS},
        {
            'oldest_waiting_timestamp_seconds{lane="otp"}': _always(59),
            'oldest_waiting_timestamp_seconds{lane="notice"}': "0x60",
            **_BOUNDS,
        },
        'lane="otp"',
    ),
    Case(
        "SmsrelayCodesWait",
        {'oldest_waiting_timestamp_seconds{lane="otp"}': _since(100), 'waiting_bound_seconds{lane="otp"}': "90x60"},
        {'oldest_waiting_timestamp_seconds{lane="otp"}': _since(100), 'waiting_bound_seconds{lane="otp"}': "110x60"},
        'lane="otp"',
    ),
    Case(
        "SmsrelayCodesWait",
        {'oldest_waiting_timestamp_seconds{lane="otp"}': _since(100), **_BOUNDS},
        {'oldest_waiting_timestamp_seconds{lane="otp"}': "0x60", **_BOUNDS},
        'lane="otp"',
    ),
    Case(
        "SmsrelayCodesSlow",
        _begins(90),
        _begins(100),
    ),
    Case(
        "SmsrelayNoticesWait",
        {'oldest_waiting_timestamp_seconds{lane="notice"}': _since(1000), **_BOUNDS},
        {
            'oldest_waiting_timestamp_seconds{lane="notice"}': _always(590),
            'oldest_waiting_timestamp_seconds{lane="otp"}': "0x60",
            **_BOUNDS,
        },
        'lane="notice"',
    ),
    Case(
        "SmsrelayMarketingBehind",
        {'waiting{lane="marketing"}': "1450000x60", "rate_current": "100x60", **_BOUNDS},
        {'waiting{lane="marketing"}': "1430000x60", 'waiting{lane="notice"}': "1450000x60", "rate_current": "100x60", **_BOUNDS},
        'lane="marketing"',
    ),
    Case(
        "SmsrelayCodesExpire",
        {'final_total{lane="otp",state="expired",code=""}': "0x50 1+1x9"},
        {
            'final_total{lane="otp",state="expired",code=""}': "0x57 1+1x2",
            'final_total{lane="notice",state="expired",code=""}': "0+9x60",
        },
    ),
    Case(
        "SmsrelayMessagesExpire",
        {'final_total{lane="marketing",state="expired",code=""}': "0+2x60"},
        {
            'final_total{lane="marketing",state="expired",code=""}': "0+1x60",
            'final_total{lane="otp",state="expired",code=""}': "0+9x60",
        },
        'lane="marketing"',
    ),
    Case("SmsrelayMessagesFail", _final(3, 9), _final(3, 20), 'code="506",lane="otp"'),
    Case(
        "SmsrelayFuseBlown",
        {'fuse_blown{app="shop",country="44"}': "1x60"},
        {'fuse_blown{app="shop",country="44"}': "1x50 _x10"},
        'app="shop",country="44"',
    ),
    Case(
        "SmsrelayJobsRefused",
        {'refused_jobs_total{reason="to"}': "0+5x60"},
        {'refused_jobs_total{reason="to"}': "0+3x60"},
        'reason="to"',
    ),
    Case("SmsrelayUndecodable", {'undecodable{kind="job"}': "0x55 1x4"}, {'undecodable{kind="job"}': "7x60"}, 'kind="job"'),
)
PROCESSES = (
    Case(
        "SmsrelayNoWorker",
        {'workers{queue="sms.otp"}': "0x60", 'waiting{lane="otp"}': "1x60", 'workers{queue="sms.notice"}': "0x60"},
        {
            'workers{queue="sms.otp"}': "0x60",
            'waiting{lane="otp"}': "0x60",
            'workers{queue="sms.status"}': "1x60",
            "reports_not_applied": "4x60",
        },
        'queue="sms.otp"',
    ),
    Case(
        "SmsrelayNoWorker",
        {'workers{queue="sms.status"}': "0x60", "reports_not_applied": "4x60"},
        {'workers{queue="sms.status"}': "0x60", "reports_not_applied": "0x60", 'waiting{lane="otp"}': "4x60"},
        'queue="sms.status"',
    ),
    Case(
        "SmsrelayNoWorker",
        {
            'workers{queue="sms.outcome"}': "0x60",
            'outcomes_waiting{sink="a.webhook"}': "0x60",
            'outcomes_waiting{sink="b.webhook"}': "2x60",
        },
        {'workers{queue="sms.outcome"}': "0x60", 'outcomes_waiting{sink="a.webhook"}': "0x60"},
        'queue="sms.outcome"',
    ),
    Case(
        "SmsrelayNoWorkers",
        {'workers{queue="sms.otp"}': "0x60", 'workers{queue="sms.notice"}': "0x60"},
        {'workers{queue="sms.otp"}': "0x60", 'workers{queue="sms.notice"}': "1x60"},
    ),
    Case(
        "SmsrelayNoReceiver",
        {"store_up": "1x60", 'receiver_last_seen_timestamp_seconds{host="a"}': "3400x60"},
        {
            "store_up": "1x60",
            'receiver_last_seen_timestamp_seconds{host="a"}': "0x60",
            'receiver_last_seen_timestamp_seconds{host="b"}': _always(59),
        },
    ),
    Case("SmsrelayNoReceiver", {"store_up": "1x60"}, {"store_up": "0x60"}),
    Case(
        "SmsrelayReceiverSilent",
        {
            'receiver_last_seen_timestamp_seconds{host="a"}': _since(301),
            'receiver_last_seen_timestamp_seconds{host="b"}': "0+60x60",
        },
        {
            'receiver_last_seen_timestamp_seconds{host="a"}': _since(299),
            'receiver_last_seen_timestamp_seconds{host="b"}': "0+60x60",
        },
        'host="a"',
    ),
    Case(
        "SmsrelayNoReports",
        {**_submits(20, 0), 'callbacks_total{result="applied"}': "5x60"},
        {**_submits(20, 0), 'callbacks_total{result="applied"}': "5+1x60"},
    ),
    Case("SmsrelayNoReports", _submits(2, 0), _submits(1, 20)),
    Case("SmsrelaySpoolNotEmpty", {'spool_reports{host="a"}': "3x60"}, {'spool_reports{host="a"}': "0x51 3x8"}, 'host="a"'),
    Case(
        "SmsrelayReportsNotApplied",
        {"reports_not_applied": "9x60", 'callbacks_total{result="failed"}': "0+5x60"},
        {"reports_not_applied": "9999x60", 'callbacks_total{result="applied"}': "0+5x60"},
    ),
    Case(
        "SmsrelayReportsNotApplied",
        {"reports_not_applied": "10001x60", 'callbacks_total{result="applied"}': "0+5x60"},
        {"reports_not_applied": "0x60", 'callbacks_total{result="applied"}': "5x60"},
    ),
    Case(
        "SmsrelayOutcomesStuck",
        {f"outcomes_oldest_timestamp_seconds{{{_SINK}}}": _since(901)},
        {f"outcomes_oldest_timestamp_seconds{{{_SINK}}}": _since(899)},
        _SINK,
    ),
    Case(
        "SmsrelayOutcomesStuck",
        {f"outcomes_oldest_timestamp_seconds{{{_SINK}}}": _since(901), f"outcomes_failing{{{_SINK}}}": "0x60"},
        {f"outcomes_oldest_timestamp_seconds{{{_SINK}}}": _since(901), f"outcomes_failing{{{_SINK}}}": "1x60"},
        _SINK,
    ),
    Case(
        "SmsrelayWebhookFailing",
        {f"outcomes_failing{{{_SINK}}}": "1x60", f"outcomes_paused{{{_SINK}}}": "0x60"},
        {f"outcomes_failing{{{_SINK}}}": "1x60", f"outcomes_paused{{{_SINK}}}": "1x60"},
        _SINK,
    ),
    Case("SmsrelayWebhookPaused", {f"outcomes_paused{{{_SINK}}}": "1x60"}, {f"outcomes_paused{{{_SINK}}}": "0x60"}, _SINK),
)
SERVERS = (
    Case("SmsrelayStoreDown", {"store_up": "1x57 0x2"}, {"store_up": "0x30 1x30"}),
    Case("SmsrelayStoreRefusesWrites", {"store_writable": "1x57 0x2"}, {"store_writable": "0x30 1x30"}),
    Case("SmsrelayNoMetrics", {"up": "1x56 0x3"}, {"up": "1x60"}),
    Case("SmsrelayNoMetrics", {"store_up": "1x60"}, {"up": "1x60"}),
    Case(
        "SmsrelayClocksApart", {'clock_skew_seconds{host="a"}': "-1.5x60"}, {'clock_skew_seconds{host="a"}': "0.9x60"}, 'host="a"'
    ),
    Case(
        "SmsrelayClocksFarApart",
        {'clock_skew_seconds{host="a"}': "31x60"},
        {'clock_skew_seconds{host="a"}': "-29x60"},
        'host="a"',
    ),
)
CASES = (*VENDOR, *TRAFFIC, *PROCESSES, *SERVERS)
