"""The run that a start begins: which, how many episodes, and of a comparison what it is of."""

from __future__ import annotations

from typing import Final

from dsrl_core.operator.orders import RunWanted
from dsrl_core.status import RUN_AB
from dsrl_core.types import Mode
from rqt_dsrl.comparison_fields import ComparisonFields
from rqt_dsrl.qt import QtCore, QtWidgets, Signal

_RUNS: Final = (str(Mode.TRAIN), str(Mode.EVAL), str(Mode.BASE), RUN_AB)


class RunChoice(QtWidgets.QWidget):
    """One row; a comparison has two more."""

    finished = Signal()
    """Nothing is written any more."""

    def __init__(self, wanted: RunWanted, author: QtWidgets.QWidget) -> None:
        """`author`: whose name labels bear, in the same row."""
        super().__init__()
        self._seed = wanted.seed
        self._modes, self._count = QtWidgets.QComboBox(), QtWidgets.QSpinBox()
        self._modes.addItems(_RUNS)
        self._modes.setToolTip("the run that Start run begins; ab: two arms compared, blinded")
        self._count.setRange(0, 100_000)
        self._count.setSpecialValueText("until stopped")
        self._count.setToolTip("episodes of that run; of a comparison the most pairs of episodes")
        self._comparison = ComparisonFields(wanted)
        self._comparison.finished.connect(self.finished)
        row = QtWidgets.QHBoxLayout()
        self._counted = QtWidgets.QLabel("episodes")
        parts = ((QtWidgets.QLabel("run"), self._modes), (self._counted, self._count))
        for label, field in (*parts, (QtWidgets.QLabel("you"), author)):
            field.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
            label.setProperty("soft", True)
            row.addWidget(label)
            row.addWidget(field, 1)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._comparison)

    def wanted(self) -> RunWanted:
        """As it stands."""
        compared = self._comparison
        return RunWanted(
            self._modes.currentText(),
            self._count.value(),
            self._seed,
            compared.arms,
            compared.alpha,
            compared.margin,
        )

    def settings(self) -> dict[str, str]:
        """What is kept from one day to the next, by name."""
        return {"mode": self._modes.currentText(), "count": str(self._count.value())}

    def restore(self, settings: dict[str, str]) -> None:
        """Choose as before; what is not known is left as it is."""
        if settings.get("mode") in _RUNS:
            self._modes.setCurrentText(settings["mode"])
        if settings.get("count", "").isdigit():
            self._count.setValue(int(settings["count"]))

    def show_idle(self, is_idle: bool) -> None:
        """Whether a run can be chosen."""
        for choice in (self._modes, self._count, self._comparison):
            choice.setEnabled(is_idle)
        is_comparison = self._modes.currentText() == RUN_AB
        self._comparison.setVisible(is_idle and is_comparison)
        self._counted.setText("pairs" if is_comparison else "episodes")
