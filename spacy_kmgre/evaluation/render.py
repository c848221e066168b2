"""Reports as Markdown and HTML."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from .calibration import LEAST
from .report import Line, Report

TEMPLATES = {".md": "report.md", ".html": "report.html"}


def render(report: Report, suffix: str) -> str:
    """:param suffix: One of `TEMPLATES`."""
    environment = Environment(
        loader=PackageLoader("spacy_kmgre.evaluation"),
        autoescape=suffix == ".html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(TEMPLATES[suffix])
    cell = (lambda text: text) if suffix == ".html" else escape_cell
    return template.render(
        report=report,
        header=table_header(report),
        sections=[
            (section.title, [[cell(text) for text in table_row(report, line)] for line in section.lines])
            for section in report.sections
        ],
        thresholds=threshold_rows(report),
        calibration=calibration_note(report),
        own=[(cell(label), value) for label, value in own_thresholds(report).items()],
        settings={name: cell(str(value)) for name, value in report.settings.items()},
    )


def table_header(report: Report) -> tuple[str, ...]:
    """The first column of the tables of scores is for the kind of relation."""
    columns = ("P", "R", "F", f"{100 * report.confidence:g} % of F", "right", "predicted", "gold")
    return columns if report.baseline is None else (*columns, "F - baseline", "its interval", "p")


def table_row(report: Report, line: Line) -> list[str]:
    """Cells of a table with the kind of relation and `table_header`."""
    cells = [line.title, percent(line.p), percent(line.r), percent(line.f), interval(line.intervals["f"])]
    cells += ["-" if count is None else str(count) for count in (line.correct, line.predicted, line.gold)]
    if report.baseline is not None:
        sure = "-" if line.p_value is None else f"{line.p_value:.3f}"
        cells += [percent(line.difference, sign=True), interval(line.difference_interval, sign=True), sure]
    return cells


def threshold_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Kind of threshold, threshold, F on the corpus, F in cross-validation."""
    return [
        (
            kind,
            f"{found.threshold:g}",
            percent(found.tally.scores()["f"]),
            percent(found.cross_validated.scores()["f"]),
        )
        for kind, found in (report.thresholds or {}).items()
    ]


def calibration_note(report: Report) -> str:
    """How far scores are from probabilities; empty where that was not looked for."""
    found = report.calibration
    if found is None:
        return ""
    return (
        f"Scores above {LEAST:g} are {percent(found.before)} % away from probabilities (expected calibration error), "
        f"{percent(found.cross_validated)} % if calibrated (cross-validated)"
    )


def own_thresholds(report: Report) -> dict[str, float]:
    """The thresholds of single labels."""
    return {
        label: value
        for found in (report.thresholds or {}).values()
        for label, value in found.thresholds.items()
    }


def percent(value: float | None, sign: bool = False) -> str:
    return "-" if value is None else f"{100 * value:{'+' if sign else ''}.1f}"


def interval(ends: tuple[float, float] | None, sign: bool = False) -> str:
    return "-" if ends is None else " to ".join(percent(end, sign) for end in ends)


def escape_cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    for character in "\\|`*_<[":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
