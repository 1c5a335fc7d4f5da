"""Imports run one way: each line of ORDER uses only lines above it."""

import ast
from pathlib import Path

import pytest

PIPELINE = Path(__file__).resolve().parent.parent / "pipeline"
MODULES = sorted(PIPELINE.rglob("*.py"))
ORDER = [
    ["errors", "text", "wording"],
    ["files", "logs", "sentences", "typography", "excuses", "openings"],
    ["formats"],
    ["encoding", "databases", "chronology"],
    ["records"],
    ["books"],
    ["exchange", "progress", "ordering", "sections", "spending"],
    ["settings_faults"],
    ["gate_settings"],
    ["settings"],
    ["decisions", "differences", "word_differences", "front_matter"],
    ["snapshot", "candidates", "contenders", "glossary", "prompt_sources"],
    ["journals"],
    ["outputs", "prompts", "cache", "llm"],
    ["proofs"],
    ["damage"],
    ["papers_again"],
    ["checks"],
    ["configuration", "sources", "ledger", "site"],
    ["site_folder", "topic_pages", "search_index", "sources_of_pages"],
    ["choice", "composition", "wanted", "rulebook", "preferences", "promotion", "exports"],
    ["ray_address"],
    ["ray_session"],
    ["ray_pool"],
    ["executors", "passes"],
    ["stages"],
    ["staleness", "estimate"],
    ["status", "report", "desk"],
    ["comparison", "notices", "run_journal"],
    ["releasing"],
    ["advice", "restoring", "restored_releases"],
    ["repair"],
    ["run"],
    ["diagnosis"],
    ["doctor"],
    ["forecast", "backfill"],
    ["bulk"],
    ["prompting"],
    ["demo"],
    ["web"],
    ["cli"],
    ["__main__"],
]
ANYWHERE = {"version"}
APART = {"executors", "stages"}
"""Packages whose modules do not import each other."""
ABOVE_ITS_OWN = {"pipeline.executors.selection", "pipeline.stages.check"}
"""Use their neighbours, and are imported by none of them."""
OWNERS = {
    "ray": {"ray_address", "ray_session", "ray_pool", "executors", "bulk"},
    "pyarrow": {"bulk"},
    "openai": {"llm"},
    "tiktoken": {"llm"},
    "tenacity": {"llm", "sources"},
    "pydantic": {"llm"},
    "diskcache": {"cache"},
    "arxiv": {"sources"},
    "requests": {"sources"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "argon2": {"web"},
    "tomlkit": {"promotion"},
    "latex2mathml": {"site"},
    "pagefind": {"search_index"},
    "apprise": {"notices"},
}


def place(name: str) -> int:
    return next(number for number, line in enumerate(ORDER) if name in line)


def part(path: Path) -> str:
    return path.relative_to(PIPELINE).parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PIPELINE.parent).with_suffix("").parts)


def imported(path: Path) -> set[str]:
    """Dotted names of all modules imported anywhere in the file, lazily too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            module = node.module or ""
            below = PIPELINE.parent.joinpath(*module.split("."))
            top = module == "pipeline"  # which exports nothing itself
            for alias in node.names:
                inside = (
                    top or (below / alias.name).is_dir() or (below / f"{alias.name}.py").is_file()
                )
                found.add(f"{module}.{alias.name}" if inside else module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_imports_only_from_above(path):
    here = part(path)
    if here == "__init__" or here in ANYWHERE:
        assert not any(name.startswith("pipeline") for name in imported(path))
        return
    for name in imported(path):
        package, _, below = name.partition(".")
        there = below.partition(".")[0]
        if package != "pipeline" or there in ANYWHERE:
            continue
        if there == here:
            chooser = dotted(path) in ABOVE_ITS_OWN
            apart = here in APART and name != dotted(path) and not chooser
            assert not apart, f"{dotted(path)} imports its neighbour {name}"
            continue
        assert place(there) < place(here), f"{dotted(path)} imports {name}, which is not above it"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_library_is_imported_by_its_owner_only(path):
    for name in imported(path):
        library = name.partition(".")[0]
        assert part(path) in OWNERS.get(library, {part(path)}), f"{dotted(path)} imports {library}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_is_at_most_400_lines_and_a_function_50(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 50, f"{node.name} has {length} lines"


def test_every_module_has_its_place():
    known = {name for line in ORDER for name in line} | ANYWHERE | {"__init__"}
    assert {part(path) for path in MODULES} <= known
