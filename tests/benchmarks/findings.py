"""Findings that are no row of the table: one figure of ours beside one of somebody else's, and what is aimed at."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """How many times `other` our figure is; or with `faster` how many times ours is better; or no ratio at all."""

    section: str
    name: str
    ours: float
    unit: str
    beside: str = ""
    other: float | None = None
    target: float | None = None
    faster: bool = False
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """The ratio that the target is about; without another figure, ours itself."""
        if self.other is None:
            return self.ours if self.target is not None else None
        better = self.ours / self.other if self.more_is_better == self.faster else self.other / self.ours
        return better if self.faster or not self.more_is_better else 1 / better

    @property
    def met(self) -> bool | None:
        """Whether the target is met, if there is one."""
        if self.target is None or self.ratio is None:
            return None
        return self.ratio >= self.target if self.faster else self.ratio <= self.target

    @property
    def aim(self) -> str:
        """The target in words."""
        if self.target is None:
            return ""
        if self.other is None:
            return f"≤ {self.target:g} {self.unit}"
        return f"{'≥' if self.faster else '≤'} {self.target:g}x {self.beside}"
