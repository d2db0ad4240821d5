"""The Indexed Job of large replays."""

from typing import Any, Final

from learnflow.settings import Settings
from tests.manifests.breaking import APP, NOTES, Policies, drop, put, remove
from tests.manifests.objects import Objects, Pod
from tests.manifests.policies.log import options, partitions
from tests.manifests.quantities import quantity

REPLAY: Final = ("Job", "replay")
MESSAGE_BYTES: Final = "LEARNFLOW_MESSAGE_BYTES"
# What a sidecar takes if it is not told.
MAX_BODY: Final = "4Mi"


def _replays(objects: Objects) -> list[tuple[Pod, dict[str, Any], list[str]]]:
    return [
        (pod, container, container["command"])
        for pod in objects.pods()
        for container in pod.containers()
        if (container.get("command") or [])[:2] == ["learnflow", "replay"]
    ]


def each_partition_is_somebodys(objects: Objects) -> list[str]:
    """There are as many pods as shares, each with its own, no more than partitions, and all of them at once.

    The number is said three times. A share that nobody has is never replayed; one that waits for another to end does so
    for ever, since share 0 waits for all.
    """
    faults = []
    found = _replays(objects)
    for pod, _, command in found:
        spec = pod.owner["spec"]
        shares = [part.partition("=")[2] for part in command if part.startswith("--share=")]
        count = spec.get("completions")
        if spec.get("completionMode") != "Indexed" or shares != [f"$(JOB_COMPLETION_INDEX)/{count}"]:
            faults.append(f"{pod.name}: {count} pods, {spec.get('completionMode')}, with shares {shares}")
        if spec.get("parallelism") != count:
            faults.append(f"{pod.name}: {spec.get('parallelism')} of {count} at once")
        if not 1 <= (count or 0) <= partitions(objects):
            faults.append(f"{pod.name}: {count} shares of {partitions(objects)} partitions")
        # Share 0 ends when the new generation serves; whoever helps it is not waited for.
        if (spec.get("successPolicy") or {}).get("rules") != [{"succeededIndexes": "0"}]:
            faults.append(f"{pod.name}: successPolicy {spec.get('successPolicy')}")
    return faults if found else ["there is no Job for replays"]


def memory_is_enough(objects: Objects) -> list[str]:
    """A replay may have the memory that it is told to use, and half as much again: killed, it does all of it again."""
    faults = []
    for pod, container, command in _replays(objects):
        told, limit = options(command)["memory"], container["resources"]["limits"]["memory"]
        if told is None or quantity(f"{told}Mi") * 3 / 2 > quantity(limit):
            faults.append(f"{pod.name}: told to use {told} MiB of {limit}")
    return faults


def messages_fit_into_sidecars(objects: Objects) -> list[str]:
    """What an app sends at once its sidecar takes: each one's setting is the other's annotation."""
    faults = []
    for pod in objects.sidecars():
        said = {
            variable["name"]: variable.get("value") for one in pod.containers() for variable in one.get("env") or []
        }
        sent = int(said.get(MESSAGE_BYTES) or Settings.model_fields["message_bytes"].default)
        taken = pod.annotations.get("dapr.io/max-body-size", MAX_BODY)
        if sent > quantity(taken):
            faults.append(f"{pod.name}: sends {sent} bytes, and its sidecar takes {taken}")
    return faults


def _shares(count: object) -> list[str]:
    return ["learnflow", "replay", f"--share=$(JOB_COMPLETION_INDEX)/{count}"]


POLICIES: Final[Policies] = {
    each_partition_is_somebodys: {
        "one too many": put(REPLAY, "spec", "completions", value=5),
        "one share for all": put(REPLAY, *APP, "command", value=["learnflow", "replay", "--share=0/4"]),
        "all for each": put(REPLAY, *APP, "command", value=["learnflow", "replay"]),
        "one fewer": put(REPLAY, *APP, "command", value=_shares(3)),
        "one behind the other": put(REPLAY, "spec", "parallelism", value=1),
        "without numbers": drop(REPLAY, "spec", "completionMode"),
        "waiting for all": drop(REPLAY, "spec", "successPolicy"),
        "fewer partitions": put(
            ("Job", "create-log"), *APP, "command", value=["learnflow", "log", "create", "--partitions=2"]
        ),
        "none": remove(*REPLAY),
    },
    memory_is_enough: {
        "too little": put(REPLAY, *APP, "resources", "limits", "memory", value="1Gi"),
        "too much": put(REPLAY, *APP, "command", value=[*_shares(4), "--memory=2048"]),
    },
    messages_fit_into_sidecars: {
        "not said": drop(REPLAY, *NOTES, "dapr.io/max-body-size"),
        "not quite": put(REPLAY, *NOTES, "dapr.io/max-body-size", value="64M"),
    },
}
