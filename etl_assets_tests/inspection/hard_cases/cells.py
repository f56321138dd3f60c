"""Columns: numbers, dates, words, codes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from etl_assets_tests.inspection.hard_cases.case import GOODS, Case, Collection, one_column

CASES = Collection()
DAYS = [date(2024, 1, 1) + timedelta(days=n * 11 % 366) for n in range(60)]


def _amounts(pattern: str = "{:,.2f}") -> list[str]:
    return [pattern.format((n * 104729 % 1_000_000) / 100 + 0.25) for n in range(60)]


def _german(amount: str) -> str:
    return amount.translate(str.maketrans(",.", ".,"))


# -- numbers ------------------------------------------------------------------------------------


@CASES.add
def thousands_with_points() -> Case:
    return one_column(map(_german, _amounts()), kind="decimal", decimal=",", thousands=".")


@CASES.add
def thousands_with_commas() -> Case:
    return one_column(_amounts(), kind="decimal", decimal=".", thousands=",")


@CASES.add
def thousands_with_no_break_spaces() -> Case:
    cells = [cell.replace(",", "\u202f").replace(".", ",") for cell in _amounts()]
    return one_column(cells, kind="decimal", decimal=",", thousands="\u202f")


@CASES.add
def thousands_with_spaces() -> Case:
    cells = [cell.replace(",", " ").replace(".", ",") for cell in _amounts()]
    return one_column(cells, kind="decimal", decimal=",", thousands=" ")


@CASES.add
def thousands_with_apostrophes() -> Case:
    cells = [cell.replace(",", "'") for cell in _amounts()]
    return one_column(cells, kind="decimal", decimal=".", thousands="'")


@CASES.add
def groups_or_decimals() -> Case:
    # 1.250 is one and a quarter or one thousand and so on: nothing in the column tells.
    case = one_column((f"{n % 9 + 1}.{n * 125 % 1000:03}" for n in range(40)), kind="decimal")
    return Case(**{**vars(case), "unsure": ("value",)})


@CASES.add
def whole_numbers_with_groups() -> Case:
    cells = [f"{n * 104729 % 10_000_000:,}" for n in range(60)]
    return one_column(cells, kind="integer", thousands=",")


@CASES.add
def currency_before() -> Case:
    cells = [f"€ {_german(cell)}" for cell in _amounts()]
    return one_column(cells, kind="decimal", decimal=",", thousands=".", affixes=("€ ", ""))


@CASES.add
def currency_after() -> Case:
    cells = [f"{cell} USD" for cell in _amounts("{:.2f}")]
    return one_column(cells, kind="decimal", decimal=".", affixes=("", " USD"))


@CASES.add
def dollars_with_minus() -> Case:
    cells = [("-" if n % 7 == 3 else "") + f"${cell}" for n, cell in enumerate(_amounts())]
    return one_column(cells, kind="decimal", thousands=",", affixes=("$", ""))


@CASES.add
def percents() -> Case:
    return one_column((f"{n * 37 % 100}.{n % 10}%" for n in range(60)), kind="decimal", affixes=("", "%"))


@CASES.add
def units_of_many_kinds() -> Case:
    units = ("12.0 oz", "16.0 oz.", "12.0 ounce", "8.4 oz", "24.0 oz. Tin")
    return one_column((units[n % 5] for n in range(60)), kind="decimal")


@CASES.add
def minus_behind() -> Case:
    cells = [f"{n * 37 % 100},50" + ("-" if n % 5 == 2 else "") for n in range(60)]
    return one_column(cells, kind="decimal", decimal=",")


@CASES.add
def brackets_for_minus() -> Case:
    cells = [f"({cell})" if n % 5 == 2 else cell for n, cell in enumerate(_amounts())]
    return one_column(cells, kind="decimal", thousands=",")


@CASES.add
def exponents() -> Case:
    return one_column((f"{n * 37 % 91 / 7:.3e}" for n in range(1, 60)), kind="decimal")


@CASES.add
def leading_zeros() -> Case:
    cells = [f"{n * 1711 % 99999:05}" for n in range(60)]
    return one_column(cells, kind="text", leading_zeros=True)


@CASES.add
def article_numbers_with_a_letter_late() -> Case:
    # All digits in the first rows, a letter in a later one.
    cells = [str(536365 + n) for n in range(300)] + [f"C{536365 + n}" for n in range(40)]
    return one_column(cells, kind="text")


@CASES.add
def numbers_with_a_few_words() -> Case:
    cells = [str(n * 37 % 91) if n % 25 != 13 else "see note" for n in range(200)]
    return one_column(cells, kind="integer", misfits=("see note",))


@CASES.add
def numbers_too_long_for_64_bits() -> Case:
    return one_column((f"9{n * 7919:025}" for n in range(40)), kind="text")


@CASES.add
def addresses_of_machines() -> Case:
    return one_column((f"10.0.{n % 7}.{n * 37 % 255}" for n in range(40)), kind="text", personal="ip address")


@CASES.add
def versions() -> Case:
    return one_column((f"{n % 3}.{n % 11}.{n % 5}" for n in range(40)), kind="text")


# -- moments ------------------------------------------------------------------------------------


@CASES.add
def german_dates() -> Case:
    return one_column((f"{day:%d.%m.%Y}" for day in DAYS), kind="date", formats=("%d.%m.%Y",))


@CASES.add
def days_first() -> Case:
    return one_column((f"{day:%d/%m/%Y}" for day in DAYS), kind="date", formats=("%d/%m/%Y",))


@CASES.add
def months_first() -> Case:
    return one_column((f"{day:%m/%d/%Y}" for day in DAYS), kind="date", formats=("%m/%d/%Y",))


@CASES.add
def months_first_without_zeros() -> Case:
    cells = [f"{day.month}/{day.day}/{day:%Y}" for day in DAYS]
    return one_column(cells, kind="date", formats=("%m/%d/%Y",))


@CASES.add
def days_or_months_first() -> Case:
    cells = [f"{n * 5 % 12 + 1:02}/{n * 7 % 12 + 1:02}/2024" for n in range(40)]
    case = one_column(cells, kind="date")
    return Case(**{**vars(case), "unsure": ("value",)})


@CASES.add
def days_and_months_first() -> Case:
    cells = [f"{day:%d/%m/%Y}" if n % 2 else f"{day:%m/%d/%Y}" for n, day in enumerate(DAYS)]
    case = one_column(cells, kind="date")
    return Case(**{**vars(case), "unsure": ("value",)})


@CASES.add
def mixed_dates() -> Case:
    cells = [f"{day:%d.%m.%Y}" if n % 4 == 1 else f"{day:%Y-%m-%d}" for n, day in enumerate(DAYS)]
    return one_column(cells, kind="date", formats=("%Y-%m-%d", "%d.%m.%Y"))


@CASES.add
def years_of_two_digits() -> Case:
    return one_column((f"{day:%d.%m.%y}" for day in DAYS), kind="date", formats=("%d.%m.%y",))


@CASES.add
def names_of_months() -> Case:
    return one_column((f"{day:%d-%b-%Y}" for day in DAYS), kind="date", formats=("%d-%b-%Y",))


@CASES.add
def american_long_dates() -> Case:
    return one_column((f"{day:%B %d, %Y}" for day in DAYS), kind="date", formats=("%B %d, %Y",))


@CASES.add
def dates_without_signs() -> Case:
    return one_column((f"{day:%Y%m%d}" for day in DAYS), kind="date", formats=("%Y%m%d",))


@CASES.add
def moments() -> Case:
    cells = [f"{datetime(2024, 3, 1) + timedelta(minutes=n * 977):%d.%m.%Y %H:%M}" for n in range(60)]
    return one_column(cells, kind="datetime", formats=("%d.%m.%Y %H:%M",))


@CASES.add
def moments_in_utc() -> Case:
    cells = [f"{datetime(2024, 3, 1) + timedelta(seconds=n * 977):%Y-%m-%dT%H:%M:%S}Z" for n in range(60)]
    return one_column(cells, kind="datetime", formats=("%Y-%m-%dT%H:%M:%SZ",))


@CASES.add
def moments_with_offset_and_fractions() -> Case:
    cells = [
        f"{datetime(2024, 3, 1) + timedelta(seconds=n * 977):%Y-%m-%d %H:%M:%S}.{n:03}+01:00"
        for n in range(60)
    ]
    return one_column(cells, kind="datetime", formats=("%Y-%m-%d %H:%M:%S%.f%z",))


@CASES.add
def halves_of_the_day() -> Case:
    cells = [f"{datetime(2024, 3, 1) + timedelta(minutes=n * 977):%m/%d/%Y %I:%M %p}" for n in range(60)]
    return one_column(cells, kind="datetime", formats=("%m/%d/%Y %I:%M %p",))


@CASES.add
def seconds_since_1970() -> Case:
    case = one_column((1_700_000_000 + n * 86_413 for n in range(60)), kind="integer")
    return Case(**{**vars(case), "told": ("seconds since 1970",)})


@CASES.add
def dates_with_a_few_words() -> Case:
    cells = [f"{day:%Y-%m-%d}" if n % 20 != 7 else "unknown" for n, day in enumerate(DAYS)]
    return one_column(cells, kind="date", formats=("%Y-%m-%d",), null_words=("unknown",))


@CASES.add
def dates_that_do_not_exist() -> Case:
    cells = [f"{day:%Y-%m-%d}" if n % 20 != 7 else "2024-02-30" for n, day in enumerate(DAYS)]
    return one_column(cells, kind="date", formats=("%Y-%m-%d",), misfits=("2024-02-30",))


# -- words --------------------------------------------------------------------------------------


@CASES.add
def null_words() -> Case:
    words = {3: "NA", 11: "-", 19: "?", 27: "n/a"}
    cells = [words.get(n % 30, str(n * 37 % 91)) for n in range(300)]
    return one_column(cells, kind="integer", null_words=("-", "?", "NA", "n/a"))


@CASES.add
def a_word_for_null_among_words() -> Case:
    cells = ["N/A" if n % 9 == 4 else GOODS[n % 10] for n in range(90)]
    return one_column(cells, kind="text", null_words=("N/A",))


@CASES.add
def a_number_for_null() -> Case:
    cells = ["9999" if n % 9 == 4 else str(n * 37 % 91) for n in range(90)]
    case = one_column(cells, kind="integer", null_words=())
    return Case(**{**vars(case), "told": ("9999",)})


@CASES.add
def yes_and_no_in_german() -> Case:
    return one_column(("ja" if n % 3 else "nein" for n in range(40)), kind="boolean")


@CASES.add
def y_and_n() -> Case:
    return one_column(("Y" if n % 3 else "N" for n in range(40)), kind="boolean")


@CASES.add
def noughts_and_ones() -> Case:
    return one_column((n % 3 % 2 for n in range(40)), kind="integer")


@CASES.add
def padded_cells() -> Case:
    return one_column((f"{n * 37 % 91:>8} " for n in range(40)), kind="integer", padded=True)


@CASES.add
def nothing_at_all() -> Case:
    return one_column(("" for _ in range(40)), kind="text", filled=0)
