"""All checks, in the order in which they are carried out: what there is first, then what it does."""

from typing import Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.checks import (
    dapr_api,
    delivery,
    documents,
    folder,
    http_api,
    http_errors,
    reaching,
    registration,
    workloads,
)

CHECKS: Final[tuple[Check, ...]] = (
    *workloads.CHECKS,
    *folder.CHECKS,
    *reaching.CHECKS,
    *http_api.CHECKS,
    *http_errors.CHECKS,
    *documents.CHECKS,
    *delivery.CHECKS,
    *registration.CHECKS,
    *dapr_api.CHECKS,
)
