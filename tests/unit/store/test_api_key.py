"""Keys of the HTTP API: how they look, what is stored of them, and when they end."""

from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.lanes import Lane
from smsrelay_worker.store.api.api_key import ApiKey, KeyType, Scope, key_id_of, new_token, team_digest, token_hash

_INSTANTS = st.integers(0, 2**45)


def first(letters: str) -> str:
    return letters[0]


@st.composite
def keys(draw: st.DrawFn) -> ApiKey:
    optional = st.none() | st.integers(1, 10**9)
    return ApiKey(
        key_id="aaaaaaaa",
        app=draw(st.text(min_size=1, max_size=8)),
        name=draw(st.text(min_size=1, max_size=8)),
        type=draw(st.sampled_from(KeyType)),
        token_hash=token_hash("token"),
        scopes=draw(st.frozensets(st.sampled_from(Scope))),
        lanes=draw(st.frozensets(st.sampled_from(Lane))),
        created_at=draw(_INSTANTS),
        expires_at=draw(st.none() | _INSTANTS),
        quota_minute=draw(optional),
        quota_day=draw(optional),
        team=draw(st.frozensets(st.text(max_size=12))),
        revoked_at=draw(st.none() | _INSTANTS),
    )


def test_a_key_tells_its_type_and_its_id() -> None:
    key_id, token = new_token(KeyType.TEST, first)
    assert token == f"sms_test_{key_id}_" + "a" * 32
    assert key_id_of(token) == key_id == "aaaaaaaa"


def test_what_is_no_key_has_no_id() -> None:
    _, token = new_token(KeyType.LIVE, first)
    assert [key_id_of(text) for text in ("", token[:-1], token + "a", token.replace("live", "dead"), f" {token}")] == [None] * 5


@given(keys())
def test_a_key_is_read_as_it_was_stored(key: ApiKey) -> None:
    assert ApiKey.decode(key.key_id, key.encode()) == key


@given(keys(), _INSTANTS)
def test_a_key_ends_when_it_is_revoked_or_past_its_end(key: ApiKey, now: int) -> None:
    assert key.ended(now) == (key.revoked_at is not None or (key.expires_at is not None and now >= key.expires_at))


@given(st.text())
def test_only_the_key_itself_opens(text: str) -> None:
    _, token = new_token(KeyType.LIVE, first)
    key = ApiKey("aaaaaaaa", "shop", "x", KeyType.LIVE, token_hash(token), frozenset(), frozenset(), 0)
    assert key.matches(token)
    assert key.matches(text) == (text == token)
    assert token not in key.encode() + repr(key)


def test_a_number_is_kept_as_a_digest_that_needs_the_key() -> None:
    one, other = team_digest(b"k" * 16, "+8613912345678"), team_digest(b"l" * 16, "+8613912345678")
    assert one != other
    assert "13912345678" not in one
