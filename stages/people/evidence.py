"""The joint answer of all looks at one person: plain sums, no picture and no clock.

A label's margin is how far its score is above its threshold, as the difference of their logits; the answer is
the mean of the margins, weighted by the quality of the looks: the logarithmic pool of opinions (Genest and
Zidek, "Combining Probability Distributions", 1986).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from fashion_pipeline.fashion.color_words import JOINED, name_of
from fashion_pipeline.fashion.findings import Clothing, Garment, Person
from fashion_pipeline.stages.people.places import Box, inside, placed, relative

HYSTERESIS = 0.35
"""A label is added when its margin rises above this, and removed when it falls below minus this."""
MEMORY = 4.0
"""Greatest total weight of past looks, in looks of quality 1, because clothes may change."""
UNSURE_PART = 0.6
"""A label that is not told is unsure from this fraction of its threshold; see training/street/judge.py."""
ABSENT_PART = 0.3
"""Score assumed for a label that a look did not name, as a fraction of its threshold: half of UNSURE_PART."""
USUAL_QUALITY = 0.4
"""Assumed for a look whose quality is no longer known."""
VOTE = 2.0
"""Margin of a label without a threshold: plus this if told, minus this if not."""


@dataclasses.dataclass
class Label:
    """What is known of one label of a person."""

    region: str
    threshold: float | None
    place: Box
    margin: float
    """Sum over the looks, weighted."""
    score: float
    """The same for looks that named the label; shown where there is no threshold."""
    named: float
    is_told: bool
    colors: dict[str, float] = dataclasses.field(default_factory=dict)
    """The same for the share of each colour word."""
    color: str | None = None
    """The colour reported, if there is one."""
    color_shares: dict[str, float] | None = None

    def name_color(self) -> None:
        """Decide its colour: once per look, because it takes longer than everything else in a frame."""
        shares = {word: round(sum_ / self.named, 2) for word, sum_ in self.colors.items()}
        shares = {word: share for word, share in shares.items() if share}
        self.color = name_of(shares)
        self.color_shares = shares if self.colors else None


class Evidence:
    """All looks at one person."""

    def __init__(self) -> None:
        self.looks = 0
        self.classified_at_seq = -1
        self._weight = 0.0
        self._labels: dict[str, Label] = {}

    def add(
        self,
        garments: Sequence[Garment],
        unsure: Sequence[Garment],
        *,
        quality: float,
        person_xyxy: Sequence[float],
        seq: int,
    ) -> None:
        """Add a look: the answer of `classify`, and its quality (above 0)."""
        self._fade(quality)
        for garment in (*garments, *unsure):
            self._labels.setdefault(garment["label"], self._unseen(garment))
        for name, label in self._labels.items():
            told = next((item for item in garments if item["label"] == name), None)
            possible = next((item for item in unsure if item["label"] == name), None)
            self._weigh(label, told or possible, told is not None, quality, person_xyxy)
        self._weight += quality
        self.looks += 1
        self.classified_at_seq = seq
        for name, label in self._labels.items():
            if label.named:
                label.name_color()
            mean = label.margin / self._weight
            if self.looks == 1:
                label.is_told = any(item["label"] == name for item in garments)
            elif abs(mean) > HYSTERESIS:
                label.is_told = mean > 0

    def answer(self, person_xyxy: Sequence[float], size_wh: Sequence[float]) -> Clothing:
        """Return (garments, unsure), surest first, with their boxes at the person's current position."""
        garments: list[Garment] = []
        unsure: list[Garment] = []
        for name, label in self._labels.items():
            found: Garment = {
                "label": name,
                "score": self._score(label),
                "region": label.region,
                "box": inside(placed(label.place, person_xyxy), size_wh),
            }
            if label.threshold is not None:
                found["threshold"] = label.threshold
            if label.color is not None:
                found["color"] = label.color
            if label.color_shares is not None:
                found["color_shares"] = label.color_shares
            if label.is_told:
                garments.append(found)
            elif label.margin / self._weight >= _unsure_margin(label.threshold):
                unsure.append(found)
        return _surest_first(garments), _surest_first(unsure)

    @classmethod
    def recalled(cls, person: Person) -> Evidence:
        """Rebuild the memory of a person from the last answer."""
        evidence = cls()
        looks = person["looks"]
        evidence.add(
            person["garments"],
            person["unsure"],
            quality=min(MEMORY, looks * USUAL_QUALITY),
            person_xyxy=person["box"],
            seq=person["classified_at_seq"],
        )
        evidence.looks = looks
        return evidence

    def _fade(self, quality: float) -> None:
        """Reduce the weight of past looks."""
        kept = min(1.0, (MEMORY - quality) / self._weight) if self._weight else 1.0
        self._weight *= kept
        for label in self._labels.values():
            label.margin *= kept
            label.score *= kept
            label.named *= kept
            label.colors = {word: share * kept for word, share in label.colors.items()}

    def _unseen(self, garment: Garment) -> Label:
        """Return a label named for the first time, which no earlier look had."""
        threshold = garment.get("threshold")
        return Label(
            region=garment["region"],
            threshold=threshold,
            place=[0.0, 0.0, 1.0, 1.0],
            margin=self._weight * _absent_margin(threshold),
            score=0.0,
            named=0.0,
            is_told=False,
        )

    @staticmethod
    def _weigh(
        label: Label, item: Garment | None, is_told: bool, quality: float, person_xyxy: Sequence[float]
    ) -> None:
        if item is None:
            label.margin += quality * _absent_margin(label.threshold)
            return
        if label.threshold is None:
            label.margin += quality * (VOTE if is_told else -VOTE)
        else:
            label.margin += quality * (logit(item["score"]) - logit(label.threshold))
        label.score += quality * item["score"]
        label.named += quality
        label.place = relative(item["box"], person_xyxy)
        for word, share in _colors_of(item).items():
            label.colors[word] = label.colors.get(word, 0.0) + quality * share

    def _score(self, label: Label) -> float:
        if label.threshold is None:
            return round(label.score / label.named, 4)
        return round(_sigmoid(label.margin / self._weight + logit(label.threshold)), 4)


def _colors_of(item: Garment) -> dict[str, float]:
    """Return the share of each colour word; equal shares if the classifier gives none."""
    shares: dict[str, float] = item.get("color_shares", {})
    return shares or dict.fromkeys(item["color"].split(JOINED) if "color" in item else (), 1.0)


def logit(score: float) -> float:
    """Return the logit of a score, clipped to 0.001 to 0.999."""
    inner = min(max(score, 0.001), 0.999)
    return math.log(inner / (1 - inner))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _absent_margin(threshold: float | None) -> float:
    return -VOTE if threshold is None else logit(ABSENT_PART * threshold) - logit(threshold)


def _unsure_margin(threshold: float | None) -> float:
    return -VOTE / 2 if threshold is None else logit(UNSURE_PART * threshold) - logit(threshold)


def _surest_first(garments: list[Garment]) -> list[Garment]:
    return sorted(garments, key=lambda garment: -garment["score"])
