"""The apps file of the stage: an app for every way in which a delivery may end, its URLs and keys recognisable.

Takes where the parts listen; gives the file's text. ``SECRETS`` are the strings in it that must not leave it.
"""

import base64

_PATH, _QUERY, _PASSWORD = "Zq81Path6b3d9f1a7c", "Zq81Query2e8c4a0f6d", "Zq81SinkBroker9d5b1f7e3a"
_OLD_KEY, _NEW_KEY = "Zq81SigningOld5c9a3e7f1b24", "Zq81SigningNew8d2f6b0c4e19"
_BASE64 = {key: base64.b64encode(key.encode()).decode() for key in (_OLD_KEY, _NEW_KEY)}
SIGNED_WITH = f"whsec_{_BASE64[_NEW_KEY]}"
SECRETS = {
    "webhook's path": _PATH,
    "webhook's query": _QUERY,
    "webhook's secret": _BASE64[_NEW_KEY],
    "webhook's secret, decoded": _NEW_KEY,
    "webhook's old secret": _BASE64[_OLD_KEY],
    "webhook's old secret, decoded": _OLD_KEY,
    "sink broker's password": _PASSWORD,
}
QUEUE = "shop.sms"
ANSWERS = {"refusing": 500, "gone": 410, "moved": 302}  # of the endpoints of these apps
# What a delivery to an app comes to, in the words of the product.
ENDS = {
    "default": "200",
    "shop": "published",
    **{app: str(status) for app, status in ANSWERS.items()},
    "silent": "connection refused",
    "astray": "host not found",
    "insecure": "TLS failed",
    "lost": "broker",
    "lost-rabbit": "broker",
}


def path(app: str) -> str:
    """The path and query of an app's URL."""
    return f"/{_PATH}/{app}?token={_QUERY}"


def sink_broker(port: int) -> str:
    """The broker of the Celery app: another database of the relay's server."""
    return f"redis://default:{_PASSWORD}@127.0.0.1:{port}/1"


def apps_file(webhooks: str, broker_port: int) -> str:
    """The file; ``webhooks``: base of the receiver's URLs."""
    every = 'events = ["submitted", "retrying", "delivered", "failed", "expired", "unknown", "cancelled"]'
    hooks = {app: webhooks + path(app) for app in ("default", *ANSWERS)}
    hooks |= {"silent": "http://127.0.0.1:1" + path("silent"), "astray": "http://nowhere.invalid" + path("astray")}
    hooks |= {"insecure": webhooks.replace("http:", "https:") + path("insecure")}
    queues = {"shop": sink_broker(broker_port), "lost": sink_broker(1)}
    queues |= {"lost-rabbit": f"amqp://shop:{_PASSWORD}@127.0.0.1:1//"}
    secrets = ", ".join(f'"whsec_{_BASE64[key]}"' for key in (_NEW_KEY, _OLD_KEY))
    parts = [f'[{app}.webhook]\nurl = "{url}"\nsecrets = [{secrets}]\nprivate = true\n{every}\n' for app, url in hooks.items()]
    parts += [
        f'[{app}.celery]\nbroker = "{url}"\nqueue = "{QUEUE}"\ntask = "shop.tasks.sms_outcome"\n{every}\n'
        for app, url in queues.items()
    ]
    return "\n".join(parts)


# Files in which something is wrong, and every value is a secret.
WRONG = {
    "wrong values": f"""
[shop]
quota = "{_PASSWORD}"
[shop.webhook]
url = "https://shop:{_PASSWORD}@127.0.0.1/{_PATH}?token={_QUERY}#part"
secrets = ["whsec_{_PATH}", "{_BASE64[_NEW_KEY]}"]
events = ["{_PASSWORD}"]
{_PASSWORD} = "{_PATH}"
[shop.celery]
broker = "http://shop:{_PASSWORD}@127.0.0.1"
queue = "{_PATH} {_QUERY}"
task = "{_PATH} {_QUERY}"
[lost.celery]
broker = "redis://shop:{_PASSWORD}@127.0.0.1:port/0"
queue = "q"
task = "t"
""",
    "a table twice": f"[{_PASSWORD}]\n[{_PASSWORD}]\n",
    "a key twice": f"[shop]\nwebhook = {{ {_PATH} = 1, {_PATH} = 2 }}\n",
    "no TOML": f'[shop.webhook]\nurl = "https://127.0.0.1/{_PATH}\nsecrets = [whsec_{_BASE64[_NEW_KEY]}]\n',
}
