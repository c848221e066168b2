"""Reports as Markdown and HTML, and the words and numbers that these share with the command line."""

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..errors.inert import inert_line

if TYPE_CHECKING:
    from .report import GroupScores, Report

TEMPLATES = {".md": "report.md", ".html": "report.html"}


def render(report: "Report", suffix: str, pictures: Mapping[str, str] | None = None) -> str:
    """Write a report as text.

    :param suffix: One of `TEMPLATES`.
    :param pictures: Pictures in SVG by their names, which HTML holds.
    """
    environment = Environment(
        loader=PackageLoader("spacy_kmgre.evaluation"),
        autoescape=suffix == ".html",  # noqa: S701  # Markdown has escape_cell.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cell = (lambda text: text) if suffix == ".html" else escape_cell
    return environment.get_template(TEMPLATES[suffix]).render(
        report=report,
        cell=cell,
        header=table_header(report),
        sections=[
            (section.title, [[cell(text) for text in table_row(report, line)] for line in section.lines])
            for section in report.sections
        ],
        notes=[cell(note) for note in (*report.notes, *setting_notes(report))],
        pictures={name: _data_url(picture) for name, picture in (pictures or {}).items()},
        settings={name: cell(str(value)) for name, value in report.settings.items()},
    )


def _data_url(picture: str) -> str:
    """A picture as an address that holds it whole. An image runs no scripts."""
    return f"data:image/svg+xml;base64,{b64encode(picture.encode('utf8')).decode('ascii')}"


def table_header(report: "Report") -> tuple[str, ...]:
    """The titles of the columns, without that of the first one, which holds the kinds of relations."""
    columns = ("P", "R", "F", f"{100 * report.confidence:g} % of F", "right", "predicted", "gold")
    return columns if report.baseline is None else (*columns, "F - baseline", "its interval", "p")


def table_row(report: "Report", line: "GroupScores") -> list[str]:
    """The cells of a line: the kind of relation, then the columns of `table_header`."""
    cells = [line.title, percent(line.p), percent(line.r), percent(line.f), interval(line.intervals["f"])]
    cells += ["-" if count is None else str(count) for count in (line.correct, line.predicted, line.gold)]
    if report.baseline is not None:
        cells += difference(line)
    return cells


def difference(line: "GroupScores") -> tuple[str, str, str]:
    """The difference from the baseline, its interval, and its p-value."""
    p_value = "-" if line.p_value is None else f"{line.p_value:.3f}"
    return percent(line.difference, sign=True), interval(line.difference_interval, sign=True), p_value


def setting_notes(report: "Report") -> list[str]:
    """Sentences on the best threshold and on the calibration, where they have been looked for."""
    notes = []
    if report.threshold is not None:
        f, elsewhere = (
            percent(tally.scores()["f"])
            for tally in (report.threshold.tally, report.threshold.cross_validated)
        )
        notes.append(
            f"Best threshold for micro F: {report.threshold.threshold:g}, with F {f} on this corpus, and F {elsewhere} "
            "in cross-validation (each fifth of the documents with the best threshold of the others)."
        )
    if report.calibration is not None:
        before, after = percent(report.calibration.before), percent(report.calibration.cross_validated)
        notes.append(
            f"Scores are {before} % away from probabilities (expected calibration error, without scores near 0), "
            f"and {after} % if calibrated, in cross-validation."
        )
    return notes


def percent(value: float | None, sign: bool = False) -> str:
    """A share in percent, "-" for None."""
    return "-" if value is None else f"{100 * value:{'+' if sign else ''}.1f}"


def interval(ends: tuple[float, float] | None, sign: bool = False) -> str:
    """An interval in percent, "-" for None."""
    return "-" if ends is None else " to ".join(percent(end, sign) for end in ends)


def escape_cell(text: str) -> str:
    """Escape text for a line or a cell of a table in Markdown."""
    text = inert_line(text)
    for character in "\\|`*_<[":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
