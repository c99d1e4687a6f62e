"""Books with something in them: tax bills as customs sends them, our own computation beside, and what they hold.

Everything goes by the functions the sweeps use; days are counted back from today, so that every phase is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

from accounts.cast import Cast
from ledger import bills, guarantee, tax
from ledger.bills import Attached, Bill, BillLine, Notice
from ledger.guarantee import Wanted
from ledger.models import Fault, Guarantee, TariffLine, TaxBill, VatClass
from ledger.payment import confirm_payment
from ledger.tariff import rate_of
from ledger.window import today
from portal.calendar import SHANGHAI

MILK, CREAM, WINE, BAG, BEER = "1901101000", "3304990029", "2204210000", "4202210090", "2203000000"
#: The statutory quantities that decide or measure consumption tax; one kilogram of everything else.
_QUANTITIES = {CREAM: (Decimal("0.020"), "035"), BEER: (Decimal(6), "095")}
_OFFICES = ("2218", "2216", "2233")
#: Numbers of documents the books know only as numbers.
_FIRST_DOCUMENT = 700_000


@dataclass(frozen=True)
class Wish:
    """One tax bill to be made; ``days`` since release, None while the list is not released."""

    n: int
    goods: Sequence[tuple[str, str]] = ((MILK, "320.00"),)
    freight: str = "10.00"
    days: int | None = 5
    status: str = "1"
    duty_no: str = ""
    #: What customs asks for more than we would.
    more_vat: str = "0.00"
    declarant: str = "warehouse"
    merchant: str = "merchant"
    guarantor: str = "merchant"
    #: Whether our own computation is there.
    own: bool = True
    #: Whether the sum is held.
    held: bool = True
    #: What its numbers of order and waybill begin with.
    mark: str = "FN"

    @property
    def invt_no(self) -> str:
        """The number of the list: 18 digits and an I, as customs gives them."""
        return f"{_OFFICES[self.n % 3]}2026I{self.n:09}"

    @property
    def tax_no(self) -> str:
        """The number of the bill."""
        return f"{self.invt_no}_0"

    @property
    def logistics_no(self) -> str:
        """The number of the waybill."""
        return f"{self.mark}2026SF{self.n:08}"

    @property
    def order_no(self) -> str:
        """The number of the order."""
        return f"{self.mark}2026ORDER{self.n:06}"


def tariff() -> None:
    """The few lines of a tariff these goods need; one of them with a fault stated."""
    lines = (
        (MILK, "供婴幼儿食用的零售包装配方奶粉", "15", "0", "", "", []),
        (
            CREAM,
            "其他美容品或化妆品",
            "6.5",
            "15",
            "",
            "only if dutiable price >=10 CNY per ml or g, or >=15 CNY per sheet; else 0",
            [Fault.CONSUMPTION_BY_NEIGHBOUR],
        ),
        (WINE, "装入≤2升容器的鲜葡萄酿造的酒", "14", "10", "", "", [Fault.VAT_BY_RULE]),
        (BAG, "以皮革或再生皮革作面的手提包", "6", "0", "", "", []),
        (
            BEER,
            "麦芽酿造的啤酒",
            "0",
            "0",
            "250 CNY/t if dutiable price >=370 USD/t, else 220 CNY/t",
            "1 t = 988 l",
            [],
        ),
    )
    for code, name, duty, consumption, specific, condition, faults in lines:
        TariffLine.objects.get_or_create(
            code=code,
            since=today().replace(year=2019, month=1, day=1),
            defaults={
                "name": name, "duty": Decimal(duty), "vat": VatClass.GENERAL, "consumption": Decimal(consumption),
                "consumption_specific": specific, "condition": condition, "faults": faults, "unit1": "035",
            },
        )  # fmt: skip


def moment(days: int) -> datetime:
    """Ten in the morning, so many days ago."""
    return datetime.combine(today() - timedelta(days=days), time(10, 4, 6), SHANGHAI)


def give(cast: Cast, owner: str, amount: str = "200000.00") -> Guarantee:
    """A deposit of that enterprise."""
    return guarantee.open_guarantee(
        enterprise=cast.enterprises[owner], kind="deposit", number=f"BZJ{cast.enterprises[owner].pk:06}",
        amount=Decimal(amount), user=None, at=moment(90),
    )  # fmt: skip


def assessed(wish: Wish, rates: Mapping[str, tax.Rate]) -> tax.Assessment:
    """Our own computation of a wish."""
    goods = [
        tax.Good(code, Decimal(price), Decimal(1), "122", *_QUANTITIES.get(code, (Decimal(1), "035")))
        for code, price in wish.goods
    ]
    return tax.assess(
        goods, freight=Decimal(wish.freight), insurance=Decimal(0), rule=tax.rule_on(today()), rates=rates
    )


def bill_of(cast: Cast, wish: Wish, own: tax.Assessment) -> Bill:
    """The 816 customs would send."""
    more = Decimal(wish.more_vat)
    lines = []
    for number, line in enumerate(own.lines, 1):
        taxes = line.taxes or tax.Taxes(Decimal(0), Decimal(0), Decimal(0))
        vat = taxes.vat + (more if number == 1 else 0)
        lines.append(BillLine(number, line.gcode, line.value, taxes.duty, taxes.consumption, vat))
    code = {key: one.customs_code for key, one in cast.enterprises.items()}
    return Bill(
        invt_no=wish.invt_no,
        tax_no=wish.tax_no,
        order_no=wish.order_no,
        logistics_no=wish.logistics_no,
        assure_code=code[wish.guarantor],
        ebc_code=code[wish.merchant],
        logistics_code=code["bonded_logistics"],
        agent_code=code[wish.declarant],
        customs_code=_OFFICES[wish.n % 3],
        duty=sum((line.duty for line in lines), Decimal(0)),
        consumption=sum((line.consumption for line in lines), Decimal(0)),
        vat=sum((line.vat for line in lines), Decimal(0)),
        status="1",
        duty_no="",
        billed_at=moment(wish.days or 0),
        lines=tuple(lines),
    )


def bring(cast: Cast, wishes: Iterable[Wish]) -> list[TaxBill]:
    """Have customs send these bills, in the order of the wishes; the lists they belong to are known."""
    tariff()
    wanted = list(wishes)
    rates = {line.code: rate_of(line) for line in TariffLine.objects.all()}
    owns = {wish.n: assessed(wish, rates) for wish in wanted}
    for declarant in dict.fromkeys(wish.declarant for wish in wanted):
        own = [wish for wish in wanted if wish.declarant == declarant]
        pk = cast.enterprises[declarant].pk
        bills.record_bills(
            [bill_of(cast, wish, owns[wish.n]) for wish in own],
            enterprise_id=pk,
            inbound_id=None,
            received_at=moment(0),
        )
        lists = [
            Attached(
                wish.invt_no,
                _FIRST_DOCUMENT + wish.n,
                today() - timedelta(days=wish.days) if wish.days is not None else None,
                owns[wish.n] if wish.own else None,
            )
            for wish in own
        ]
        for first in range(0, len(lists), 100):  # as many as one message of customs tells of
            bills.attach(pk, lists[first : first + 100])
        told = [
            Notice(wish.invt_no, wish.tax_no, wish.status, wish.duty_no, moment(max((wish.days or 1) - 1, 0)))
            for wish in own
            if wish.status != "1"
        ]
        bills.record_notices(told, enterprise_id=pk, inbound_id=None, received_at=moment(0))
    found = {bill.tax_no: bill for bill in TaxBill.objects.filter(tax_no__in=[wish.tax_no for wish in wanted])}
    hold(cast, [(wish, found[wish.tax_no]) for wish in wanted if wish.held])
    return [found[wish.tax_no] for wish in wanted]


def hold(cast: Cast, pairs: Sequence[tuple[Wish, TaxBill]]) -> None:
    """Hold what the bills ask for; nothing for those that are void."""
    guarantee.align_many(
        [
            Wanted(
                document_id=_FIRST_DOCUMENT + wish.n,
                guarantor_code=cast.enterprises[wish.guarantor].customs_code,
                amount=Decimal(0) if wish.status == "3" else bill.total,
                invt_no=wish.invt_no,
                cop_no=f"COP{wish.n:06}",
                order_no=wish.order_no,
                at=moment(wish.days or 0),
            )
            for wish, bill in pairs
        ]
    )


def pay(bill: TaxBill) -> None:
    """Staff confirm that it was paid."""
    confirm_payment(paid_on=today(), voucher="PZ-1", user=None, bills=[bill])
