"""Tables of known truth, made dirty in known places, for measuring suggested rules as an error detector.

Seven domains of different character. Each table is made up (no real person, firm or place), from a seed;
the dirt is of the kinds that real deliveries have: slips of the pen, values of other rows, cells left
empty, words for "not known", other formats, units, lost zeros, figures of another magnitude, sources that
contradict each other.
"""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

Cells = list[str]
Change = Callable[[str, np.random.Generator], str]

SYLLABLES = [
    "ba",
    "ber",
    "dor",
    "el",
    "fan",
    "gar",
    "hil",
    "is",
    "kel",
    "lo",
    "mar",
    "nor",
    "os",
    "pen",
    "ri",
]
SYLLABLES += ["sta", "tor", "ul", "ven", "wick", "ton", "dale", "field", "burg", "ham", "mont", "ver", "ley"]


@dataclass
class Dirty:
    """A table as it should be and as it is."""

    name: str
    clean: pl.DataFrame
    seed: int
    cells: dict[str, Cells] = field(init=False)
    generator: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.cells = {column: self.clean[column].to_list() for column in self.clean.columns}
        self.generator = np.random.default_rng(self.seed + 1_000)

    @property
    def dirty(self) -> pl.DataFrame:
        return pl.DataFrame(self.cells, schema=self.clean.schema)

    def spoil(self, column: str, share: float, change: Change) -> None:
        """Change this share of a column's filled cells."""
        cells = self.cells[column]
        for row in np.flatnonzero(self.generator.random(len(cells)) < share):
            if cells[row]:
                cells[row] = change(cells[row], self.generator)

    def exchange(self, column: str, share: float) -> None:
        """Replace this share of a column's cells by values of other rows."""
        pool = self.clean[column].to_list()
        self.spoil(column, share, lambda _, random: str(pool[random.integers(len(pool))]))


def slip(text: str, random: np.random.Generator) -> str:
    """Change, lose, double or swap one letter."""
    place = int(random.integers(len(text)))
    letter = random.choice(list(string.ascii_lowercase))
    return [
        text[:place] + letter + text[place + 1 :],
        text[:place] + text[place + 1 :],
        text[:place] + letter + text[place:],
        text[: max(place - 1, 0)] + text[max(place - 1, 0) : place + 1][::-1] + text[place + 1 :],
    ][int(random.integers(4))]


def to(*words: str) -> Change:
    return lambda _, random: str(random.choice(list(words)))


def times(*factors: float) -> Change:
    def change(text: str, random: np.random.Generator) -> str:
        figure = float(text) * float(random.choice(list(factors)))
        return f"{figure:.{len(text.partition('.')[2])}f}"

    return change


def restyle(old: str, *new: str) -> Change:
    def change(text: str, random: np.random.Generator) -> str:
        return dt.datetime.strptime(text, old).strftime(str(random.choice(list(new))))

    return change


def words(random: np.random.Generator, count: int, parts: int = 2, title: bool = True) -> Cells:
    """Distinct made-up words."""
    found: dict[str, None] = {}
    while len(found) < count:
        word = "".join(random.choice(SYLLABLES, size=parts + int(random.integers(2))))
        found[word.title() if title else word] = None
    return list(found)


def skewed(random: np.random.Generator, count: int, rows: int, power: float = 1.0) -> np.ndarray:
    """Positions of which some are far commoner than others."""
    weights = 1 / np.arange(1, count + 1) ** power
    return random.choice(count, size=rows, p=weights / weights.sum())


def table(called: str, seed: int, /, **columns: Sequence[object]) -> Dirty:
    return Dirty(
        called, pl.DataFrame({key: [str(cell) for cell in cells] for key, cells in columns.items()}), seed
    )


