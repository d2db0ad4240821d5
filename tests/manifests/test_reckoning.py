"""What the rules reckon with: selectors, quantities, durations and flows."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifests.flows import NEW, Flow, flows
from tests.manifests.objects import Objects, selects
from tests.manifests.quantities import quantity, seconds


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("250m", Fraction(1, 4)),
        ("1.5", Fraction(3, 2)),
        ("64Mi", 64 * 1024**2),
        ("2G", 2 * 10**9),
        ("1k", 1000),
        (2, 2),
    ],
)
def test_quantities(text: str | int, amount: Fraction | int) -> None:
    assert quantity(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [("25s", 25), ("1m30s", 90), ("250ms", Fraction(1, 4)), ("1.5h", 5400), ("1h1ms", 3600 + Fraction(1, 1000))],
)
def test_durations(text: str, amount: Fraction | int) -> None:
    assert seconds(text) == amount


@pytest.mark.parametrize("text", ["", "25", "s", "1d", "1s "])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


@pytest.mark.parametrize("text", ["", "MiB", "64MB", "1 Gi"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))


@given(labels=LABELS, wanted=LABELS, key=st.sampled_from("abc"), values=st.lists(st.sampled_from("xyz"), min_size=1))
def test_selectors(labels: dict[str, str], wanted: dict[str, str], key: str, values: list[str]) -> None:
    assert selects({}, labels)
    assert not selects(None, labels)
    assert selects({"matchLabels": wanted}, labels) == (wanted.items() <= labels.items())

    def by(operator: str) -> bool:
        return selects({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}, labels)

    assert by("In") == any(labels.get(key) == value for value in values)
    assert by("NotIn") is not by("In")
    assert by("Exists") is (key in labels)
    assert by("DoesNotExist") is not by("Exists")
    assert selects({"matchLabels": wanted, "matchExpressions": [{"key": key, "operator": "Exists"}]}, labels) == (
        wanted.items() <= labels.items() and key in labels
    )


def pod(name: str, port: int) -> dict[str, Any]:
    """A workload whose pods listen on a port called `http`."""
    container = {"name": name, "ports": [{"name": "http", "containerPort": port}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {"kind": "StatefulSet", "metadata": {"name": name}, "spec": {"template": template}}


def policy(spec: dict[str, Any]) -> dict[str, Any]:
    """A NetworkPolicy."""
    return {"kind": "NetworkPolicy", "metadata": {"name": "some"}, "spec": spec}


def between(*policies: dict[str, Any]) -> set[str]:
    """What gets through between `a`, `b` and a pod elsewhere, to the port that `b` calls `http`."""
    things = Objects([pod("a", 1), pod("b", 80), *map(policy, policies)])
    names = {"a", "b", "monitoring"}
    found = flows(things, [(80, "TCP")])
    return {f"{flow.source}-{flow.target}" for flow in found if {flow.source, flow.target} <= names}


ALL = {"a-b", "b-a", "a-monitoring", "b-monitoring", "monitoring-a", "monitoring-b"}
A: dict[str, Any] = {"matchLabels": {"app": "a"}}
B: dict[str, Any] = {"matchLabels": {"app": "b"}}


@pytest.mark.parametrize(
    ("policies", "through"),
    [
        ([], ALL),
        ([{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}], set()),
        ([{"podSelector": {}}], {"a-monitoring", "b-monitoring"}),
        ([{"podSelector": B}], ALL - {"a-b", "monitoring-b"}),
        ([{"podSelector": B, "ingress": [{}]}], ALL),
        ([{"podSelector": B, "ingress": [{"from": [{"podSelector": A}]}]}], ALL - {"monitoring-b"}),
        ([{"podSelector": B, "ingress": [{"from": [{"namespaceSelector": {}}]}]}], ALL),
        # Both in one entry must hold, and of several entries one.
        (
            [{"podSelector": B, "ingress": [{"from": [{"namespaceSelector": {}, "podSelector": A}]}]}],
            ALL - {"monitoring-b"},
        ),
        ([{"podSelector": B, "ingress": [{"from": [{"namespaceSelector": {}}, {"podSelector": A}]}]}], ALL),
        ([{"podSelector": B, "ingress": [{"ports": [{"port": "http"}]}]}], ALL),
        ([{"podSelector": A, "ingress": [{"ports": [{"port": "http"}]}]}], ALL - {"b-a", "monitoring-a"}),
        (
            [{"podSelector": B, "ingress": [{"ports": [{"port": 80, "protocol": "UDP"}]}]}],
            ALL - {"a-b", "monitoring-b"},
        ),
        ([{"podSelector": B, "ingress": [{"ports": [{"port": 79, "endPort": 81}]}]}], ALL),
        ([{"podSelector": B}, {"podSelector": B, "ingress": [{}]}], ALL),
        ([{"podSelector": A, "policyTypes": ["Egress"]}], ALL - {"a-b", "a-monitoring"}),
        (
            [{"podSelector": A, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": B}]}]}],
            ALL - {"a-monitoring"},
        ),
        # Rules for egress without the type that makes them hold.
        ([{"podSelector": A, "policyTypes": ["Ingress"], "egress": [{}]}], ALL - {"b-a", "monitoring-a"}),
        ([{"podSelector": A, "egress": [{"ports": [{"port": 443}]}]}], {"b-monitoring", "monitoring-b"}),
    ],
)
def test_flows(policies: list[dict[str, Any]], through: set[str]) -> None:
    assert between(*policies) == through


def test_machines_elsewhere_have_addresses_and_no_labels() -> None:
    def reached(to: dict[str, Any]) -> set[str]:
        things = [pod("a", 1), policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [to]}]})]
        return {flow.target for flow in flows(Objects(things), [(5, "TCP")]) if flow.source == "a"}

    assert reached({"ipBlock": {"cidr": "10.0.0.0/8"}}) == {"no pod"}
    assert reached({"podSelector": {}}) == {NEW}
    assert "no pod" not in reached({"namespaceSelector": {}})


def test_flows_are_told_in_a_line() -> None:
    assert str(Flow("a", "b", 53, "UDP")) == "a -> b:53/UDP"
