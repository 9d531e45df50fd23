"""Keys of one relay begin with its prefix, are in one slot, and no script spells any."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from smsrelay.contract.lanes import Lane
from smsrelay.servers.store_address import store_prefix
from smsrelay.store.keys import Keys
from tests.support.pages import ROOT

PREFIXES = ("{sms}", "shop.{a}", "{sms-2}_x", "{" + "x" * 38 + "}")


@given(st.sampled_from(PREFIXES), st.text(max_size=60))
def test_every_key_of_a_relay_is_in_the_slot_of_its_prefix_whatever_it_is_about(prefix: str, word: str) -> None:
    keys = Keys(store_prefix(prefix))
    of_word = (keys.message, keys.payload, keys.external, keys.parked, keys.outcomes, keys.held, keys.campaign, keys.campaign_ids)
    named = [*keys.fixed, *keys.lanes, *keys.numbers(word), *(key(word) for key in of_word), *map(keys.marks, Lane)]
    assert {key_slot(key.encode("utf-8", "surrogatepass")) for key in named} == {key_slot(prefix.encode())}
    assert all(key.startswith(f"{prefix}:") for key in named)


def test_fixed_keys_differ_and_stay_the_same() -> None:
    keys = Keys("{sms}")
    assert len(set(keys.fixed)) == len(keys.fixed) > 30
    assert keys.agenda is keys.agenda
    assert keys == Keys("{sms}") != Keys("{shop}")


WRONG = ("", "sms", "{}", "{sms", "sms}", "}sms{", "{a}{b}", "{{sms}}", "{s:ms}", "{sm s}", "{é}", "{" + "x" * 39 + "}")


@pytest.mark.parametrize("wrong", WRONG)
def test_a_prefix_without_exactly_one_hash_tag_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="exactly one part in braces"):
        store_prefix(wrong)


def test_no_script_spells_a_key() -> None:
    scripts = [path for folder in ("producers", "worker") for path in (ROOT / folder).rglob("*.lua")]
    code = {path.name: re.sub(r"--.*", "", path.read_text("utf-8")) for path in scripts}
    spelled = {name for name, text in code.items() if "sms" in text or re.search(r"call\('\w+', (?:'|[^),]*\.\.)", text)}
    assert spelled == set()
