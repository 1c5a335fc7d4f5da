"""What was done to the nights, and what was found, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.nights.plan import SHARES
from benchmarks.nights.simulation import Simulation


@dataclass(frozen=True)
class Row:
    """One seed: how often each thing was done, the figures at the end, and what did not hold."""

    seed: int
    done: dict[str, int]
    figures: dict[str, str]
    found: tuple[str, ...]


def row(seed: int, simulation: Simulation, seconds: float) -> Row:
    """The row of a simulation that has ended."""
    evidence = simulation.evidence
    snapshots = list(evidence.snapshots)
    releases = [release for each in snapshots for release in each.releases]
    words = [word for word in simulation.memory.words if word.acknowledged]
    codes = simulation.diary.codes
    figures = {
        "runs that ended with 0 / 3 / 75 / 1 / 2": " / ".join(
            str(codes[code]) for code in (0, 3, 75, 1, 2)
        ),
        "snapshots": str(len(snapshots)),
        "papers shown": str(sum(len(each.papers) for each in snapshots)),
        "releases": str(len(releases)),
        "of which corrections and healed gaps": str(
            sum(release["reason"] in ("correction", "heal") for release in releases)
        ),
        "lines by the model that readers see": str(simulation.diary.readers_lines),
        "decisions of editors": str(len(words)),
        "answers of the model": str(len(simulation.machine.world.account.answers)),
        "paid for twice": str(simulation.machine.world.paid_twice()),
        "repaired, as doctor said": str(len(simulation.operator.repairs)),
        "restored from the backup, as doctor said": str(len(simulation.operator.restored)),
        "minutes": f"{seconds / 60:.0f}",
    }
    return Row(seed, dict(simulation.diary.done), figures, tuple(simulation.diary.found))


def markdown(rows: Sequence[Row]) -> str:
    """All rows side by side, one column a seed."""
    names = [*SHARES, *rows[0].figures]
    head = ["done to the nights, and found", *(f"seed {each.seed}" for each in rows)]
    lines = [head, ["---", *("---:" for _ in rows)]]
    for name in names:
        cells = [each.figures.get(name) or str(each.done.get(name, 0)) for each in rows]
        lines.append([name, *cells])
    lines.append(["**what did not hold**", *(f"**{len(each.found)}**" for each in rows)])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    told = [f"- seed {each.seed}: {what}" for each in rows for what in each.found]
    return "\n".join([table, *told])
