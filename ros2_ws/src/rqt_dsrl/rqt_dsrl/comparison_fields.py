"""What a comparison is of, and when it is over."""

from __future__ import annotations

from dsrl_core.operator.orders import RunWanted
from rqt_dsrl.name_field import NameField
from rqt_dsrl.qt import QtCore, QtWidgets, Signal

_CLICK = QtCore.Qt.FocusPolicy.ClickFocus


class ComparisonFields(QtWidgets.QWidget):
    """The two arms, between them a comma; how often it may err; the difference that matters."""

    finished = Signal()
    """Nothing is written any more."""

    def __init__(self, wanted: RunWanted) -> None:
        super().__init__()
        self._arms = NameField(", ".join(wanted.arms))
        self._arms.setObjectName("arms")
        self._arms.setFocusPolicy(_CLICK)
        self._arms.setToolTip(
            "the two arms of ab, such as base, eval or eval@12, eval@40: versions of the weights"
        )
        self._arms.editingFinished.connect(self.finished)
        self._alpha = self._percent("alpha", 1, 50, wanted.alpha, " %")
        self._alpha.setToolTip("alpha: of so many such comparisons one may be wrong")
        self._margin = self._percent("margin", 0, 50, wanted.margin, " points")
        self._margin.setSpecialValueText("any")
        self._margin.setToolTip(
            "the smallest difference of success rates that matters; once the arms surely differ by "
            "less, the comparison is over as well. any: it is not"
        )
        rows = QtWidgets.QGridLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(_soft("arms"), 0, 0)
        rows.addWidget(self._arms, 0, 1, 1, 3)
        rows.addWidget(_soft("may err"), 1, 0)
        rows.addWidget(self._alpha, 1, 1)
        rows.addWidget(_soft("matters from"), 1, 2)
        rows.addWidget(self._margin, 1, 3)
        rows.setColumnStretch(1, 1)
        rows.setColumnStretch(3, 1)

    @property
    def arms(self) -> tuple[str, ...]:
        """As they are written; the episode manager refuses what cannot be."""
        return tuple(text.strip() for text in self._arms.text().split(","))

    @property
    def alpha(self) -> float:
        return self._alpha.value() / 100

    @property
    def margin(self) -> float:
        return self._margin.value() / 100

    def _percent(
        self, name: str, least: int, most: int, share: float, unit: str
    ) -> QtWidgets.QSpinBox:
        field = QtWidgets.QSpinBox()
        field.setObjectName(name)
        field.setRange(least, most)
        field.setSuffix(unit)
        field.setValue(round(100 * share))
        field.setFocusPolicy(_CLICK)
        field.editingFinished.connect(self.finished)
        return field


def _soft(text: str) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text)
    label.setProperty("soft", True)
    return label
