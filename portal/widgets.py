"""Inputs that forms of several folders draw alike."""

from django import forms


class DayInput(forms.DateInput):
    """A day, as browsers offer one."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")
