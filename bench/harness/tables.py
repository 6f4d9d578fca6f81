"""Figures as text: the three functions that all reports are made of."""

Figures = dict[str, object]


def pick(figures: Figures, path: str):
    """The figure at a dotted path, or None."""
    at: object = figures
    for part in path.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def text(value: object) -> str:
    """A figure with three digits that matter, as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, str | bool):
        return {True: "yes", False: "no"}.get(value, value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(heads: list[str], rows: list[list[object]]) -> str:
    """A Markdown table whose columns also line up in a terminal."""
    cells = [[text(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [heads, *cells]) for at in range(len(heads))]

    def line(row: list[str]) -> str:
        padded = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        return "| " + " | ".join(padded) + " |"

    rules = ["-" * (widths[0] + 2)] + ["-" * (width + 1) + ":" for width in widths[1:]]
    rule = "|" + "|".join(rules) + "|"
    return "\n".join([line(heads), rule, *map(line, cells)])
