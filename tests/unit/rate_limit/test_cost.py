from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.template import Approval, Template, segments
from smsrelay_worker.rate_limit.cost import MessageCost

TEMPLATE = Template(id="1", body="尊敬的{0}，{1}", signature="一砂", status=Approval.APPROVED)


COST = MessageCost({TEMPLATE.id: TEMPLATE}, count_segments=True)


def cost(template_id: str, params: tuple[str, ...]) -> int:
    return COST.of(template_id, params)


@given(st.text("甲乙😀", max_size=120))
def test_a_registered_text_costs_its_segments(name: str) -> None:
    assert cost(TEMPLATE.id, (name, "好")) == segments(TEMPLATE.preview((name, "好")))


def test_a_long_text_costs_more_than_one() -> None:
    assert [cost(TEMPLATE.id, ("甲" * length, "好")) for length in (1, 100, 200)] == [1, 2, 4]


def test_what_nobody_registered_or_does_not_fit_costs_one() -> None:
    assert cost("unknown", ("甲" * 300,)) == 1
    assert cost(TEMPLATE.id, ("甲",)) == 1
    assert cost(TEMPLATE.id, ("甲" * 600, "好")) == 1


def test_a_message_whose_payload_is_gone_costs_one() -> None:
    assert COST.of(TEMPLATE.id, None) == 1


def test_without_counting_segments_every_submit_costs_one() -> None:
    assert MessageCost({TEMPLATE.id: TEMPLATE}).of(TEMPLATE.id, ("甲" * 200, "好")) == 1
