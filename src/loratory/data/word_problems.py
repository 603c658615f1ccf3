"""Word problems about two prices, made from a seed: the text, the answer, and the steps to it.

    a p + b (p + d) = T        p: the first price; d: by how much the second is higher, or lower

Prices are whole cents, so that every answer is exact. The forms of validation and test problems
stand in no training problem, and no two problems have the same numbers about the same goods.
"""

from dataclasses import dataclass
from hashlib import sha256
from random import Random

from loratory.data.readers import Table
from loratory.data.records import Record
from loratory.data.word_problem_forms import CHANGES, MEASURED, NAMES, PAIRS, THINGS, TIMES

SIZES = {"train": 4000, "validation": 500, "test": 1000}
"""Problems of each split of the named set."""

_DOLLAR = 100
_QUANTITIES = range(2, 41)
_PRICES = range(50, 2001, 5)
_DIFFERENCES = (*range(5, 100, 5), *range(100, 301, 10))


@dataclass(frozen=True)
class Purchase:
    """The numbers of a problem; money is in cents."""

    first: int
    """How much, or many, at the first price."""

    second: int
    price: int
    """The first price."""

    difference: int
    """What the second price is more; less, where it is negative."""

    asks_first: bool
    """Whether the first price is asked for, or the second."""

    @property
    def total(self) -> int:
        """What everything costs."""
        return self.first * self.price + self.second * (self.price + self.difference)

    @property
    def answer(self) -> int:
        """The price that is asked for."""
        return self.price if self.asks_first else self.price + self.difference


@dataclass(frozen=True)
class WordProblem:
    """A problem in words."""

    text: str
    answer: str
    """In dollars, without the word."""

    solution: str
    purchase: Purchase


def word_problems(seed: int = 0, sizes: dict[str, int] = SIZES) -> dict[str, list[WordProblem]]:
    """Return so many problems of each split; a pure function of its arguments."""
    random = Random(seed)
    seen: set[tuple[object, ...]] = set()
    found: dict[str, list[WordProblem]] = {split: [] for split in sizes}
    for split, size in sizes.items():
        while len(found[split]) < size:
            purchase = _purchase(random)
            forms = len(CHANGES[split]) + len(PAIRS[split])
            make = _change if random.randrange(forms) < len(CHANGES[split]) else _pair
            goods, problem = make(purchase, split, random)
            key = (goods, purchase.first, purchase.second, purchase.difference, purchase.total)
            if key not in seen:
                seen.add(key)
                found[split].append(problem)
    return found


def word_problem_tables() -> dict[str, Table]:
    """Return the splits of the named set, as if they had been read."""
    tables = {}
    for split, problems in word_problems().items():
        records = [
            Record(f"word_problems/{split}:{number}", (one.text, one.answer, one.solution))
            for number, one in enumerate(problems, start=1)
        ]
        digest = sha256(repr([record.values for record in records]).encode()).hexdigest()
        tables[split] = Table([*records], f"word_problems/{split}, made from a seed", digest)
    return tables


def _purchase(random: Random) -> Purchase:
    difference = random.choice(_DIFFERENCES) * random.choice((1, -1))
    price = random.choice([cents for cents in _PRICES if cents + difference >= _PRICES.start])
    return Purchase(
        random.choice(_QUANTITIES),
        random.choice(_QUANTITIES),
        price,
        difference,
        random.choice((True, False)),
    )


def _change(purchase: Purchase, split: str, random: Random) -> tuple[str, WordProblem]:
    """Return a problem of one price that changes, and what it is about."""
    goods = random.choice(MEASURED)
    before, after = random.choice(TIMES)
    asked = before if purchase.asks_first else after
    text = random.choice(CHANGES[split]).format(
        **_words(purchase, random),
        goods=goods.name,
        unit=goods.unit,
        units=goods.units,
        before=before,
        after=after,
        Before=_capital(before),
        After=_capital(after),
        asked=asked,
    )
    step = _Step(purchase)
    what, does = ("rise", "adds") if purchase.difference > 0 else ("fall", "saves")
    solution = (
        f"The {what} {does} {step.extra} dollars. Without it {step.count} {goods.units} would cost "
        f"{step.plain} dollars, so a {goods.unit} cost {step.price} dollars {before}."
    )
    if not purchase.asks_first:
        solution += f" {_capital(after)} it cost {step.other} dollars."
    return goods.name, WordProblem(text, dollars(purchase.answer), solution, purchase)


def _pair(purchase: Purchase, split: str, random: Random) -> tuple[str, WordProblem]:
    """Return a problem of two things at different prices, and what it is about."""
    x, y = random.sample(THINGS, 2)
    text = random.choice(PAIRS[split]).format(
        **_words(purchase, random),
        x=x.name,
        xs=x.plural,
        y=y.name,
        ys=y.plural,
        z=x.name if purchase.asks_first else y.name,
    )
    step = _Step(purchase)
    more = "more" if purchase.difference > 0 else "less"
    solution = (
        f"The {y.plural} cost {step.extra} dollars {more} than as many {x.plural}. So "
        f"{step.count} {x.plural} would cost {step.plain} dollars, and a {x.name} costs "
        f"{step.price} dollars."
    )
    if not purchase.asks_first:
        solution += f" A {y.name} costs {step.other} dollars."
    return f"{x.name}, {y.name}", WordProblem(text, dollars(purchase.answer), solution, purchase)


def _words(purchase: Purchase, random: Random) -> dict[str, str]:
    """Return the fields that all forms have."""
    rises = purchase.difference > 0
    return {
        "name": random.choice(NAMES),
        "a": str(purchase.first),
        "b": str(purchase.second),
        "change": _money(abs(purchase.difference)),
        "total": _money(purchase.total),
        "rose": "rose" if rises else "fell",
        "dearer": "dearer" if rises else "cheaper",
        "more": "more" if rises else "less",
    }


class _Step:
    """The steps of a solution, each a sum and what it comes to, in dollars."""

    def __init__(self, purchase: Purchase) -> None:
        by, extra = abs(purchase.difference), purchase.second * abs(purchase.difference)
        count = purchase.first + purchase.second
        undo, again = ("-", "+") if purchase.difference > 0 else ("+", "-")
        plain = count * purchase.price
        self.extra = f"{purchase.second} x {dollars(by)} = {dollars(extra)}"
        self.count = f"{purchase.first} + {purchase.second} = {count}"
        self.plain = f"{dollars(purchase.total)} {undo} {dollars(extra)} = {dollars(plain)}"
        self.price = f"{dollars(plain)} / {count} = {dollars(purchase.price)}"
        second = purchase.price + purchase.difference
        self.other = f"{dollars(purchase.price)} {again} {dollars(by)} = {dollars(second)}"


def dollars(cents: int) -> str:
    """Return an amount in dollars: `4`, or `2.35`."""
    whole, rest = divmod(cents, _DOLLAR)
    return f"{whole}.{rest:02}" if rest else str(whole)


def _money(cents: int) -> str:
    """Return an amount as it stands in a problem: `20 cents`, `1 dollar`, `2.35 dollars`."""
    if cents < _DOLLAR:
        return f"{cents} cents"
    return "1 dollar" if cents == _DOLLAR else f"{dollars(cents)} dollars"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