def customers(seed: int, rows: int = 2_000) -> Dirty:
    """Persons with addresses: names nearly unique, places skewed, postcodes with leading zeros."""
    random = np.random.default_rng(seed)
    towns, regions = words(random, 180), words(random, 14, 3)
    codes = [f"{code:05d}" for code in random.choice(99_999, 260, replace=False)]
    town_of, region_of = random.integers(180, size=260), random.integers(14, size=180)
    place = skewed(random, 260, rows, 0.7)
    first, last = words(random, 150), words(random, 900, 2)
    names = [
        (first[i], last[j])
        for i, j in zip(skewed(random, 150, rows), skewed(random, 900, rows, 0.4), strict=True)
    ]
    made = table(
        "customers",
        seed,
        customer_id=range(10_001, 10_001 + rows),
        name=[" ".join(name) for name in names],
        email=[
            f"{one}.{other}@example.{random.choice(['org', 'com', 'net'])}".lower() for one, other in names
        ],
        phone=[f"0{random.integers(100, 999)} {random.integers(100_000, 9_999_999)}" for _ in range(rows)],
        postcode=[codes[i] for i in place],
        town=[towns[town_of[i]] for i in place],
        region=[regions[region_of[town_of[i]]] for i in place],
        segment=random.choice(["private", "business", "public"], size=rows, p=[0.7, 0.25, 0.05]),
        joined=[dt.date(2015, 1, 1) + dt.timedelta(int(day)) for day in random.integers(3_000, size=rows)],
    )
    made.spoil("town", 0.03, slip)
    made.spoil("segment", 0.02, slip)
    made.exchange("region", 0.02)
    made.spoil("postcode", 0.03, lambda text, _: text.lstrip("0")[:4] if text[0] == "0" else text[:4])
    made.spoil("email", 0.02, lambda text, _: text.replace("@", " at "))
    made.spoil("joined", 0.05, restyle("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%y"))
    made.spoil("phone", 0.02, to("unknown", "n/a", "-"))
    return made


def orders(seed: int, rows: int = 5_000) -> Dirty:
    """Sales: figures that add up, days in order, articles with their names."""
    random = np.random.default_rng(seed)
    articles = [
        f"{a}{b}-{n}"
        for a, b, n in zip("ABCDE" * 24, "XYZ" * 40, random.choice(9_000, 120) + 1_000, strict=True)
    ]
    titles = [f"{a} {b}".lower() for a, b in zip(words(random, 120, 2), words(random, 120, 1), strict=True)]
    article = skewed(random, 120, rows, 0.8)
    net = np.round(np.exp(random.normal(3.5, 0.9, rows)), 2)
    tax = np.round(net * random.choice([0.07, 0.19], rows), 2)
    ordered = [dt.date(2024, 1, 1) + dt.timedelta(int(day)) for day in random.integers(360, size=rows)]
    made = table(
        "orders",
        seed,
        order=range(500_000, 500_000 + rows),
        article=[articles[i] for i in article],
        title=[titles[i] for i in article],
        quantity=random.poisson(3, rows) + 1,
        net=[f"{figure:.2f}" for figure in net],
        tax=[f"{figure:.2f}" for figure in tax],
        gross=[f"{figure:.2f}" for figure in net + tax],
        ordered=ordered,
        shipped=[
            day + dt.timedelta(int(late))
            for day, late in zip(ordered, random.geometric(0.3, rows), strict=True)
        ],
        status=random.choice(
            ["delivered", "shipped", "returned", "cancelled"], rows, p=[0.8, 0.1, 0.06, 0.04]
        ),
        channel=random.choice(["web", "shop", "phone"], rows),
    )
    made.spoil("title", 0.02, slip)
    made.spoil("status", 0.02, slip)
    made.spoil("gross", 0.006, times(10, 0.1))
    made.spoil("quantity", 0.01, times(100, 1_000))
    made.spoil("quantity", 0.004, times(-1))
    made.spoil("net", 0.05, lambda text, _: f"{text} EUR")
    made.spoil("shipped", 0.008, lambda text, _: (dt.date.fromisoformat(text) - dt.timedelta(90)).isoformat())
    made.spoil("article", 0.02, slip)
    made.spoil("channel", 0.01, to("", "?"))
    return made


