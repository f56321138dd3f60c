"""Files as other people's systems write them, messy on purpose, of domains that the project does not know."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MONDAY = dt.date(2024, 1, 1)


@dataclass(frozen=True)
class Sent:
    """What was laid out.

    Attributes:
        name: Of the dataset.
        files: In the order of their making.
        table: The main table.
        rows: How many rows its deliveries hold; of a list that is sent whole those of the newest.
        bad: How many of them can't be read.
        partitions: How many periods it has; 0 for a table as a whole.
        tables: How many tables of silver there are.
    """

    name: str
    files: list[Path]
    table: str
    rows: int
    bad: int
    partitions: int
    tables: int = 1


def days(count: int, step: int = 1) -> list[dt.date]:
    return [MONDAY + dt.timedelta(days=step * n) for n in range(count)]


def german(value: float, decimals: int = 2) -> str:
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


def write(path: Path, lines: list[str], encoding: str = "utf-8", end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def meters(folder: Path) -> Sent:
    """Electricity: one file a day, semicolons, latin-1, decimal commas, a preamble, a line of totals."""
    dice = random.Random(1)
    files, rows, bad = [], 0, 0
    for day in days(9):
        lines = ["Zählerstände;;;", f"erstellt am {day:%d.%m.%Y};;;", ""]
        lines.append("Zählpunkt;Zeitpunkt;Verbrauch (kWh);Qualität")
        for hour in range(24):
            for meter in range(4):
                value = german(dice.uniform(0.1, 4_000), 3)
                if (day.day, hour, meter) in ((3, 5, 1), (6, 0, 2)):
                    value, bad = "defekt", bad + 1
                quality = dice.choice(["gemessen", "gemessen", "geschätzt"])
                lines.append(f"DE{1_000 + meter};{day:%d.%m.%Y} {hour:02d}:00;{value};{quality}")
                rows += 1
        lines.append("Summe;;9.999,000;")
        files.append(write(folder / f"lastgang_{day}.csv", lines, "latin-1", "\r\n"))
    return Sent("energy", files, "energy", rows, bad, 9)


def parcels(folder: Path) -> Sent:
    """Logistics: several files a day, pipes, American dates, dollars with thousands separators."""
    dice = random.Random(2)
    files, number = [], 0
    for day in days(4):
        for clock in ("0615", "1230", "2245"):
            lines = ["Tracking #|Shipped On|Carrier|Declared Value|Weight|class"]
            for _ in range(40):
                number += 1
                value = f"${dice.uniform(5, 9_000):,.2f}" if dice.random() > 0.1 else "N/A"
                weight = f"{dice.uniform(0.2, 30):.1f} kg"
                kind = dice.choice(["ground", "air", "freight"])
                carrier = dice.choice(["Northwind", "Blue Ox", "PDQ"])
                lines.append(f"1Z{number:08d}|{day:%m/%d/%Y}|{carrier}|{value}|{weight}|{kind}")
            files.append(write(folder / f"manifest_{day:%Y%m%d}_{clock}.txt", lines))
    return Sent("parcels", files, "parcels", number, 0, 4)


def loans(folder: Path) -> Sent:
    """A library: a file a month, tabs, two ways to write a date, yes and no, readers' names."""
    dice = random.Random(3)
    files, number = [], 0
    first = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Ken", "Frances", "Niklaus"]
    last = [
        "Byron",
        "Hopper",
        "Turing",
        "Dijkstra",
        "Liskov",
        "Knuth",
        "Perlman",
        "Iverson",
        "Allen",
        "Wirth",
    ]
    for month in (1, 2, 3, 4):
        lines = ["Loan ID\tReader\tE-Mail\tOut\tReturned?\tBranch"]
        for _ in range(90):
            number += 1
            out = dt.date(2024, month, dice.randint(1, 28))
            written = f"{out:%d.%m.%Y}" if dice.random() < 0.7 else f"{out:%Y-%m-%d}"
            who = f"{dice.choice(first)} {dice.choice(last)}"
            mail = who.lower().replace(" ", ".") + "@example.org"
            branch = dice.choice(["Altstadt", "Hafen", "Südpark"])
            lines.append(f"L{number:06d}\t{who}\t{mail}\t{written}\t{dice.choice('YN')}\t{branch}")
        files.append(write(folder / f"loans-2024-{month:02d}.tsv", lines))
    return Sent("library", files, "library", number, 0, 4)


