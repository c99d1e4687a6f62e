"""Days and moments as the business counts them: Beijing time, whatever the machine's clock zone is, and the working days
of China, as the State Council arranges them: holidays, and the Saturdays and Sundays worked instead."""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from holidays import country_holidays

SHANGHAI = ZoneInfo("Asia/Shanghai")


def from_customs_time(text: str) -> datetime:
    """`yyyyMMddHHmmssSSS` (17 digits, Beijing time) of a receipt → an aware moment. Raises `ValueError`."""
    if len(text) != 17 or not (text.isascii() and text.isdigit()) or text < "2000":
        raise ValueError(f"not a customs time of 17 digits: {text!r}")
    moment = datetime.strptime(text + "000+0800", "%Y%m%d%H%M%S%f%z")
    return moment.astimezone(SHANGHAI)


@cache
def _arrangement(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """The days off of a year, and its days of the weekend that are worked. Whole at once: threads share it."""
    china = country_holidays("CN", years=range(year - 1, year + 2))
    off = frozenset(day for day in china if day.year == year)
    return off, frozenset(day for day in china.weekend_workdays if day.year == year)


def is_arranged(year: int) -> bool:
    """Whether the State Council's arrangement of that year is known here; if not, the statutory holidays alone are."""
    return bool(_arrangement(year)[1])


def is_working_day(day: date) -> bool:
    """Whether offices work on that day."""
    off, worked = _arrangement(day.year)
    return day in worked if day.weekday() >= 5 else day not in off


def working_day_from(day: date) -> date:
    """That day, or the first working day after it."""
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def last_of_working_days(first: date, days: int) -> date:
    """The last of so many working days, of which ``first`` (or the first working day after it) is one."""
    day = working_day_from(first)
    for _ in range(days - 1):
        day = working_day_from(day + timedelta(days=1))
    return day


def working_days_within(first: date, last: date) -> int:
    """How many working days there are from one day to another, both counted."""
    return sum(is_working_day(first + timedelta(days=n)) for n in range((last - first).days + 1))
