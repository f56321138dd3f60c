"""Three more dirty tables, written when the thresholds stood: how much of the others' figures is fit?"""

from __future__ import annotations

import numpy as np

from benchmarks.dirt import Dirty, skewed, slip, table, to, words


def players(seed: int, rows: int = 4_000) -> Dirty:
    """Players by season: who plays where changes, so that much that looks like a law is none."""
    random = np.random.default_rng(seed)
    names = [f"{a} {b}" for a, b in zip(words(random, 500, 2), words(random, 500, 2), strict=True)]
    managers = [f"{a} {b}" for a, b in zip(words(random, 300, 2), words(random, 300, 2), strict=True)]
    teams, cities = words(random, 60, 3), words(random, 45, 2)
    stadiums = [f"{name} Arena" for name in words(random, 60, 2)]
    city_of, born = random.integers(45, size=60), random.integers(45, size=500)
    position = random.choice(["Goalkeeper", "Defender", "Midfielder", "Forward"], 500)
    year = random.integers(1_970, 2_000, 500)
    player, season = random.integers(500, size=rows), random.integers(2_005, 2_020, rows)
    usual = random.integers(60, size=500)
    team = np.where(random.random(rows) < 0.6, usual[player], random.integers(60, size=rows))
    led_by = random.integers(300, size=(60, 15))
    made = table(
        "players",
        seed,
        name=[names[i] for i in player],
        birthyear=year[player],
        birthplace=[cities[born[i]] for i in player],
        position=position[player],
        team=[teams[i] for i in team],
        city=[cities[city_of[i]] for i in team],
        stadium=[stadiums[i] for i in team],
        season=season,
        manager=[managers[led_by[i, year - 2_005]] for i, year in zip(team, season, strict=True)],
    )
    for column in ("birthplace", "city", "stadium", "manager"):
        made.exchange(column, 0.015)
    for column in ("team", "position"):
        made.spoil(column, 0.01, slip)
    return made


def census(seed: int, rows: int = 4_000) -> Dirty:
    """Persons by categories: laws that hold for some categories only, `?` as a word."""
    random = np.random.default_rng(seed)
    schools = ["HS-grad", "Some-college", "Bachelors", "Masters", "Assoc-voc", "11th", "Assoc-acdm", "10th"]
    schools += ["7th-8th", "Prof-school", "9th", "12th", "Doctorate", "5th-6th", "1st-4th", "Preschool"]
    school = skewed(random, 16, rows, 1.2)
    relations = ["Husband", "Not-in-family", "Own-child", "Unmarried", "Wife", "Other-relative"]
    relation = random.choice(relations, rows, p=[0.4, 0.26, 0.15, 0.1, 0.05, 0.04])
    sex = np.where(relation == "Husband", "Male", random.choice(["Male", "Female"], rows))
    sex = np.where(relation == "Wife", "Female", sex)
    single = random.choice(
        ["Never-married", "Divorced", "Separated", "Widowed"], rows, p=[0.6, 0.3, 0.06, 0.04]
    )
    work = ["Private", "Self-emp", "Local-gov", "?", "State-gov", "Federal-gov"]
    made = table(
        "census",
        seed,
        age=random.integers(17, 90, rows),
        work=random.choice(work, rows, p=[0.72, 0.11, 0.06, 0.04, 0.04, 0.03]),
        education=[schools[i] for i in school],
        education_number=16 - school,
        marital=np.where(np.isin(relation, ["Husband", "Wife"]), "Married", single),
        relationship=relation,
        sex=sex,
        hours=np.clip(random.normal(40, 10, rows).astype(int), 1, 99),
        country=random.choice(["United-States", "Mexico", "Germany", "?"], rows, p=[0.92, 0.04, 0.02, 0.02]),
    )
    for column in ("education", "marital", "sex", "relationship"):
        made.exchange(column, 0.02)
    for column in ("work", "country"):
        made.spoil(column, 0.01, slip)
    return made


def restaurants(seed: int, rows: int = 2_500) -> Dirty:
    """The same restaurants again and again, told in different ways."""
    random = np.random.default_rng(seed)
    kinds = random.choice(["Cafe", "Grill", "Bistro", "Kitchen", "Diner"], 500)
    names = [f"{a} {b}" for a, b in zip(words(random, 500, 2), kinds, strict=True)]
    phones = [f"{random.integers(200, 999)}/555-{random.integers(0, 9_999):04d}" for _ in range(500)]
    streets = [f"{random.integers(1, 9_000)} {name} st." for name in words(random, 500, 2)]
    towns = random.choice(["new york", "los angeles", "san francisco", "atlanta", "chicago"], 500)
    foods = random.choice(["american", "italian", "french", "chinese", "mexican", "seafood"], 500)
    place = random.integers(500, size=rows)
    made = table(
        "restaurants",
        seed,
        id=range(rows),
        name=[names[i] for i in place],
        address=[streets[i] for i in place],
        city=towns[place],
        phone=[phones[i] for i in place],
        type=foods[place],
    )
    made.spoil("name", 0.03, slip)
    made.spoil("address", 0.03, slip)
    made.spoil("city", 0.03, to("new york city", "la", "sf", ""))
    made.spoil("phone", 0.03, lambda text, _: text.replace("/", "-"))
    made.exchange("type", 0.03)
    return made


HELD_OUT = (players, census, restaurants)
