"""The order in which the nodes of a RabbitMQ are tried."""

from hypothesis import given
from hypothesis import strategies as st

from smsrelay.broker.rabbitmq_nodes import RabbitMQNodes

A, B, C = "amqp://a:5672/%2F", "amqp://b:5672/%2F", "amqp://c:5672/%2F"
URL = ";".join((A, B, C))


def test_nodes_are_first_tried_in_the_order_of_the_url() -> None:
    assert RabbitMQNodes(URL).in_order == (A, B, C)


def test_a_node_that_failed_is_tried_last_and_the_next_one_first() -> None:
    nodes = RabbitMQNodes(URL)
    nodes.failed(A)
    assert nodes.in_order == (B, C, A)


def test_a_node_that_answered_is_tried_first_from_then_on() -> None:
    nodes = RabbitMQNodes(URL)
    nodes.answered(C)
    assert nodes.in_order == (C, A, B)


def test_kombu_is_led_to_the_next_node_at_each_failure_and_round_again() -> None:
    nodes = RabbitMQNodes(URL)
    assert [next(nodes) for _ in range(4)] == [B, C, A, B]


def test_a_single_node_stays_the_first_and_its_failures_are_counted() -> None:
    nodes = RabbitMQNodes(A)
    nodes.failed(A)
    assert (nodes.in_order, nodes.failures(A)) == ((A,), 1)


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.booleans())))
def test_whatever_happens_every_node_is_tried_and_none_twice(events: list[tuple[str, bool]]) -> None:
    nodes = RabbitMQNodes(URL)
    for node, answered in events:
        (nodes.answered if answered else nodes.failed)(node)
        assert sorted(nodes.in_order) == [A, B, C]
        assert (nodes.first if answered else nodes.in_order[-1]) == node
