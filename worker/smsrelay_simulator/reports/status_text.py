"""The descriptions of status codes in the vendor's guide."""

TEXTS: dict[int, str] = {
    200: "Delivered to handset",
    203: "Delivered to gateway",
    207: "Error delivering SMS to handset (reason unknown)",
    210: "Temporary phone error",
    211: "Permanent phone error",
    220: "Gateway/network cannot route message",
    221: "Message expired before delivery",
    222: "SMS not supported",
    229: "Message blocked by your request",
    230: "Message blocked by TeleSign",
    231: "Invalid/unsupported",
    234: "Price threshold exceeded",
    237: "Message blocked in requested country",
    238: "Destination blocked by prefix",
    250: "Final status unknown",
    286: "Transaction not attempted",
    290: "Message in progress",
    292: "Queued by gateway",
    295: "Status delayed",
    500: "Transaction not attempted",
    502: "Campaign error",
    503: "Carrier rejected – temporary problem",
    504: "Carrier rejected – permanent error",
    505: "Error on gateway – temporary error",
    506: "Error on gateway – permanent error",
    507: "Invalid destination address",
    508: "Invalid source address",
    510: "Message blocked by subscriber action or request",
    511: "Subscriber low on credit",
    512: "Roaming error",
    513: "Mobile number portability error",
    514: "Subscriber absent",
    515: "Suspected spam",
    599: "Status not available",
}


def text_of(code: int | str) -> str | None:
    """The guide's description of a code, given as a number or as digits; None when it has none."""
    return TEXTS.get(int(code)) if str(code).isdecimal() else None
