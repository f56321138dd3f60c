"""Retail, typed and clean: what each line of an invoice is."""

import datetime
from typing import Annotated

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.cleaning import text
from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.declare import Cast, about, about_table, column_check, row_check, rule, warn

# No price of the source has more than three decimals.
Price = Annotated[pl.Decimal, 12, 3]

SALE, CANCELLATION, WRITE_OFF, FEE, UNPRICED = "sale", "cancellation", "write_off", "fee", "unpriced"
KINDS = [SALE, CANCELLATION, WRITE_OFF, FEE, UNPRICED]

# Postage, carriage, manual entries, discounts, samples, marketplace and bank charges, charity,
# bad debt: booked like goods, but no goods.
FEE_CODES = ["POST", "DOT", "C2", "M", "D", "S", "AMAZONFEE", "BANK CHARGES", "CRUK", "B"]

# Five digits and a variant; gift vouchers; the web shop's own articles (DCGS); cushion pads.
PRODUCT_CODE = r"^(\d{5}[A-Z]{0,2}|GIFT_0001_\d\d|DCGS.+|PADS)$"


class SilverSales(RowContract):
    """One invoice line: who bought what, when, for how much, and what kind of line it is."""

    invoice_no: str = pa.Field(
        str_matches=r"^C?\d{6}$",
        description="six digits, with a C before them for a cancellation",
        metadata=about(
            str_matches=rule(
                why="other numbers (A563185) are the accountant's corrections of bad debt, not trade"
            )
        ),
    )
    stock_code: str = pa.Field(
        description="product, or the code of a fee; upper case",
        metadata=about(not_null=rule(why="a line that names nothing can't be told from a fee")),
    )
    description: str = pa.Field(
        nullable=True,
        description="the product's name as typed at the till",
        metadata=about(
            not_null=warn("lines without a name are stock corrections; the code still tells the product")
        ),
    )
    quantity: int = pa.Field(
        ne=0,
        in_range={"min_value": -5_000, "max_value": 5_000},
        description="units; negative when goods come back or are written off",
        metadata=about(
            ne=rule(why="a line about nothing is a mistake of the till"),
            in_range=warn(
                "eight lines are larger; an order of 74,215 jars was real, and cancelled in minutes"
            ),
        ),
    )
    invoiced_at: datetime.datetime = pa.Field(
        description="local time of the sale",
        metadata=about(
            cast=Cast(format="%Y-%m-%d %H:%M:%S"),
            castable=rule(
                why="written otherwise it would be guessed: 12/1 is January to some, December to others"
            ),
            not_null=rule(why="revenue belongs to a day"),
        ),
    )
    unit_price: Price = pa.Field(
        ge=0,
        le=1_000,
        description="GBP per unit; 0 for write-offs, gifts and stock found again",
        metadata=about(
            ge=rule(why="a negative price is a correction of bad debt; in revenue it would count as a sale"),
            le=warn("71 lines are dearer: fees and manual entries, real but worth a look"),
        ),
    )
    customer_id: str = pa.Field(
        nullable=True,
        str_matches=r"^\d{5}$",
        description="account number; null for guests",
        metadata=about(
            str_matches=rule(why="no account: the line would make up a customer in every customer report"),
            not_null=warn("a quarter of the lines come from guests: counted, never lost"),
            pii=True,
        ),
    )
    country: str = pa.Field(
        ne="Unspecified",
        description="where the customer lives",
        metadata=about(
            ne=warn("the line counts, its country is not known", dimension="completeness"),
            not_null=rule(
                why="the shop writes Unspecified where it does not know: an empty cell is a damaged line"
            ),
        ),
    )
    kind: str = pa.Field(
        isin=KINDS,
        description="sale, cancellation, write_off (goods gone without an invoice), fee, or unpriced (gifts, "
        "and stock found again)",
        # Computed here, so that it can't fail: a score that counted these checks would be flattered.
        metadata=about(isin=rule(weight=0), not_null=rule(weight=0)),
    )

    class Config:
        """Whole-table promises."""

        metadata = about_table(
            period_column="invoiced_at",
            in_period=rule(why="it would be booked on a day whose file may be delivered again without it"),
            unique_as_delivered=rule(
                on_violation="duplicate",
                why="the export repeats lines: two of one invoice, equal in every cell, are one told twice",
            ),
        )

    @row_check(why="a cancellation takes goods back, so its quantity is negative")
    def cancellation_takes_back(cls) -> nw.Expr:
        """Cancelled lines have a negative quantity."""
        return (nw.col("kind") != CANCELLATION) | (nw.col("quantity") < 0)

    @row_check(why="goods that leave without an invoice are written off; with a price it lacks the C")
    def write_off_has_no_price(cls) -> nw.Expr:
        """Negative quantities outside a cancellation have no price."""
        return (nw.col("kind") == CANCELLATION) | (nw.col("quantity") >= 0) | (nw.col("unit_price") == 0)

    @row_check(why="what is sold has a price; without one it is a gift, or stock found again")
    def sale_has_price(cls) -> nw.Expr:
        """Sales and fees have a price."""
        return ~nw.col("kind").is_in([SALE, FEE]) | (nw.col("unit_price") > 0)

    @column_check(
        "stock_code", severity="warn", why="new kinds of codes may be goods or fees: someone should decide"
    )
    def known_code(cls, code: nw.Expr) -> nw.Expr:
        """The code is a product's or a known fee's."""
        return code.str.contains(PRODUCT_CODE) | code.is_in(FEE_CODES)


def sales(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Name, trim and classify invoice lines; casting text to numbers is the contract's work."""
    invoice_no, code, quantity, price = map(text, ("InvoiceNo", "StockCode", "Quantity", "UnitPrice"))
    stock_code = code.str.to_uppercase()
    kind = (
        pl.when(invoice_no.str.starts_with("C"))
        .then(pl.lit(CANCELLATION))
        .when(quantity.str.starts_with("-"))
        .then(pl.lit(WRITE_OFF))
        .when(price.cast(pl.Float64, strict=False) == 0)
        .then(pl.lit(UNPRICED))
        .when(stock_code.is_in(FEE_CODES))
        .then(pl.lit(FEE))
        .otherwise(pl.lit(SALE))
    )
    return bronze.select(
        pl.col("^_.*$"),
        invoice_no=invoice_no,
        stock_code=stock_code,
        description=text("Description"),
        quantity=quantity,
        invoiced_at=text("InvoiceDate"),
        unit_price=price,
        # The export writes account numbers as floats: 17850.0 is the customer 17850.
        customer_id=text("CustomerID").str.strip_suffix(".0"),
        country=text("Country"),
        kind=kind,
    )
