"""What `learnflow verify` found, in lines for people."""

from projector.verification.audit import Audit
from projector.verification.findings import Comparison
from read_models.documents import OUTCOMES

_COLUMNS = ("same", "different", "only_in_old", "only_in_new", "unsettled")


def comparison_lines(comparison: Comparison) -> list[str]:
    """A table of counts, the places that differ, the first differences, and what would accept them."""
    lines = [f"{comparison.new} (new) compared with {comparison.old} (old)", ""]
    lines.append(f"  {'':16}" + "".join(f"{column.replace('_', ' '):>13}" for column in _COLUMNS))
    for kind, counts in comparison.counts.items():
        lines.append(f"  {kind:16}" + "".join(f"{getattr(counts, column):>13,}" for column in _COLUMNS))
    lines += ["", f"  sha256 of all, old  {comparison.old_sha256}", f"  sha256 of all, new  {comparison.new_sha256}"]
    if comparison.paths:
        lines += ["", "where they differ:"]
        for place in comparison.paths:
            accepted = f", {place.accepted:,} of them accepted" if place.accepted else ""
            lines.append(
                f"  {place.kind}: {place.path}  in {place.documents:,} documents, e.g. {place.example}{accepted}"
            )
        lines += ["", "the first of them:", *(f"  {line}" for one in comparison.differences for line in one.lines)]
    if comparison.accepting:
        lines += ["", "to accept all that is not accepted yet:", f"  {comparison.accepting}"]
    lines += [
        f"figures of learners and partitions do not add up to the same: {name}" for name in comparison.unequal_sums
    ]
    if comparison.unsettled:
        lines += ["", f"{comparison.unsettled:,} documents were never seen as of the same offsets: the one is behind"]
    return [*lines, "", _outcome(comparison), ""]


def audit_lines(audit: Audit) -> list[str]:
    """What became of the offsets, and what is wrong."""
    counts = ", ".join(f"{sum(getattr(one, name) for one in audit.partitions):,} {name}" for name in OUTCOMES)
    offsets = sum(one.checkpoint - one.log_start + 1 for one in audit.partitions)
    lines = [
        f"accounts of generation {audit.generation}{', which serves' if audit.active else ''}",
        "",
        f"  {len(audit.partitions)} partitions, {offsets:,} offsets: {counts}; {audit.behind:,} not folded yet",
    ]
    for fault in audit.faults:
        where = "all partitions" if fault.partition is None else f"partition {fault.partition}"
        lines.append(f"  {fault.kind}: {where}: {fault.detail}")
    lines += [f"  not looked at: {one}" for one in audit.unsettled]
    return [*lines, "", "sound" if audit.sound else f"UNSOUND: {len(audit.faults)} faults"]


def _outcome(comparison: Comparison) -> str:
    if not comparison.equal:
        return f"DIFFERENT: {comparison.rejected:,} documents differ in what is not accepted"
    if comparison.accepted:
        return f"equal but for what is accepted, in {comparison.accepted:,} documents"
    return "equal"
