"""Limited: jobs that the API refuses because of limits, lists and campaigns, and calls that a test key may not make."""

import json

from smsrelay.contract.state import State
from smsrelay_worker.api.problem_code import ProblemCode
from smsrelay_worker.store.api.api_key import KeyType
from tests.acceptance.leaks.foreign import job
from tests.acceptance.leaks.over_http import APP, PATH, OverHttp
from tests.support.store_keys import KEYS

_COUNTRIES = f"countries:{APP}"
_CAMPAIGN = "spring"


def limited(http: OverHttp, key: str) -> None:
    """One request for each of these problems; the limits are as before when it is done."""
    redis, person = http.play.stage.redis, http.play.cast.new("over HTTP, over its cap")
    # The workers know no cap: the place of a first code is reserved until it is begun.
    assert http.play.stage.limiter.halt_by_operator()
    redis.hset(KEYS.limits, mapping={"otp": json.dumps([["one a day", 1, 86_400_000, "o", [], "number"]]), "lasts": 86_400_000})
    first = http.call("a first code", "POST", PATH, key, job(person))
    http.play.cast.message_ids[person.role] = first.json()["id"]
    second = job(person) | {"reference": "another code"}
    http.refused(ProblemCode.TOO_MANY, "another code", "POST", PATH, key, second)
    redis.hset(KEYS.limits, _COUNTRIES, " 1 ")
    http.refused(ProblemCode.COUNTRY, "a country", "POST", PATH, key, second)
    redis.hdel(KEYS.limits, "otp", "lasts", _COUNTRIES)
    assert http.play.stage.limiter.resume()
    http.play.ends(person.role, State.DELIVERED)

    marketing = second | {"lane": "marketing"}
    http.call("suppressed", "POST", "/v1/suppressions", key, {"to": person.to})
    http.call("is it suppressed", "POST", "/v1/suppressions/find", key, {"to": person.to})
    http.refused(ProblemCode.SUPPRESSED, "marketing", "POST", PATH, key, marketing)
    test_key = http.key("test key that suppresses", KeyType.TEST)
    http.refused(ProblemCode.LIVE_KEY_NEEDED, "suppresses", "POST", "/v1/suppressions", test_key, {"to": person.to})
    http.call("suppressed no more", "POST", "/v1/suppressions/remove", key, {"to": person.to})

    campaigner = http.play.cast.new("over HTTP, in a campaign")
    of_campaign = job(campaigner) | {"campaign": _CAMPAIGN}
    http.play.cast.message_ids[campaigner.role] = http.call("of a campaign", "POST", PATH, key, of_campaign).json()["id"]
    http.play.ends(campaigner.role, State.DELIVERED)
    http.call("campaign cancelled", "POST", f"/v1/campaigns/{_CAMPAIGN}/cancel", key)
    http.refused(ProblemCode.ALREADY_CANCELLED, "pause", "POST", f"/v1/campaigns/{_CAMPAIGN}/pause", key)
    late = second | {"campaign": _CAMPAIGN}
    http.refused(ProblemCode.CAMPAIGN_CANCELLED, "a late job", "POST", PATH, key, late)
    http.call("messages to a number", "POST", f"{PATH}/find", key, {"to": person.to})
