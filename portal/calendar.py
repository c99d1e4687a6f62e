"""Days and moments as the business counts them: Beijing time, whatever the machine's clock zone is."""

from datetime import datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def from_customs_time(text: str) -> datetime:
    """`yyyyMMddHHmmssSSS` (17 digits, Beijing time) of a receipt → an aware moment. Raises `ValueError`."""
    if len(text) != 17 or not (text.isascii() and text.isdigit()) or text < "2000":
        raise ValueError(f"not a customs time of 17 digits: {text!r}")
    moment = datetime.strptime(text + "000+0800", "%Y%m%d%H%M%S%f%z")
    return moment.astimezone(SHANGHAI)
