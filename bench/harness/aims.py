"""What we want to reach."""

from dataclasses import dataclass
from typing import Callable

from .tables import Figures


@dataclass
class Aim:
    """One thing that we want to reach."""

    claim: str
    goal: float
    is_limit: bool  # The figure has to stay below the goal rather than reach it.
    find: Callable[[dict[str, Figures]], float | None]

    def verdict(self, summary: dict[str, Figures]) -> Figures | None:
        try:
            value = self.find(summary)
        except (KeyError, TypeError, ZeroDivisionError, ValueError):
            return None
        if value is None:
            return None
        is_met = value <= self.goal if self.is_limit else value >= self.goal
        what = {"claim": self.claim, "goal": self.goal, "is_limit": self.is_limit}
        return what | {"value": round(value, 4), "is_met": is_met}


def at_least(claim: str, goal: float, find) -> Aim:
    return Aim(claim, goal, False, find)


def at_most(claim: str, goal: float, find) -> Aim:
    return Aim(claim, goal, True, find)
