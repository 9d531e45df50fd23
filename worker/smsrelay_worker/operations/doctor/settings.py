"""Checks the settings: vendor account, policy, callback URL, keys, Flower's login, templates, time-outs.

Takes ``WorkerSettings``, returns findings. Reads the files that the settings name; connects to nothing.
"""

import re
from collections.abc import Collection, Mapping

from smsrelay.broker.queues import transport_options
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.template import Approval, Registry, load_registry
from smsrelay.enqueue import CHUNK
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.settings import ProducerSettings, SettingsError
from smsrelay_worker.apps.toml_file import AppsError, load_apps
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.limits.toml_file import LimitsError, load_limits
from smsrelay_worker.operations.doctor.finding import Finding, error, note, warning
from smsrelay_worker.operations.doctor.host import is_local, unencrypted_vendor
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.servers.broker import RABBITMQ_CONSUMER_TIMEOUT
from smsrelay_worker.policy.toml_file import PolicyError, load_policy
from smsrelay_worker.settings import ApiSettings, ConsoleSettings, OperatorSettings, WorkerSettings, flower_login
from smsrelay_worker.vendors.factory import create_vendor

TEST_TEMPLATE = "0000000"  # the vendor's public one [V]

_SHORT_KEY = 24  # characters; 24 hex digits are 96 bits
_SHORT_PASSWORD = 8
_FEW = 6  # distinct characters of a key; of 16 random hex digits fewer are distinct only once in 30,000 times
_PLACEHOLDER = re.compile(
    r"change|demo|example|placeholder|replace|secret|password|your[-_ ]|test|0123456789|1234567890|abcdef0|qwerty", re.IGNORECASE
)


def examine_settings(settings: WorkerSettings, recent_templates: Collection[str] = ()) -> list[Finding]:
    """Findings about the settings alone; ``recent_templates``: ids of templates used recently."""
    real = is_real(settings)
    longest = CHUNK * (Timeouts().slot + settings.connect_timeout + settings.read_timeout)
    return [
        *account(settings),
        *unencrypted_vendor(settings),
        *callback_url(settings.callback_url, real),
        *keys({"SMSRELAY_NUMBER_KEYS": settings.number_keys, "SMSRELAY_CALLBACK_KEYS": settings.callback_keys}, real),
        *payload_keys(settings.payload_keys, real),
        *flower(settings.flower_auth.get_secret_value() if settings.flower_auth else None),
        *only_to(settings.only_to_numbers),
        *_templates(settings, recent_templates, real),
        *_redelivery(settings, longest),
    ]


def only_to(numbers: Collection[str] | None) -> list[Finding]:
    """Says that this is a staging system, which its operators may have forgotten."""
    if numbers is None:
        return []
    return [warning("settings", Kind.ONLY_TO_IS_SET, count=len(numbers))]


def is_real(settings: WorkerSettings) -> bool:
    """Whether the vendor is the real one, on the internet, and not a simulator on this host or in Compose."""
    return not (is_local(settings.vendor_url) and is_local(settings.vendor_intl_url))


def account(settings: WorkerSettings) -> list[Finding]:
    """Problems of the vendor account, the policy, the limits and the apps file, with which no worker starts."""
    found = []
    try:
        create_vendor(settings)
    except SettingsError as problem:
        found.append(error("settings", Kind.SETTINGS_WRONG, reason=problem, processes="workers"))
    found += _files(settings, "workers")
    try:
        load_limits(settings.limits)
    except LimitsError as problem:
        found.append(error("limits", Kind.LIMITS_FILE_WRONG, reason=_one_line(problem)))
    return found


def files_of_api(settings: ApiSettings) -> list[Finding]:
    """Problems of the policy and the apps file, with which no API starts."""
    return _files(settings, "APIs")


def files_of_console(settings: ConsoleSettings) -> list[Finding]:
    """Problems of the policy and the apps file, with which no console starts."""
    return _files(settings, "consoles")


def _files(settings: OperatorSettings, processes: str) -> list[Finding]:
    found = []
    try:
        load_policy(settings.policy)
    except (PolicyError, OSError) as problem:
        found.append(error("policy", Kind.POLICY_FILE_WRONG, reason=_one_line(problem), processes=processes))
    try:
        load_apps(settings.apps)
    except AppsError as problem:
        found.append(error("apps", Kind.APPS_FILE_WRONG, reason=_one_line(problem), processes=processes))
    return found


