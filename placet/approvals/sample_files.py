"""The processes that come with Placet, to begin one's own with: YAML files, each with the authority tables that it
looks in beside it."""

from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent / "samples"


@dataclass(frozen=True)
class Sample:
    """`tables`: files of the authority tables, by the keys of these."""

    name: str
    path: Path
    tables: dict[str, Path]

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")


def sample_names() -> list[str]:
    return sorted(path.stem for path in SAMPLES.glob("*.yaml"))


def sample_called(name: str) -> Sample | None:
    if name not in sample_names():
        return None
    tables = {path.stem.partition(".")[2]: path for path in sorted(SAMPLES.glob(f"{name}.*.csv"))}
    return Sample(name, SAMPLES / f"{name}.yaml", tables)