def bank(folder: Path) -> Sent:
    """A bank's account: each export holds all rows of the former ones, Swiss apostrophes, cp1252."""
    dice = random.Random(4)
    lines, files = ["Buchung;Valuta;Text;Betrag CHF;Saldo CHF"], []
    balance = 10_000.0
    rows = 0
    for week in range(4):
        for n in range(30):
            day = MONDAY + dt.timedelta(days=7 * week + n % 7)
            amount = round(dice.uniform(-1_500, 1_600), 2)
            balance += amount
            text = dice.choice(["Einkauf", "Gehalt", "Miete Büro €", "Gebühren", "Überweisung"])
            money = [f"{value:,.2f}".replace(",", "'") for value in (amount, balance)]
            lines.append(f"{day:%d.%m.%y};{day:%d.%m.%y};{text};{money[0]};{money[1]}")
            rows += 1
        export = MONDAY + dt.timedelta(days=7 * (week + 1))
        files.append(write(folder / f"konto_{export:%Y%m%d}.csv", lines, "cp1252", "\r\n"))
    return Sent("bank", files, "bank", rows, 0, 0)


def gyms(folder: Path) -> Sent:
    """Visits to gyms: no date in the names, a file a place; an Excel list that they refer to."""
    import xlsxwriter

    dice = random.Random(5)
    files, number = [], 0
    for place in ("berlin", "bern", "wien"):
        lines = ["visit,member,day,minutes"]
        for day in days(10):
            for _ in range(12):
                number += 1
                lines.append(f"V{number:05d},M{dice.randrange(60):03d},{day},{dice.randint(5, 180)}")
        files.append(write(folder / f"{place}.csv", lines))
    book = folder / "members.xlsx"
    with xlsxwriter.Workbook(book) as workbook:
        sheet = workbook.add_worksheet("Members")
        sheet.write_row(0, 0, ["member", "class", "joined", "fee"])
        for n in range(60):
            fee = [19.9, 29.9, 49.9][n % 3]
            sheet.write_row(
                n + 1, 0, [f"M{n:03d}", ["basic", "plus", "gold"][n % 3], f"2023-0{n % 9 + 1}-15", fee]
            )
    return Sent("gyms", [*files, book], "gyms", number, 0, 10, tables=2)


def stalls(folder: Path) -> Sent:
    """A market: one file a stall and day, all of which make the day."""
    dice = random.Random(6)
    files, number = [], 0
    for day in days(5):
        for stall in ("cheese", "fish", "flowers"):
            lines = ["receipt,at,item,pieces,paid"]
            for n in range(25):
                number += 1
                at = dt.datetime.combine(day, dt.time(8 + n % 9, n))
                receipt, paid = f"{stall[0].upper()}{number:05d}", f"{dice.uniform(1, 60):.2f}"
                lines.append(f"{receipt},{at},{stall} {n % 4},{n % 5 + 1},{paid}")
            files.append(write(folder / f"{stall}_{day}.csv", lines))
    return Sent("market", files, "market", number, 0, 5)


def wards(folder: Path) -> Sent:
    """Beds of a hospital: a weekly file by ISO week, null words, a column that nobody named."""
    dice = random.Random(7)
    files, rows = [], 0
    for monday in days(5, step=7):
        lines = [",ward,day,beds,free,remark"]
        for n in range(7):
            for ward in ("A1", "A2", "B1", "C3"):
                day = monday + dt.timedelta(days=n)
                free = dice.choice(["?", "?", *map(str, range(20))])
                remark = dice.choice(["", "n/a", "ok"])
                lines.append(f"{rows},{ward},{day:%d-%b-%Y},{dice.randint(20, 40)},{free},{remark}")
                rows += 1
        files.append(write(folder / f"beds_{monday:%G-W%V}.csv", lines))
    return Sent("beds", files, "beds", rows, 0, 5)


def prices(folder: Path) -> Sent:
    """A wholesaler: each Friday the whole price list, the newest of which counts; neither date nor key."""
    dice = random.Random(8)
    files = []
    for friday in (dt.date(2024, 3, 1), dt.date(2024, 3, 8), dt.date(2024, 3, 15)):
        lines = ["article;name;net price;in stock"]
        for n in range(80 + len(files)):
            lines.append(f"{n:05d};Part {n % 7};{german(dice.uniform(1, 2_000))};{['no', 'yes'][n % 2]}")
        files.append(write(folder / f"pricelist {friday:%d.%m.%Y}.csv", lines, "cp1252"))
    return Sent("prices", files, "prices", 82, 0, 0)


ALL: list[Callable[[Path], Sent]] = [meters, parcels, loans, bank, gyms, stalls, wards, prices]
