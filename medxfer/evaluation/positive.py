"""Which of two classes is the finding."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TWO = 2
_NEGATIVE = re.compile(
    r"(?<![^\W\d_])"  # not after a letter: "abnormal" is none
    r"(normal|negative|neg|healthy|controls?|benign|absent|none?|no|not|without|clear|free|nevus|nv"
    r"|no(finding|tumou?r|disease)s?|un(infect|affect|involv)ed|non[a-z]+)"
    r"(?![^\W\d_])",
    re.IGNORECASE,
)


def judged_classes(classes: Sequence[str]) -> tuple[int, ...]:
    """The classes that are judged against the rest: of two the finding, of more each."""
    return (positive_class(classes),) if len(classes) == _TWO else tuple(range(len(classes)))


def positive_class(classes: Sequence[str]) -> int:
    """Of two classes the index of the one a test looks for.

    The second, unless only the second sounds like the absence of a finding (NORMAL, no tumor).
    """
    first, second = classes
    return 0 if _NEGATIVE.search(second) and not _NEGATIVE.search(first) else 1
