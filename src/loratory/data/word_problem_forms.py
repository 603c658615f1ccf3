"""The words of word problems: forms, goods, names and times, and which forms no training row has.

A form names its fields in braces. Those that begin with a capital begin a sentence. `{rose}`,
`{dearer}` and `{more}` say which way the price goes; `{asked}` is the time, and `{z}` the thing,
whose price is asked for.
"""

from typing import NamedTuple


class Goods(NamedTuple):
    """What is sold by measure."""

    name: str
    unit: str
    units: str


class Thing(NamedTuple):
    """What is sold by the piece."""

    name: str
    plural: str


_BY_KILO = ("rice", "flour", "sugar", "coffee", "apples", "potatoes", "cheese", "honey", "nuts")
_BY_LITRE = ("milk", "juice", "paint", "vinegar", "cream", "petrol", "syrup")
_BY_METRE = ("cloth", "rope", "wire", "ribbon", "fencing", "pipe")
MEASURED = (
    *(Goods(name, "kilo", "kilos") for name in _BY_KILO),
    *(Goods(name, "litre", "litres") for name in _BY_LITRE),
    *(Goods(name, "metre", "metres") for name in _BY_METRE),
)

_WITH_S = (
    *("notebook", "pen", "ruler", "cup", "plate", "bowl", "lamp", "chair", "ticket", "poster"),
    *("book", "ball", "shirt", "hat", "towel", "basket"),
)
THINGS = (
    *(Thing(name, f"{name}s") for name in _WITH_S),
    Thing("brush", "brushes"),
    Thing("box of chalk", "boxes of chalk"),
    Thing("loaf of bread", "loaves of bread"),
    Thing("pair of socks", "pairs of socks"),
)

NAMES = (
    *("Anna", "Ben", "Clara", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas"),
    *("Keiko", "Liam", "Mira", "Noah", "Olga", "Pablo", "Rosa", "Samir", "Tara", "Viktor"),
)

TIMES = (
    ("last month", "this month"),
    ("last week", "this week"),
    ("last year", "this year"),
    ("yesterday", "today"),
    ("in May", "in June"),
    ("in spring", "in summer"),
    ("on Monday", "on Friday"),
)
"""When was bought first, and when later."""

# Of one price that changes. `a` units at the first price, `b` at the second.
CHANGES = {
    "train": (
        "The price of a {unit} of {goods} {rose} by {change} {after}. {name} bought {a} {units} "
        "{before} and {b} {units} {after} and paid {total} in all. What did a {unit} cost {asked}?",
        "{name} bought {a} {units} of {goods} {before}. {After}, when a {unit} had become {change} "
        "{dearer}, {name} bought another {b} {units}. Together they cost {total}. How much was a "
        "{unit} {asked}?",
        "A {unit} of {goods} was {change} {dearer} {after} than {before}. For {a} {units} {before} "
        "and {b} {units} {after} a shop paid {total}. Find the price of a {unit} {asked}.",
        "{Before} {name} used {a} {units} of {goods}, {after} {b} {units}. Between the two the "
        "price of a {unit} {rose} by {change}. The whole cost was {total}. What was the price of a "
        "{unit} {asked}?",
        "{total} is what {name} spent on {goods}: {a} {units} {before} and {b} {units} {after}. "
        "The price per {unit} {rose} by {change} in between. How many dollars did one {unit} cost "
        "{asked}?",
        "How much did a {unit} of {goods} cost {asked}, if {a} {units} {before} and {b} {units} "
        "{after} came to {total} and the price of a {unit} {rose} by {change} in between?",
        "A workshop ordered {goods} twice: {a} {units} {before} and {b} {units} {after}. The "
        "second order was {change} a {unit} {dearer}, and the two orders cost {total}. What did a "
        "{unit} cost {asked}?",
        "By the books of {name}, {a} {units} of {goods} were bought {before} and {b} {units} "
        "{after}, for {total} altogether. Per {unit} the seller asked {change} {more} {after}. "
        "Work out the price of a {unit} {asked}.",
    ),
    "validation": (
        "{name} runs a shop and needs {goods}. {Before} it was {a} {units}, {after} {b} {units}, "
        "and the price per {unit} {rose} by {change}. With {total} spent on both, what was the "
        "price per {unit} {asked}?",
    ),
    "test": (
        "The price per {unit} of {goods} {rose} by {change}: {a} {units} were bought {before}, {b} "
        "{units} {after}, and {total} was paid in all. What was the price per {unit} {asked}?",
        "Two deliveries of {goods} reached {name}, {a} {units} {before} and {b} {units} {after}. "
        "Since the first one a {unit} had become {change} {dearer}. Both deliveries together were "
        "{total}. Tell the price of a {unit} {asked}.",
        "Suppose that {b} {units} of {goods} bought {after} and {a} {units} bought {before} cost "
        "{total} together, and that a {unit} was {change} {dearer} {after}. What did a {unit} cost "
        "{asked}?",
    ),
}

# Of two things at different prices. `a` of the first, x, and `b` of the second, y.
PAIRS = {
    "train": (
        "{name} bought {a} {xs} and {b} {ys} for {total}. A {y} costs {change} {more} than a {x}. "
        "What does a {z} cost?",
        "In a shop a {y} is {change} {dearer} than a {x}. {a} {xs} and {b} {ys} together cost "
        "{total}. How much is one {z}?",
        "{total} was the bill for {a} {xs} and {b} {ys}. Each {y} was {change} {dearer} than each "
        "{x}. Find the price of a {z}.",
        "A school bought {a} {xs} and {b} {ys}. The {ys} cost {change} {more} apiece than the "
        "{xs}, and everything came to {total}. What was the price of one {z}?",
    ),
    "validation": (
        "For {total} {name} got {a} {xs} and {b} {ys}. One {y} is {change} {dearer} than one {x}. "
        "What is the price of a {z}?",
    ),
    "test": (
        "A family ordered {b} {ys} and {a} {xs} and paid {total}. If a {y} costs {change} {more} "
        "than a {x}, what does a {z} cost?",
    ),
}