def sensors(seed: int, rows: int = 6_000) -> Dirty:
    """Readings: sentinels, units, jumps, stations with their places."""
    random = np.random.default_rng(seed)
    stations = [f"ST{n:03d}" for n in range(1, 25)]
    heights = random.integers(5, 2_500, 24)
    station = np.tile(np.arange(24), rows // 24 + 1)[:rows]
    start = dt.datetime(2024, 3, 1)
    temperature = 12 - heights[station] / 200 + 6 * np.sin(np.arange(rows) / 400) + random.normal(0, 2, rows)
    humidity = np.clip(random.normal(65, 12, rows), 5, 100)
    made = table(
        "sensors",
        seed,
        station=[stations[i] for i in station],
        altitude=[heights[i] for i in station],
        measured_at=[start + dt.timedelta(minutes=10 * (i // 24)) for i in range(rows)],
        temperature=[f"{figure:.1f}" for figure in temperature],
        humidity=[f"{figure:.0f}" for figure in humidity],
        pressure=[f"{figure:.1f}" for figure in random.normal(1_013, 8, rows)],
        quality=random.choice(["ok", "estimated", "suspect"], rows, p=[0.95, 0.04, 0.01]),
    )
    made.spoil("temperature", 0.015, to("-999.0"))
    made.spoil("temperature", 0.01, times(10, 100))
    made.spoil("humidity", 0.03, lambda text, _: f"{text} %")
    made.spoil("humidity", 0.01, to("NaN", "error"))
    made.spoil("pressure", 0.01, times(0.001))
    made.spoil("altitude", 0.01, lambda text, random: str(int(text) + int(random.integers(1, 50))))
    made.spoil("measured_at", 0.03, restyle("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%d-%b-%Y %H:%M:%S"))
    made.spoil("station", 0.01, lambda text, _: text.replace("0", "O", 1).lower())
    return made


def departures(seed: int, things: int = 90, tellers: int = 30) -> Dirty:
    """The same flights as told by many sources, which are often wrong and write times in their own ways."""
    random = np.random.default_rng(seed)
    flights = [
        f"{random.choice(['QX', 'ZB', 'VN'])}-{n}-{a}-{b}"
        for n, a, b in zip(
            random.choice(5_000, things, replace=False),
            random.choice(["ABC", "DEF", "GHI"], things),
            random.choice(["JKL", "MNO", "PQR"], things),
            strict=True,
        )
    ]
    sources = words(random, tellers, 2, title=False)
    columns = ("planned_departure", "actual_departure", "planned_arrival", "actual_arrival")
    minutes = {column: random.integers(300, 1_380, things) for column in columns}
    pairs = [
        (source, thing) for thing in range(things) for source in range(tellers) if random.random() < 0.85
    ]
    made = table(
        "departures",
        seed,
        id=range(1, len(pairs) + 1),
        source=[sources[source] for source, _ in pairs],
        flight=[flights[thing] for _, thing in pairs],
        **{column: [_clock(int(minutes[column][thing])) for _, thing in pairs] for column in columns},
    )
    reliability = random.uniform(0.3, 1, tellers)
    # Some sources copy from one another: they agree in what is wrong.
    copied = random.random(tellers) < 0.25
    for column in columns:
        rumour = random.choice([-30, -10, 15, 40], things)
        for row, (source, thing) in enumerate(pairs):
            if random.random() > reliability[source]:
                late = int(rumour[thing]) if copied[source] else int(random.choice([-15, -5, 5, 10, 20, 35]))
                clock = _clock(int(minutes[column][thing]) + late)
                told = ["", clock, clock, f"12/02/2011 {clock}", "Not Available"]
                made.cells[column][row] = str(random.choice(told))
    return made


def _clock(minute: int) -> str:
    return (
        dt.time(minute // 60 % 24, minute % 60).strftime("%I:%M %p").lstrip("0").lower().replace("m", ".m.")
    )


def papers(seed: int, rows: int = 1_200) -> Dirty:
    """Bibliography: long unique titles, journals with abbreviations and numbers, spoilt by a spreadsheet."""
    random = np.random.default_rng(seed)
    journals = [
        f"Journal of {a} {b}" for a, b in zip(words(random, 110, 2), words(random, 110, 2), strict=True)
    ]
    short = [
        " ".join(f"{word[:4]}." if len(word) > 4 else word for word in name.split()) for name in journals
    ]
    numbers = [f"{random.integers(1_000, 9_999)}-{random.integers(1_000, 9_999)}" for _ in journals]
    journal = skewed(random, 110, rows, 0.8)
    vocabulary = words(random, 500, 2, title=False)
    first = random.integers(1, 900, rows)
    made = table(
        "papers",
        seed,
        id=range(1, rows + 1),
        title=[" ".join(random.choice(vocabulary, size=7)).capitalize() for _ in range(rows)],
        journal=[journals[i] for i in journal],
        abbreviation=[short[i] for i in journal],
        issn=[numbers[i] for i in journal],
        volume=random.integers(1, 80, rows),
        pages=[f"{page}-{page + random.integers(4, 30)}" for page in first],
        year=random.integers(1_985, 2_024, rows),
        language=random.choice(["eng", "ger", "fre", "spa"], rows, p=[0.88, 0.06, 0.04, 0.02]),
        created=[dt.date(2001, 1, 1) + dt.timedelta(int(day)) for day in random.integers(8_000, size=rows)],
    )
    made.spoil("journal", 0.03, slip)
    made.exchange("abbreviation", 0.02)
    made.spoil("issn", 0.03, lambda text, _: text.replace("-", ""))
    made.spoil("pages", 0.03, to("Jan-13", "Dec-30", "5-Mar", "Apr-26"))
    made.spoil("year", 0.01, lambda text, _: text[2:])
    made.spoil("language", 0.03, to("English", "en", ""))
    made.spoil("created", 0.06, restyle("%Y-%m-%d", "%m/%d/%y"))
    made.spoil("title", 0.02, to(""))
    return made


def taxpayers(seed: int, rows: int = 10_000) -> Dirty:
    """Records with many dependencies: zip to place, first name to gender, area code to state."""
    random = np.random.default_rng(seed)
    states = sorted({"".join(pair) for pair in random.choice(list(string.ascii_uppercase), (60, 2))})[:48]
    cities = [name.upper() for name in words(random, 700, 2)]
    zips = [f"{code}" for code in random.choice(np.arange(10_000, 99_999), 900, replace=False)]
    city_of, state_of = random.integers(700, size=900), random.integers(len(states), size=900)
    areas = random.choice(np.arange(200, 999), 150, replace=False)
    area_of = [areas[np.arange(150) % len(states) == state] for state in state_of]
    place = skewed(random, 900, rows, 0.6)
    first = words(random, 300)
    gender = random.choice(["F", "M"], 300)
    who = skewed(random, 300, rows, 0.7)
    last = words(random, 1_500, 2)
    single = random.random(rows) < 0.5
    made = table(
        "taxpayers",
        seed,
        first_name=[first[i] for i in who],
        last_name=[last[i] for i in skewed(random, 1_500, rows, 0.3)],
        gender=[gender[i] for i in who],
        area_code=[random.choice(area_of[i]) for i in place],
        phone=[f"{random.integers(200, 999)}-{random.integers(0, 9_999):04d}" for _ in range(rows)],
        city=[cities[city_of[i]] for i in place],
        state=[states[state_of[i]] for i in place],
        zip=[zips[i] for i in place],
        marital_status=np.where(single, "S", "M"),
        has_child=random.choice(["Y", "N"], rows),
        salary=random.integers(10, 200, rows) * 500,
        rate=[f"{figure:g}" for figure in np.round(random.uniform(0, 9, rows), 2)],
        exemption=np.where(single, 3_000, 0),
    )
    made.spoil("city", 0.02, lambda text, random: f"{text}-{random.choice(['*', 'X'])}")
    made.exchange("state", 0.02)
    made.spoil("gender", 0.02, to(""))
    made.exchange("gender", 0.02)
    made.spoil("first_name", 0.01, lambda text, random: f"{text}'{random.choice(['*', '-'])}")
    made.spoil("zip", 0.01, lambda text, random: text[:-1] + str(random.integers(10)))
    made.spoil("phone", 0.02, lambda text, _: text.replace("-", ""))
    made.spoil("rate", 0.02, lambda text, _: f"{text}%")
    made.spoil("salary", 0.005, times(1_000))
    return made


def films(seed: int, rows: int = 3_000) -> Dirty:
    """Films: texts with units, lists in cells, half-empty columns."""
    random = np.random.default_rng(seed)
    persons = [f"{a} {b}" for a, b in zip(words(random, 700, 2), words(random, 700, 2), strict=True)]
    year = random.integers(1_960, 2_020, rows)
    genres = ["Drama", "Comedy", "Action", "Thriller", "Documentary", "Romance"]
    made = table(
        "films",
        seed,
        id=[f"tt{n:07d}" for n in random.choice(9_999_999, rows, replace=False)],
        name=[" ".join(random.choice(persons, 2)).title() for _ in range(rows)],
        year=year,
        director=[persons[i] for i in skewed(random, 700, rows, 0.7)],
        cast=[", ".join(random.choice(persons, 3)) for _ in range(rows)],
        language=random.choice(
            ["English", "French", "German", "Japanese", "Hindi"], rows, p=[0.7, 0.12, 0.08, 0.06, 0.04]
        ),
        duration=[f"{minutes} min" for minutes in random.integers(70, 180, rows)],
        rating=[f"{figure:.1f}" for figure in np.clip(random.normal(6.4, 1.1, rows), 1, 10)],
        votes=[f"{count:,}" for count in np.exp(random.normal(8, 2, rows)).astype(int) + 5],
        genre=[",".join(sorted(set(random.choice(genres, 2)))) for _ in range(rows)],
        tagline=[" ".join(random.choice(persons, 4)) if random.random() < 0.4 else "" for _ in range(rows)],
    )
    made.spoil(
        "duration", 0.06, lambda text, _: f"{int(text.split()[0]) // 60} hr. {int(text.split()[0]) % 60} min."
    )
    made.spoil("year", 0.02, lambda text, _: f"({text})")
    made.spoil("rating", 0.03, lambda text, _: f"{text}/10")
    made.spoil("language", 0.02, slip)
    made.spoil("director", 0.02, slip)
    made.spoil("votes", 0.02, to("", "N/A"))
    made.spoil("id", 0.01, lambda text, _: text.removeprefix("tt"))
    return made


TABLES = (customers, orders, sensors, departures, papers, taxpayers, films)
