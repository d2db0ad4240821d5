"""Traffic against the embedded service: everything accepted, and the oracle agrees with what is answered."""

import time
from pathlib import Path

import httpx2
import pytest

from deploy.minikube.verification.api import Client
from deploy.minikube.verification.findings import Finding, Notebook
from deploy.minikube.verification.judging import judge_clients, judge_learners, judge_platform
from deploy.minikube.verification.ledger import Accepted, Ending, Exchange, Span, chosen, counted, latencies, not_fine
from deploy.minikube.verification.scene import Addresses, including
from deploy.minikube.verification.traffic import Traffic
from tests.servers import Server, running_server

SECONDS = 4.0


def _green(see: Notebook) -> bool:
    return Finding(name="x", title="X.", covers=(), statements=tuple(see.statements), seconds=0).green


def _judged(server: Server, earlier: dict[str, float], traffic: Traffic, accepted: list[Accepted]) -> Notebook:
    see = Notebook()
    with Client(server.url) as client:
        including(client, "/status", accepted[-1].token)
        judge_clients(see, traffic)
        judge_learners(client, client, see, accepted)
        judge_platform(see, earlier, client.get("/status").json(), accepted)
    return see


@pytest.mark.process
def test_traffic_is_accepted_and_exactly_what_is_counted(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        httpx2.post(f"{server.url}/update-progress", json={"learner_id": "x", "lesson_id": "l", "completion": 1})
        with Client(server.url) as client:
            earlier = including(client, "/status", _token(server)).json()
        with Traffic(Addresses(server.url, server.url), "verify-test", writers=2) as traffic:
            traffic.wait_served(time.monotonic(), seconds=30)
            traffic.run_for(SECONDS)
        accepted = list(traffic.accepted)
        assert len({one.event_id for one in accepted}) == len(accepted) > 4
        assert {one.command.learner.rpartition("-")[0] for one in accepted} == {"verify-test"}
        assert not_fine(traffic.exchanges) == []
        assert not traffic.abandoned
        see = _judged(server, earlier, traffic, accepted)
        assert _green(see), see.statements
        # One event less, or one counted twice, is noticed.
        report = next(one for one in accepted if one.command.path == "/update-progress")
        for other in ([one for one in accepted if one is not report], [*accepted, report]):
            assert not _green(_judged(server, earlier, traffic, other))


@pytest.mark.process
def test_traffic_goes_on_through_an_outage_and_loses_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        port = server.port
        traffic = Traffic(Addresses(server.url, server.url), "verify-test", writers=2)
        with traffic:
            traffic.wait_served(time.monotonic(), seconds=30)
            server.kill()
            traffic.run_for(1)
            with running_server(tmp_path / "data", port=port) as again:
                traffic.wait_served(time.monotonic(), seconds=30)
                traffic.stop()
                failed = not_fine(traffic.exchanges)
                assert {one.ending for one in failed} <= {Ending.NO_ANSWER, Ending.UNAVAILABLE}
                assert failed
                assert any(one.sent > 1 for one in traffic.accepted)
                zero = dict.fromkeys(
                    (
                        "events",
                        "lessons_requested",
                        "lessons_known",
                        "lessons_started",
                        "lessons_completed",
                        "learners",
                    ),
                    0,
                )
                see = _judged(again, {**zero, "time_spent_seconds": 0}, traffic, traffic.accepted)
                assert _green(see), see.statements


def _token(server: Server) -> str:
    answer = httpx2.post(
        f"{server.url}/update-progress",
        json={"learner_id": "x", "lesson_id": "m", "completion": 0.5, "time_spent_seconds": 7.25},
    )
    return str(answer.headers["consistency-token"])


def _exchange(began: float, ended: float, ending: Ending = Ending.FINE, service: str = "a") -> Exchange:
    return Exchange(service=service, method="GET", ending=ending, said=ending.value, began=began, ended=ended)


def test_a_span_has_the_requests_that_overlap_with_it() -> None:
    before, across, within, after = (_exchange(*times) for times in ((0, 1), (1, 3), (3, 4), (6, 7)))
    assert Span(2, 5).of([before, across, within, after]) == [across, within]
    assert Span(2, 5).seconds == 3


def test_requests_are_chosen_counted_and_timed() -> None:
    exchanges = [_exchange(0, 0.010), _exchange(0, 0.030), _exchange(0, 9, Ending.UNAVAILABLE, "b")]
    assert chosen(exchanges, service="b") == not_fine(exchanges) == exchanges[2:]
    assert chosen(exchanges, method="POST") == []
    assert counted(exchanges) == "2 x fine, 1 x 503"
    assert counted([]) == "none"
    assert latencies(exchanges) == "median 30 ms, p99 30 ms, slowest 30 ms"
    assert latencies(exchanges[2:]) == "none ended well"
