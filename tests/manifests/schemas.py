"""Schemas of Kubernetes and of CustomResourceDefinitions, both strict, and what of an object does not fit its own.

Strict means: a field that the schema does not know is a fault, and so is null, which a server takes for absent.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.manifests.crd_schemas import strict
from tests.manifests.objects import LOADER, Object, ident

KUBERNETES: Final = "v1.33.0"
URI: Final = "urn:learnflow:kubernetes"
META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

# Kubernetes' own schema says these only in prose.
QUANTITY: Final = r"^[+-]?(\d+(\.\d*)?|\.\d+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?\d+)?$"
DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
DNS_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL_KEY: Final = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
PORT: Final = {"minimum": 1, "maximum": 65535}
SAID_IN_PROSE: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "core.v1.Container": {
        "name": {"pattern": DNS_LABEL},
        "imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    },
    "core.v1.ContainerPort": {
        "containerPort": PORT,
        "name": {"pattern": DNS_LABEL, "maxLength": 15},
        "protocol": {"enum": ["TCP", "UDP", "SCTP"]},
    },
    "core.v1.EnvVar": {"name": {"pattern": r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"}},
    "core.v1.EmptyDirVolumeSource": {"medium": {"enum": ["", "Memory"]}},
    "core.v1.HTTPGetAction": {"scheme": {"enum": ["HTTP", "HTTPS"]}, "path": {"pattern": "^/"}},
    "core.v1.PersistentVolumeClaimSpec": {
        "accessModes": {
            "items": {"enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]},
        },
    },
    "core.v1.PodSpec": {
        "restartPolicy": {"enum": ["Always", "OnFailure", "Never"]},
        "dnsPolicy": {"enum": ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]},
    },
    "core.v1.SeccompProfile": {"type": {"enum": ["RuntimeDefault", "Localhost", "Unconfined"]}},
    "core.v1.ServicePort": {
        "port": PORT,
        "nodePort": {"minimum": 30000, "maximum": 32767},
        "protocol": {"enum": ["TCP", "UDP", "SCTP"]},
    },
    "core.v1.ServiceSpec": {"type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]}},
    "core.v1.TopologySpreadConstraint": {
        "maxSkew": {"minimum": 1},
        "whenUnsatisfiable": {"enum": ["DoNotSchedule", "ScheduleAnyway"]},
    },
    "core.v1.VolumeMount": {"mountPath": {"pattern": "^/[^:]*$"}},
    "apps.v1.DeploymentStrategy": {"type": {"enum": ["RollingUpdate", "Recreate"]}},
    "apps.v1.StatefulSetSpec": {"podManagementPolicy": {"enum": ["OrderedReady", "Parallel"]}},
    "apps.v1.StatefulSetUpdateStrategy": {"type": {"enum": ["RollingUpdate", "OnDelete"]}},
    "batch.v1.JobSpec": {
        "completionMode": {"enum": ["NonIndexed", "Indexed"]},
        "podReplacementPolicy": {"enum": ["TerminatingOrFailed", "Failed"]},
    },
    "autoscaling.v2.MetricSpec": {
        "type": {"enum": ["ContainerResource", "External", "Object", "Pods", "Resource"]},
    },
    "autoscaling.v2.MetricTarget": {"type": {"enum": ["Utilization", "Value", "AverageValue"]}},
    "autoscaling.v2.HPAScalingPolicy": {"type": {"enum": ["Pods", "Percent"]}},
    "networking.v1.NetworkPolicyPort": {"protocol": {"enum": ["TCP", "UDP", "SCTP"]}},
    "networking.v1.NetworkPolicySpec": {"policyTypes": {"items": {"enum": ["Ingress", "Egress"]}}},
    "policy.v1.PodDisruptionBudgetSpec": {
        "unhealthyPodEvictionPolicy": {"enum": ["IfHealthyBudget", "AlwaysAllow"]},
    },
    "rbac.v1.RoleRef": {"kind": {"enum": ["Role", "ClusterRole"]}},
    "rbac.v1.Subject": {"kind": {"enum": ["User", "Group", "ServiceAccount"]}},
}

FORMATS: Final = FormatChecker(formats=())


@FORMATS.checks("int32")
def _int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@FORMATS.checks("int64")
def _int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@FORMATS.checks("byte", raises=binascii.Error)
def _byte(value: object) -> bool:
    return not isinstance(value, str) or bool(base64.b64decode(value, validate=True)) or not value


@FORMATS.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _keyed(
    validator: Draft202012Validator, keys: Sequence[str], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    # A list that is a map: of two entries with one key the server would refuse, or forget, one.
    del validator, schema
    if not isinstance(instance, list):
        return
    # The only key with a default, in all of Kubernetes' lists.
    default = {"protocol": "TCP"}
    seen = set()
    for index, entry in enumerate(instance):
        if isinstance(entry, dict):
            key = tuple(repr(entry.get(name, default.get(name))) for name in keys)
            if key in seen:
                yield ValidationError(f"{', '.join(keys)} as in an entry before it", path=[index])
            seen.add(key)


def _list_type(
    validator: Draft202012Validator, kind: str, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    del validator, schema
    if kind == "set" and isinstance(instance, list) and len({repr(entry) for entry in instance}) != len(instance):
        yield ValidationError("an entry more than once")


_Validator: Final = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"x-kubernetes-list-map-keys": _keyed, "x-kubernetes-list-type": _list_type}
)


class Schemas:
    """The schemas of all kinds that may occur.

    Args:
        crds: files that hold a CustomResourceDefinition each, whose kinds may occur besides Kubernetes' own.
    """

    def __init__(self, crds: Iterable[Path] = ()) -> None:
        definitions = _definitions()
        kinds: dict[tuple[str, str], Any] = {
            kind: {"$ref": f"{URI}#/$defs/{name}", "required": ["apiVersion", "kind", "metadata"]}
            for kind, name in _kinds(definitions)
        }
        for file in crds:
            kinds |= _custom(yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER))  # noqa: S506 - a safe one
        registry: Registry[Any] = Registry().with_resource(
            URI, Resource.from_contents({"$defs": definitions}, default_specification=DRAFT202012)
        )
        self._validators = {
            kind: _Validator(
                {**schema, "$schema": _Validator.META_SCHEMA["$id"]}, registry=registry, format_checker=FORMATS
            )
            for kind, schema in kinds.items()
        }

    @property
    def kinds(self) -> frozenset[tuple[str, str]]:
        """The apiVersion and kind of whatever has a schema."""
        return frozenset(self._validators)

    def faults(self, thing: Object) -> list[str]:
        """What is wrong with an object, each fault with the object and the JSON path; empty if it is valid."""
        validator = self._validators.get((str(thing.get("apiVersion")), str(thing.get("kind"))))
        if validator is None:
            return [f"{ident(thing)}: no such kind: {thing.get('apiVersion')} {thing.get('kind')}"]
        found = sorted(validator.iter_errors(thing), key=lambda error: error.json_path)
        faults = [f"{ident(thing)} {error.json_path}: {error.message}" for error in found]
        metadata = thing.get("metadata")
        if isinstance(metadata, dict) and not metadata.get("name"):
            faults.append(f"{ident(thing)} $.metadata: 'name' is a required property")
        return faults


@cache
def _definitions() -> dict[str, Any]:
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"{KUBERNETES}-local-strict"
    read: dict[str, Any] = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    definitions = {name: _without_null(schema) for name, schema in read.items()}
    for name, fields in SAID_IN_PROSE.items():
        for field, more in fields.items():
            # A KeyError here: Kubernetes renamed what we add to.
            definitions[f"io.k8s.api.{name}"]["properties"][field].update(more)
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {
        "type": ["string", "number"],
        "pattern": QUANTITY,
    }
    metadata = definitions[META]["properties"]
    metadata["name"].update(pattern=DNS_SUBDOMAIN, maxLength=253)
    metadata["labels"].update(
        propertyNames={"pattern": LABEL_KEY}, additionalProperties={"type": "string", "pattern": LABEL_VALUE}
    )
    metadata["annotations"].update(propertyNames={"pattern": LABEL_KEY})
    return definitions


def _without_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: _without_null(value) for key, value in schema.items()}
    kinds = copy.get("type")
    if isinstance(kinds, list):
        copy["type"] = [kind for kind in kinds if kind != "null"]
    return copy


def _kinds(definitions: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    for name, schema in definitions.items():
        fields = schema.get("properties", {})
        versions, kinds = (fields.get(field, {}).get("enum", ()) for field in ("apiVersion", "kind"))
        for version in versions:
            for kind in kinds:
                if "metadata" in fields and not kind.endswith("List"):
                    yield (version, kind), name


def _custom(crd: dict[str, Any]) -> dict[tuple[str, str], Any]:
    group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
    found = {}
    for version in crd["spec"]["versions"]:
        if version["served"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            api = f"{group}/{version['name']}"
            schema["properties"] |= {
                "apiVersion": {"enum": [api]},
                "kind": {"enum": [kind]},
                "metadata": {"$ref": f"{URI}#/$defs/{META}"},
            }
            schema["required"] = sorted({*schema.get("required", ()), "apiVersion", "kind", "metadata"})
            found[api, kind] = schema
    return found
