"""The navigation at the top of each page: names, which are keys of texts below ``nav``, and paths."""

NAVIGATION = (
    ("now", "/"),
    ("find", "/find"),
    ("dead", "/dead"),
    ("due", "/due"),
    ("campaigns", "/campaigns"),
    ("codes", "/codes"),
    ("webhooks", "/webhooks"),
    ("suppressed", "/suppressed"),
    ("actions", "/actions"),
    ("doctor", "/doctor"),
)