def callback_url(url: str | None, real: bool) -> list[Finding]:
    """Problems of the receiver's public address; ``real``: the vendor is on the internet."""
    if url is None:
        return [error("callback", Kind.CALLBACK_URL_UNSET)]
    if not real:
        return []
    found = []
    if is_local(url):
        found.append(error("callback", Kind.CALLBACK_URL_PRIVATE))
    if not url.startswith("https://"):
        found.append(warning("callback", Kind.CALLBACK_URL_UNENCRYPTED))
    return found


def keys(rings: Mapping[str, KeyRing], real: bool) -> list[Finding]:
    """Problems of the keys, by variable: whoever guesses one can forge status reports, or find numbers by their hashes."""
    found = [finding for name, ring in rings.items() for finding in _keys(name, ring, real)]
    listed = [key for ring in rings.values() for key in ring.all]
    if len(set(listed)) < len(listed):
        found.append(warning("keys", Kind.KEYS_IN_COMMON, variables=", ".join(rings)))
    return found


def payload_keys(ring: KeyRing | None, real: bool) -> list[Finding]:
    """Problems of the keys that encrypt payloads, if there are any: whoever guesses one reads numbers and parameters."""
    return _keys("SMSRELAY_PAYLOAD_KEYS", ring, real) if ring else []


def _keys(name: str, ring: KeyRing, real: bool) -> list[Finding]:
    texts = [key.decode() for key in ring.all]
    if any(_PLACEHOLDER.search(key) or len(set(key)) < _FEW for key in texts):
        kind = error if real else warning
        return [kind("keys", Kind.KEY_IS_PLACEHOLDER, variable=name)]
    if len(texts[0]) < _SHORT_KEY:
        return [warning("keys", Kind.KEY_IS_SHORT, variable=name, least=_SHORT_KEY)]
    return []


def flower(auth: str | None) -> list[Finding]:
    """Problems of Flower's user and password."""
    if auth is None:
        return [note("flower", Kind.FLOWER_AUTH_UNSET)]
    try:
        _, password = flower_login(auth)
    except ValueError as problem:
        return [warning("flower", Kind.FLOWER_AUTH_WRONG, reason=problem)]
    if len(password) < _SHORT_PASSWORD:
        return [warning("flower", Kind.FLOWER_LOGIN_WEAK, least=_SHORT_PASSWORD)]
    return []


def templates(registry: Registry, recent: Collection[str], real: bool) -> list[Finding]:
    """Test or unapproved templates, registered or used recently, with the real vendor."""
    if not real:
        return []
    found = []
    if TEST_TEMPLATE in registry or TEST_TEMPLATE in recent:
        kind = Kind.TEST_TEMPLATE_REGISTERED if TEST_TEMPLATE in registry else Kind.TEST_TEMPLATE_USED
        found.append(warning("templates", kind, template=TEST_TEMPLATE))
    pending = sorted(one.id for one in registry.values() if one.status is Approval.PENDING and one.id != TEST_TEMPLATE)
    if pending:
        found.append(warning("templates", Kind.TEMPLATES_NOT_APPROVED, templates=", ".join(pending)))
    return found


def redelivery(longest: float, patience: float) -> list[Finding]:
    """A task may take ``longest`` seconds at worst; the broker delivers an unfinished one again after ``patience`` seconds."""
    if longest <= patience:
        return []
    return [warning("redelivery", Kind.REDELIVERY, longest=longest, patience=patience)]


def _redelivery(settings: WorkerSettings, longest: float) -> list[Finding]:
    if is_rabbitmq(settings.broker_url):
        return redelivery(longest, RABBITMQ_CONSUMER_TIMEOUT)
    # Redis may deliver a long chunk again while it runs, and the copy finds nothing to start. A single message must not outlast
    # it.
    return redelivery(longest / CHUNK, transport_options(settings.broker_url, 1)["visibility_timeout"])


def registry(settings: ProducerSettings) -> list[Finding]:
    """A template registry that cannot be read."""
    return _templates(settings, (), real=False)


def _templates(settings: ProducerSettings, recent: Collection[str], real: bool) -> list[Finding]:
    try:
        return templates(load_registry(settings.templates), recent, real)
    except (Rejection, OSError) as problem:
        return [error("templates", Kind.TEMPLATES_FILE_WRONG, reason=_one_line(problem))]


def _one_line(problem: Exception) -> str:
    """What is wrong with a file, in one line."""
    text = problem.strerror or "cannot be read" if isinstance(problem, OSError) else str(problem)
    return "; ".join(line.strip() for line in text.splitlines())
